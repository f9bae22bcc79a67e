//! The Replica port: what a host tells one replica of one chain, and what the replica asks of it.
//!
//! Sans-I/O: [`crate::Replica::on`] takes an event and appends effects; it never waits, reads no clock and touches no
//! disk. The host keeps these rules:
//! 1. effects are carried out in order. [`ReplicaEffect::AppendLog`] goes to the process's one ordered log at once;
//!    [`ReplicaEffect::Barrier`] and [`ReplicaEffect::Commit`] are answered by [`ReplicaEvent::Persisted`] when
//!    everything before them is durable;
//! 2. a [`Job`] reads the store as all `Commit` effects emitted *before* it have left it, and no later one: the host
//!    takes its read view when it takes the effect, then runs the job on any thread and answers in any order;
//! 3. an error of the log or of the store is fatal for the replica: stop, do not retry and go on;
//! 4. log entries at or below the height of a durable commit are dead; after a restart the living ones of the
//!    replica go back into [`crate::Replica::open`], in order;
//! 5. nobody outside reads a batch before it is durable: couriers, their servers and clients see what a power cut would
//!    leave.

use crate::job::{Job, JobResult};
use chain_consensus::{Halt, TimerId};
use chain_state::{StoreFault, WriteBatch};
use ledger_protocol::chain::{Equivocation, FinalityCertificate, Header, Input};
use ledger_protocol::interchain::OutboxLeaf;
use ledger_protocol::transaction::{EventRecord, Receipt};
use ledger_protocol::{Code, Hash, Height};
use std::sync::Arc;

/// A peer: the hash of its network key, as the validator set names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Peer(pub Hash);

/// Which of a peer's streams a message takes. The codes are those of the network's lanes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Lane {
    /// Votes and proposals of consensus.
    Consensus = 1,
    /// Blocks under discussion.
    Block = 2,
    /// Tips, and committed blocks with their certificates.
    Sync = 3,
    /// Transactions for other pools.
    Transactions = 4,
    /// System inputs for other pools.
    Courier = 5,
}

/// Ties an answer to its question. Never reused by one replica object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Token(pub u64);

/// Ties a [`ReplicaEffect::Reply`] to its [`ReplicaEvent::Submit`]; chosen by the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ReplyToken(pub u64);

/// A timer of the replica. Never reused, so a late one is recognised and ignored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ReplicaTimer {
    /// Of the consensus instance.
    Consensus(TimerId),
    /// Of the engine.
    Engine(u64),
}

/// What happens to a replica.
#[derive(Debug)]
pub enum ReplicaEvent {
    /// Begin. The first event, exactly once.
    Start,
    /// A peer's message; anything may be in it.
    Message {
        /// Who sent it, as the transport authenticated it.
        from: Peer,
        /// On which lane.
        lane: Lane,
        /// The bytes.
        bytes: Vec<u8>,
    },
    /// A timer ran out.
    Timer(ReplicaTimer),
    /// A barrier or a commit is durable.
    Persisted {
        /// Which.
        token: Token,
    },
    /// The answer to [`ReplicaEffect::Work`].
    Done {
        /// Which.
        token: Token,
        /// What came out.
        result: JobResult,
    },
    /// An input of a local client or courier; answered by exactly one [`ReplicaEffect::Reply`].
    Submit {
        /// The input.
        input: Box<Input>,
        /// Names the answer.
        reply: ReplyToken,
    },
    /// A peer is connected and accepted for this chain.
    PeerUp(Peer),
    /// A peer is gone.
    PeerDown(Peer),
}

/// What a replica asks of its host.
#[derive(Debug)]
pub enum ReplicaEffect {
    /// Send to each of these peers. A peer that is away gets it later or never; nothing depends on it.
    Send {
        /// To whom; never empty, never the replica itself.
        to: Vec<Peer>,
        /// On which lane.
        lane: Lane,
        /// The message.
        bytes: Vec<u8>,
    },
    /// Wake the replica later.
    SetTimer {
        /// Which.
        id: ReplicaTimer,
        /// When, from now, in milliseconds.
        after_ms: u64,
    },
    /// Forget a timer.
    CancelTimer(ReplicaTimer),
    /// Run a job and answer [`ReplicaEvent::Done`].
    Work {
        /// Names the answer.
        token: Token,
        /// The job.
        job: Job,
    },
    /// Append to the replica's log; no barrier.
    AppendLog {
        /// The height the entry belongs to.
        height: Height,
        /// The entry.
        entry: Vec<u8>,
    },
    /// Make everything appended so far durable, then answer [`ReplicaEvent::Persisted`].
    Barrier {
        /// Names the answer.
        token: Token,
    },
    /// Apply the batch atomically and durably, then answer [`ReplicaEvent::Persisted`]. Log entries up to `height`
    /// are dead from then on.
    Commit {
        /// Names the answer.
        token: Token,
        /// Everything the block leaves behind.
        batch: WriteBatch,
        /// The block's height.
        height: Height,
    },
    /// A block is final and durable here: tell clients and couriers.
    Published(Arc<PublishedBlock>),
    /// The answer to [`ReplicaEvent::Submit`].
    Reply {
        /// Which.
        reply: ReplyToken,
        /// What became of the input.
        result: SubmitResult,
    },
    /// An input that was accepted here left the pool without being in a block.
    Dropped {
        /// The transaction's id, or the hash of the system input.
        input: Hash,
        /// Why, as a code.
        code: Code,
        /// Why, in words.
        reason: String,
    },
    /// A validator signed two conflicting messages: keep both and alarm, before what follows is carried out. It may
    /// come again after a crash.
    Equivocation(Box<Equivocation>),
    /// Peers sent what no honest peer sends: the host may close the connection.
    Misbehaved {
        /// Who.
        peer: Peer,
        /// What.
        reason: &'static str,
    },
    /// A mark for metrics; carries no clock.
    Observe(Mark),
}

/// What became of a submitted input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SubmitResult {
    /// It is in this node's pool: it may still be lost or expire.
    Accepted {
        /// The transaction's id, or the hash of the system input.
        input: Hash,
    },
    /// It is not in the pool.
    Refused {
        /// Why, as a stable code.
        code: Code,
        /// Why, in words.
        reason: String,
        /// When trying again makes sense, in milliseconds; `None` when it never does.
        retry_after_ms: Option<u64>,
    },
}

/// A block that is final and durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishedBlock {
    /// Hash of the header.
    pub header_hash: Hash,
    /// The header.
    pub header: Header,
    /// A quorum's precommits.
    pub certificate: FinalityCertificate,
    /// Ids and hashes of the inputs, in order.
    pub inputs: Vec<Hash>,
    /// One receipt per input.
    pub receipts: Vec<Receipt>,
    /// The events, in order of execution.
    pub events: Vec<EventRecord>,
    /// One leaf per peer chain, ascending.
    pub outbox: Vec<OutboxLeaf>,
}

/// A phase of a block's life, for metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Signatures of transactions; count = signatures.
    Verify,
    /// Admission to the pool; count = inputs.
    Admit,
    /// Execution of a block, state tree, block trees and header included; count = inputs.
    Execute,
    /// The atomic batch; count = rows.
    Store,
    /// From the start of a height to its decision; count = inputs decided.
    Consensus,
}

/// A mark for metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// A phase begins.
    Begin {
        /// Which.
        phase: Phase,
        /// For which height.
        height: Height,
        /// Of how much.
        count: u64,
    },
    /// A phase ends.
    End {
        /// Which.
        phase: Phase,
        /// For which height.
        height: Height,
        /// Of how much.
        count: u64,
    },
    /// The pool's depth.
    Pool {
        /// Inputs.
        count: u64,
        /// Their bytes.
        bytes: u64,
    },
    /// Inputs that left the pool without a block, each with its own [`ReplicaEffect::Dropped`].
    Dropped {
        /// How many at once.
        count: u64,
    },
    /// Inputs that were refused because queues were full.
    Refused {
        /// How many at once.
        count: u64,
    },
    /// Block sync: how far the best peer is ahead.
    Behind {
        /// Blocks.
        blocks: u64,
    },
}

/// The replica must stop; log and store stay as they are for a human.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReplicaHalt {
    /// Consensus refused to go on.
    #[error(transparent)]
    Consensus(#[from] Halt),
    /// The store failed under a job.
    #[error(transparent)]
    Store(#[from] StoreFault),
    /// A row of the engine does not decode, or rows contradict each other.
    #[error("the store is damaged: {0}")]
    Damaged(String),
    /// A certified block is invalid here.
    #[error(
        "block {header_hash} of height {height} is certified but invalid here ({reason}): this replica's state or code differs from the others'"
    )]
    Divergence {
        /// The height.
        height: Height,
        /// The header's hash.
        header_hash: Hash,
        /// What is invalid.
        reason: String,
    },
    /// The chain has moved to a protocol version that this code does not speak.
    #[error("height {height} needs protocol version {version}, this program speaks {spoken}: install a newer one")]
    ProtocolVersion {
        /// First height of that version.
        height: Height,
        /// The version.
        version: u16,
        /// What this code speaks.
        spoken: u16,
    },
    /// The genesis is not one for this state machine.
    #[error("the genesis does not execute: {0}")]
    Genesis(String),
    /// The store holds another chain.
    #[error("the store holds another chain than this genesis makes")]
    OtherChain,
    /// A promise of the engine does not hold.
    #[error("broken invariant of the engine: {0}")]
    Invariant(&'static str),
}
