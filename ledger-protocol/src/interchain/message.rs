//! Messages of the proposal protocol. Each is bound to (relay, id, h0, chain, phase).
//!
//! Source: the table of §2 of the proposal protocol.

use crate::codec::{Bounded, BoundedBytes, Ordered, SortedVec, coded_enum};
use crate::codes::Code;
use crate::identifiers::{ChainId, Height, ProposalId, Sequence, SuiteHash};
use crate::proposal::{Call, Leg, MAX_LEGS};
use crate::transaction::SignerSignature;
use borsh::{BorshDeserialize, BorshSerialize};

/// A numbered message as it stands in an outbox: the leaf of the messages tree is its whole encoding.
///
/// The payload is opaque here, because consuming a message never fails: what does not decode as
/// [`MessageContent`] gets a receipt code.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Message {
    /// The sending chain.
    pub source: ChainId,
    /// The receiving chain.
    pub destination: ChainId,
    /// Gapless from 0 over all blocks of the source.
    pub sequence: Sequence,
    /// The encoded [`MessageContent`].
    pub payload: BoundedBytes<{ 160 << 10 }>,
}

coded_enum! {
    /// What a message says.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub enum MessageContent {
        /// The relay asks a READ or WRITE leg to vote.
        Prepare(Prepare) = 1,
        /// A subchain votes.
        Vote(Vote) = 2,
        /// The relay has decided.
        Decision(Decision) = 3,
        /// A subchain says how the leg ended there.
        Outcome(Outcome) = 4,
        /// The relay has given a subchain a new anchor and tells what is open there.
        Reanchored(Reanchored) = 5,
    }
}

/// One leg as the others see it: its chain and the hash of its call, by the relay's suite.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct LegCall {
    /// The leg's chain.
    pub chain: ChainId,
    /// `H(tag ‖ call)`.
    pub call_hash: SuiteHash,
}

impl Ordered for LegCall {
    type Key = ChainId;
    fn key(&self) -> ChainId {
        self.chain
    }
}

/// Relay → each READ or WRITE leg.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Prepare {
    /// The relay.
    pub relay: ChainId,
    /// The proposal.
    pub id: ProposalId,
    /// Relay height at which it began.
    pub started_at_on_relay: Height,
    /// Last relay height at which a vote counts: h0 + t_prep.
    pub deadline_on_relay: Height,
    /// The leg.
    pub leg: Leg,
    /// The leg's authorisations, one per listed address.
    pub authorisations: SortedVec<SignerSignature, 16>,
    /// All legs of the proposal.
    pub legs: SortedVec<LegCall, MAX_LEGS>,
}

/// A subchain's vote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Verdict {
    /// Prepared and locked; will apply or drop as decided.
    Yes {
        /// Hash of what the calls answered, by the subchain's suite.
        result_hash: SuiteHash,
        /// RFC 9162 root over the staged writes, by the subchain's suite.
        write_set_root: SuiteHash,
        /// RFC 9162 root over the locks held, by the subchain's suite.
        lock_set_root: SuiteHash,
    } = 1,
    /// Refused; nothing is held.
    No {
        /// Why.
        code: Code,
        /// The proposal in the way; equals the voted id where none is.
        conflicting: ProposalId,
    } = 2,
}

/// Subchain → relay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Vote {
    /// The proposal.
    pub id: ProposalId,
    /// Relay height at which it began.
    pub started_at_on_relay: Height,
    /// The voting chain.
    pub chain: ChainId,
    /// YES or NO.
    pub verdict: Verdict,
}

/// What the relay decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum DecisionVerdict {
    /// Every voting leg said YES in time.
    Commit {
        /// RFC 9162 root over the YES votes in leg order, by the relay's suite.
        votes_root: SuiteHash,
    } = 1,
    /// Nothing happens anywhere.
    Abort {
        /// Why.
        code: Code,
        /// The chain that caused it; the relay itself for cancel.
        culprit: ChainId,
    } = 2,
}

/// Relay → each leg not closed; for a NOTIFY leg, after COMMIT, with the call itself.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Decision {
    /// To a voting leg.
    Voting {
        /// The relay.
        relay: ChainId,
        /// The proposal.
        id: ProposalId,
        /// Relay height at which it began.
        started_at_on_relay: Height,
        /// Its deadline.
        deadline_on_relay: Height,
        /// COMMIT or ABORT.
        verdict: DecisionVerdict,
    } = 1,
    /// To a NOTIFY leg, after COMMIT only.
    Notify {
        /// The relay.
        relay: ChainId,
        /// The proposal.
        id: ProposalId,
        /// Relay height at which it began.
        started_at_on_relay: Height,
        /// Its deadline.
        deadline_on_relay: Height,
        /// The leg to run once.
        leg: Box<Leg>,
        /// The leg's authorisations.
        authorisations: SortedVec<SignerSignature, 16>,
    } = 2,
}

/// How a leg ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum OutcomeResult {
    /// The staged writes are in the books.
    Applied {
        /// The voted write-set root.
        write_set_root: SuiteHash,
    } = 1,
    /// The staged writes are dropped, the locks free.
    Released = 2,
    /// Nothing was ever held: ABORT came before, or instead of, the Prepare.
    Refused = 3,
    /// Only by re-anchor: the chain no longer knows the proposal.
    Disputed = 4,
    /// A NOTIFY leg ran once.
    Noted {
        /// How it went.
        code: Code,
    } = 5,
}

/// Subchain → relay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Outcome {
    /// The proposal.
    pub id: ProposalId,
    /// Relay height at which it began.
    pub started_at_on_relay: Height,
    /// The chain.
    pub chain: ChainId,
    /// How it ended.
    pub result: OutcomeResult,
}

/// Most open legs told in one [`Reanchored`].
pub const MAX_OPEN_LEGS: usize = 256;

/// A leg that the relay has not seen closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct OpenLeg {
    /// The proposal.
    pub id: ProposalId,
    /// Relay height at which it began.
    pub started_at_on_relay: Height,
    /// Its deadline.
    pub deadline_on_relay: Height,
}

/// Relay → a subchain that was re-anchored (§7): the voting legs of it that no Outcome and no NO has closed. Those that
/// the subchain no longer knows are DISPUTED there. One re-anchor tells them in as many messages as it takes.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Reanchored {
    /// The relay.
    pub relay: ChainId,
    /// The re-anchored chain.
    pub chain: ChainId,
    /// Which re-anchor of this chain, from 1: the number that the leaf calls `reanchored`.
    pub number: u32,
    /// Whether no further message of this re-anchor follows.
    pub last: bool,
    /// Open legs, ascending by proposal.
    pub open: Bounded<OpenLeg, MAX_OPEN_LEGS>,
}

/// What a chain keeps of a consumed message for its receipt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct MessageRecord {
    /// The message.
    pub sequence: Sequence,
    /// Hash of its whole encoding, by the source's suite.
    pub message_hash: SuiteHash,
    /// Receipt code.
    pub code: Code,
}

impl MessageContent {
    /// The encoded content, as it goes into [`Message::payload`].
    pub fn to_payload(&self) -> Vec<u8> {
        crate::codec::encode(self)
    }

    /// The content of a message, if it decodes.
    pub fn of(message: &Message) -> Option<Self> {
        crate::codec::decode(&message.payload, usize::MAX).ok()
    }
}

/// `H(tag ‖ call)` by the relay's suite, as shown to the other legs.
pub fn call_hash(relay: &ChainId, call: &Call) -> SuiteHash {
    relay.suite.foreign(crate::suite::hash_object(relay.suite, crate::codec::Tag::CALL, call))
}
