//! The StateMachine port: what makes a chain a relay or a subchain.
//!
//! The engine orders inputs and asks the machine what they do. `execute` is a pure function of the parent state
//! (through the reader), the block's facts and its inputs: proposer, validators and replays get the same result.

use crate::block_state::StateDelta;
use crate::store::{StoreFault, StoreReader};
use ledger_protocol::chain::{Genesis, Input, Parameters, Section, ValidatorSet};
use ledger_protocol::interchain::{Message, OutboxLeaf};
use ledger_protocol::transaction::Receipt;
use ledger_protocol::{Address, ChainId, Code, Hash, Height, TimestampMs};

/// What an execution may know of its block beside the parent state and the inputs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockFacts {
    /// The chain.
    pub chain: ChainId,
    /// The block's height.
    pub height: Height,
    /// The block's time; the only time an execution knows.
    pub timestamp_ms: TimestampMs,
    /// Who built it.
    pub proposer: Address,
    /// Hash of the header before.
    pub parent: Hash,
    /// Parameters in force for this block.
    pub parameters: Parameters,
    /// Validators that certify this block.
    pub validators: ValidatorSet,
}

/// One peer's leaf of a block's outbox with the complete list beneath it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxEntry {
    /// The leaf.
    pub leaf: OutboxLeaf,
    /// Its messages, oldest first; as many as `leaf.count`.
    pub messages: Vec<Message>,
}

/// Everything that a block did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Execution {
    /// One per input, in order.
    pub receipts: Vec<Receipt>,
    /// State writes with their changes, events and ledger leaves.
    pub delta: StateDelta,
    /// Ascending by peer.
    pub outbox: Vec<OutboxEntry>,
    /// The set that certifies the next block.
    pub next_validators: ValidatorSet,
    /// Parameters in force for the next block.
    pub next_parameters: Parameters,
    /// Whether the next block has something to do even without inputs: a deadline that must tick, a postponed
    /// message. The engine then keeps its pace instead of its heartbeat.
    pub has_due_work: bool,
}

/// Where an input goes, as the pool needs to know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admission {
    /// The section of the block.
    pub section: Section,
    /// Inputs with equal keys replace each other by `rank`: for a transaction its id, for an Advance its source.
    pub dedupe_key: Vec<u8>,
    /// Of two inputs with one dedupe key the pool keeps the greater (R9: most messages, then highest head).
    pub rank: (u64, u64),
    /// Inputs of one lane go into a block in ascending `order`, and none may be skipped (a source's hand-offs
    /// before its Advance).
    pub lane: Vec<u8>,
    /// The place within the lane.
    pub order: u64,
    /// Whether this input alone is a reason to make a block now (an Advance without a list is not).
    pub is_work: bool,
}

/// Why an input does not enter the pool.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {reason}")]
pub struct Refusal {
    /// Stable code.
    pub code: Code,
    /// Words for people; never hashed.
    pub reason: String,
}

/// Why a block, or an admission, has no result.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExecuteError {
    /// The block is invalid because of this input: it must not be in a block on this parent.
    #[error("input {index} makes the block invalid: {refusal}")]
    Invalid {
        /// Position of the input.
        index: usize,
        /// Why.
        refusal: Refusal,
    },
    /// I/O below; says nothing about the block.
    #[error(transparent)]
    Fault(#[from] StoreFault),
}

impl ExecuteError {
    /// The input at this position is refused.
    pub fn invalid(index: usize, code: Code, reason: impl Into<String>) -> Self {
        Self::Invalid { index, refusal: Refusal { code, reason: reason.into() } }
    }
}

/// The result of executing a genesis.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GenesisState {
    /// The state after the first operations.
    pub delta: StateDelta,
}

/// A chain's rules.
pub trait StateMachine: Send + Sync {
    /// Executes the first operations on the empty state.
    ///
    /// # Errors
    /// A [`Refusal`] when the genesis is not one for this machine or an operation fails.
    fn genesis(&self, genesis: &Genesis) -> Result<GenesisState, Refusal>;

    /// Judges whether an input may enter the pool, against the state after block `facts.height − 1`.
    ///
    /// Signatures of transactions were verified before; everything else that the input claims is verified here.
    ///
    /// # Errors
    /// [`ExecuteError::Invalid`] with index 0 to refuse it, [`ExecuteError::Fault`] when the store failed.
    fn admit(&self, reader: &dyn StoreReader, facts: &BlockFacts, input: &Input) -> Result<Admission, ExecuteError>;

    /// Executes a block on the state after its parent.
    ///
    /// # Errors
    /// [`ExecuteError::Invalid`] names the input that must not be there.
    fn execute(
        &self,
        reader: &dyn StoreReader,
        facts: &BlockFacts,
        inputs: &[Input],
    ) -> Result<Execution, ExecuteError>;
}
