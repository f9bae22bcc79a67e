//! The Consensus port: a state machine that agrees on one header hash per height.
//!
//! Sans-I/O: events in, effects out, one instance per replica. The host obeys three rules:
//! 1. effects are carried out in order; [`Effect::Append`] goes to the replica's ordered log at once;
//! 2. [`Effect::Barrier`] is answered by [`Event::Persisted`] when everything appended before it is durable. Until
//!    then the instance is parked: it emits nothing that was derived after the barrier;
//! 3. blocks (bodies) travel on the host's own channel; the instance sees hashes and verdicts.

use ledger_protocol::chain::{Equivocation, FinalityCertificate, ValidatorSet};
use ledger_protocol::{Address, Hash, Height, PublicKey, Round, Signature, TimestampMs};

/// Signs consensus messages with the validator's key.
pub trait VoteSigner: Send {
    /// The validator's public key.
    fn public_key(&self) -> PublicKey;
    /// Signs one message.
    ///
    /// # Errors
    /// [`Halt::Signer`] text when the key is out of reach; fatal for the replica.
    fn sign(&self, message: &[u8]) -> Result<Signature, String>;
}

/// A timer of the instance. Never reused, so a late one is recognised and ignored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct TimerId(pub u64);

/// Ties an [`Event::Persisted`] to its [`Effect::Barrier`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct BarrierId(pub u64);

/// What one height is decided by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeightSettings {
    /// The height.
    pub height: Height,
    /// Who votes.
    pub validators: ValidatorSet,
    /// Positions in `validators` in the order in which they propose: round r belongs to `order[r % n]`.
    /// Computed from the parent state alone, constant for the height, each position exactly once.
    pub proposer_order: Vec<u16>,
    /// Whether this instance may sign here. One that lost what it signed before follows such a height without a word.
    pub signs: bool,
    /// Whether this instance may have signed at this height before and no longer know of it. A vote that it
    /// is shown it says again, and no other; shown a proposal it says nothing more at this height.
    pub forgot: bool,
}

/// What happens to an instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Begin a height: the first one ever, the one after a commit, or, with the entries that the log holds for
    /// it, the one that a crash interrupted.
    Start {
        /// The height's settings.
        settings: HeightSettings,
        /// What the log holds for this height, in order; empty unless after a restart.
        replay: Vec<Vec<u8>>,
    },
    /// A consensus message from a peer; anything may be in it.
    Message {
        /// The bytes.
        bytes: Vec<u8>,
    },
    /// A timer ran out.
    Timer(TimerId),
    /// The answer to [`Effect::Build`]: the block is stored and executed.
    Built {
        /// The height asked for.
        height: Height,
        /// The round asked for.
        round: Round,
        /// The header's hash.
        header_hash: Hash,
    },
    /// A block of another validator, or of the log, was judged: stored, executed, valid or not.
    Judged {
        /// Its height.
        height: Height,
        /// The round in which it is proposed.
        round: Round,
        /// The round in which a quorum prevoted for it, if it is proposed again.
        valid_round: Option<Round>,
        /// Who proposed it in that round.
        proposer: Address,
        /// The header's hash.
        header_hash: Hash,
        /// Whether we vote for it in this round: a valid block on our parent and, where it is proposed for the
        /// first time, timely. `false` is not for ever and not yet a divergence.
        valid: bool,
    },
    /// A block of this height came by block sync, was executed, and is valid; the certificate is verified here
    /// again. A certified block that does *not* execute to its header is the host's to halt for.
    Synced {
        /// The header's hash.
        header_hash: Hash,
        /// By the height's validators.
        certificate: FinalityCertificate,
    },
    /// A barrier is durable.
    Persisted(BarrierId),
}

/// What an instance asks of its host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Send to every other validator of the height.
    Broadcast {
        /// The message.
        bytes: Vec<u8>,
    },
    /// Wake the instance later.
    SetTimer {
        /// Which.
        id: TimerId,
        /// When, from now, in milliseconds.
        after_ms: u64,
    },
    /// Forget a timer.
    CancelTimer(TimerId),
    /// Build a block for this round, or take the one that the log names, and answer [`Event::Built`] later.
    Build {
        /// The height.
        height: Height,
        /// The round.
        round: Round,
    },
    /// Send this block's body to every validator, as proposed in this round by us.
    SendBlock {
        /// The height.
        height: Height,
        /// The round in which it is proposed.
        round: Round,
        /// The round in which a quorum prevoted for it, if it is proposed again.
        valid_round: Option<Round>,
        /// The header's hash.
        header_hash: Hash,
    },
    /// A proposal names a block that nobody has judged yet: get its body.
    NeedBlock {
        /// The height.
        height: Height,
        /// The header's hash.
        header_hash: Hash,
    },
    /// Append to the replica's log; no barrier.
    Append {
        /// The height the entry belongs to.
        height: Height,
        /// The entry.
        entry: Vec<u8>,
    },
    /// Make everything appended so far durable, then answer [`Event::Persisted`].
    Barrier(BarrierId),
    /// Decided. Commit block, certificate and state in one durable batch, then send [`Event::Start`] for the next.
    Commit {
        /// The height.
        height: Height,
        /// The header's hash.
        header_hash: Hash,
        /// A quorum's precommits.
        certificate: FinalityCertificate,
    },
    /// A validator signed two conflicting messages; both are here, and it verifies under the height's validators. Comes
    /// before the height's [`Effect::Commit`], at most once per validator and height, and again after a crash between
    /// the two.
    Equivocation(Box<Equivocation>),
}

/// The replica must stop; its log stays for a human.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Halt {
    /// The log would have us sign a second, different message for one (height, round, type).
    #[error("refused to sign a second, different {what} for height {height}, round {round}")]
    DoubleSign {
        /// Prevote, precommit or proposal.
        what: &'static str,
        /// The height.
        height: Height,
        /// The round.
        round: Round,
    },
    /// The signing key is out of reach.
    #[error("the signer failed: {0}")]
    Signer(String),
    /// A quorum certified a block that this replica found invalid: its execution differs from the others'. For hosts,
    /// which alone can tell an invalid block from an untimely one.
    #[error(
        "a quorum certified block {header_hash} of height {height}, which is invalid here: this replica's state or code differs from the others'"
    )]
    Divergence {
        /// The height.
        height: Height,
        /// The header's hash.
        header_hash: Hash,
    },
    /// The log does not replay: it is damaged or was written by other code.
    #[error("the log of height {height} does not replay: {reason}")]
    Replay {
        /// The height.
        height: Height,
        /// What the core said.
        reason: String,
    },
    /// The consensus core reported an error after which its state cannot be trusted.
    #[error("the consensus core failed at height {height}: {reason}")]
    Core {
        /// The height.
        height: Height,
        /// What it said.
        reason: String,
    },
}

/// One replica's consensus on one chain.
pub trait Consensus: Send {
    /// Takes one event; effects are appended in order. `now` is used for nothing but traces.
    ///
    /// # Errors
    /// [`Halt`]: the replica must stop.
    fn on(&mut self, now: TimestampMs, event: Event, effects: &mut Vec<Effect>) -> Result<(), Halt>;
}
