//! Turns the result of an execution into a header: the same function for the proposer and for everybody who judges.
//!
//! The header is a pure function of parent, facts, round, inputs and execution, so that a judge recomputes it and
//! compares it byte for byte.

use crate::rows::Tip;
use borsh::BorshSerialize;
use chain_state::{BlockFacts, Execution};
use ledger_protocol::chain::{Block, CountedRoot, Header, Input, InputLeaf, MAX_BLOCK_INPUTS};
use ledger_protocol::codec::{Bounded, encode};
use ledger_protocol::merkle::{LeafHash, Tree};
use ledger_protocol::{Address, ChainId, Hash, Round, Suite, TimestampMs};

/// A block's inputs with their leaves, so that no id is hashed twice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockInputs {
    inputs: Bounded<Input, MAX_BLOCK_INPUTS>,
    leaves: Vec<InputLeaf>,
    root: CountedRoot,
}

impl BlockInputs {
    /// Hashes the inputs of a block of a chain of `suite`.
    pub fn new(suite: Suite, inputs: Bounded<Input, MAX_BLOCK_INPUTS>) -> Self {
        let leaves = inputs.iter().map(|input| input.leaf(suite)).collect();
        Self::with_leaves(suite, inputs, leaves)
    }

    /// As [`Self::new`] for inputs whose leaves are known; as many leaves as inputs.
    pub(crate) fn with_leaves(suite: Suite, inputs: Bounded<Input, MAX_BLOCK_INPUTS>, leaves: Vec<InputLeaf>) -> Self {
        assert_eq!(inputs.len(), leaves.len(), "every input has one leaf");
        let root = counted_root(suite, &leaves);
        Self { inputs, leaves, root }
    }

    /// The inputs.
    pub fn inputs(&self) -> &[Input] {
        &self.inputs
    }

    /// Their leaves in the transactions tree.
    pub fn leaves(&self) -> &[InputLeaf] {
        &self.leaves
    }

    /// The transactions tree.
    pub const fn root(&self) -> CountedRoot {
        self.root
    }

    /// Ids of transactions and hashes of system inputs, in order.
    pub fn hashes(&self) -> impl Iterator<Item = Hash> {
        self.leaves.iter().map(leaf_hash)
    }

    /// The encoding of the [`Block`] of this header and these inputs.
    pub fn block_bytes(&self, header: &Header) -> Vec<u8> {
        // Borsh writes a struct as its fields in order.
        let mut bytes = encode(header);
        bytes.extend(encode(&self.inputs));
        bytes
    }

    /// The inputs of a block, given up; `None` when they are not those that its header names.
    pub fn of_block(block: Block) -> Option<(Header, Self)> {
        let Block { header, inputs } = block;
        let inputs = Self::new(header.chain.suite, inputs);
        (inputs.root == header.transactions).then_some((header, inputs))
    }
}

/// What an input's leaf says of it: the id, or the hash of a system input.
pub const fn leaf_hash(leaf: &InputLeaf) -> Hash {
    match leaf {
        InputLeaf::Signed { id, .. } => id.0,
        InputLeaf::System { hash } => *hash,
    }
}

/// An execution with the header that it gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Executed {
    /// The header.
    pub header: Header,
    /// Its hash.
    pub header_hash: Hash,
    /// What the block did.
    pub execution: Execution,
}

impl Executed {
    /// Assembles the header of a block on `parent`.
    pub fn new(parent: &Tip, facts: &BlockFacts, round: Round, inputs: &BlockInputs, execution: Execution) -> Self {
        let suite = facts.chain.suite;
        assert_eq!(execution.receipts.len(), inputs.inputs().len(), "the state machine gives one receipt per input");
        let leaves: Vec<_> = execution.outbox.iter().map(|entry| entry.leaf).collect();
        let header = Header {
            version: facts.parameters.protocol_version,
            chain: facts.chain,
            height: facts.height,
            round,
            timestamp_ms: facts.timestamp_ms,
            parent: facts.parent,
            proposer: facts.proposer,
            transactions: inputs.root(),
            receipts: counted_root(suite, &execution.receipts).root,
            changes: counted_root(suite, &execution.delta.changes),
            events: counted_root(suite, &execution.delta.events),
            outbox: counted_root(suite, &leaves),
            ledgers: counted_root(suite, &execution.delta.ledgers),
            history: parent.frontier.root(),
            validators_hash: facts.validators.hash(suite),
            next_validators_hash: execution.next_validators.hash(suite),
            parameters_hash: facts.parameters.hash(suite),
            next_parameters_hash: execution.next_parameters.hash(suite),
        };
        let header_hash = header.hash();
        Self { header, header_hash, execution }
    }
}

/// The facts of a block on `parent`.
pub fn facts_on(parent: &Tip, chain: ChainId, timestamp_ms: TimestampMs, proposer: Address) -> BlockFacts {
    BlockFacts {
        chain,
        height: parent.header.height.saturating_add(1),
        timestamp_ms,
        proposer,
        parent: parent.header_hash,
        parameters: parent.next_parameters.clone(),
        validators: parent.next_validators.clone(),
    }
}

/// The tree over the encodings of `leaves`.
pub fn tree_of<T: BorshSerialize>(suite: Suite, leaves: &[T]) -> Tree {
    Tree::from_leaves(suite, leaves.iter().map(|leaf| LeafHash::of(suite, &encode(leaf))))
}

/// Root and count of the tree over the encodings of `leaves`.
pub fn counted_root<T: BorshSerialize>(suite: Suite, leaves: &[T]) -> CountedRoot {
    // Blocks are bounded far below 2³² leaves of any kind.
    let count = u32::try_from(leaves.len()).unwrap_or(u32::MAX);
    CountedRoot { root: tree_of(suite, leaves).root(), count }
}
