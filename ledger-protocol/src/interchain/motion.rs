//! Motions: what the consortium's members decide about chains.

use super::advance::{HistoryPath, LeafPath};
use crate::chain::{CertificateKind, ControlledBy, FinalityCertificate, Header, ValidatorSet};
use crate::codec::{Bounded, SortedVec, Text};
use crate::identifiers::{Address, ChainId, Height, LedgerId};
use crate::suite::Signature;
use crate::transaction::{ParameterChange, SigningPolicy, ValidatorChange};
use borsh::{BorshDeserialize, BorshSerialize};

/// A motion's subject.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Motion {
    /// Registers a chain; it is not active yet.
    Register(Box<Registration>) = 1,
    /// Makes a registered or paused chain active.
    Activate(ChainId) = 2,
    /// Takes a chain out of new proposals until a height.
    Pause {
        /// Which chain.
        chain: ChainId,
        /// Until which relay height.
        until: Height,
    } = 3,
    /// Freezes a chain.
    Freeze(ChainId) = 4,
    /// Gives a frozen chain a new trusted header.
    Reanchor(Box<Reanchor>) = 5,
    /// Retires a chain: acts as a pause until every leg is closed and acknowledged.
    Retire(ChainId) = 6,
    /// Retires a chain that never answers; its locks are its own to free.
    Abandon(ChainId) = 7,
    /// Clears the mark SUSPECT.
    ClearSuspect(ChainId) = 8,
    /// Says who may address a ledger of a chain.
    SetService(ServicePolicy) = 9,
    /// Sets a chain's limits.
    SetLimits {
        /// Which chain.
        chain: ChainId,
        /// The limits.
        limits: ChainLimits,
    } = 10,
    /// Changes the members and their rule.
    SetMembers(SigningPolicy) = 11,
    /// Changes whose approvals a proposal needs.
    SetApprovals(SigningPolicy) = 12,
    /// Schedules parameters of the relay.
    SetParameters(ParameterChange) = 13,
    /// Schedules validators of the relay.
    SetValidators(ValidatorChange) = 14,
    /// The relay goes on from a kept header: an interval of its blocks, which subchains may have accepted, is lost.
    /// Every lane is held until its chain follows a block at or above this motion's.
    ReanchorRelay {
        /// First height whose block was lost.
        first_lost: Height,
        /// Last height of the lost branch that anybody accepted.
        last_lost: Height,
        /// Why.
        reason: Text<256>,
    } = 15,
}

/// What a chain shows to be registered.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Registration {
    /// A name for people, unique in the registry.
    pub name: Text<64>,
    /// The first header that the relay trusts; its chain is the id.
    pub header: Header,
    /// The set behind its next validators hash.
    pub next_validators: ValidatorSet,
    /// Kind of its certificates.
    pub kind: CertificateKind,
    /// Its heartbeat, in milliseconds.
    pub heartbeat_ms: u32,
    /// The longest t_prep it accepts, in relay blocks.
    pub max_t_prep: u32,
    /// Who controls it.
    pub controlled_by: ControlledBy,
    /// One proof of possession per validator, in set order: over `tag ‖ relay ‖ chain`.
    pub possessions: Bounded<Signature, { crate::chain::MAX_VALIDATORS }>,
    /// Limits it starts with.
    pub limits: ChainLimits,
    /// Services it starts with; nobody may address what is not listed.
    pub services: Bounded<ServicePolicy, 64>,
}

/// A new trusted header for a frozen chain (R9, re-anchoring).
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Reanchor {
    /// The chain.
    pub chain: ChainId,
    /// The new trusted header X.
    pub header: Header,
    /// Certified by the set it names.
    pub certificate: FinalityCertificate,
    /// The set that certified X.
    pub validators: ValidatorSet,
    /// The set behind its next validators hash.
    pub next_validators: ValidatorSet,
    /// The last registration or re-anchor header in the history of X.
    pub anchor_path: HistoryPath,
    /// The newest header common to X and the trusted one.
    pub common: Header,
    /// The common header in the history of X.
    pub common_in_new: HistoryPath,
    /// The common header in the history of the trusted header.
    pub common_in_trusted: HistoryPath,
    /// The outbox leaf of the common header for the relay; of a header 0 without any leaf the one that stands for it,
    /// [`OutboxLeaf::of_header_zero`](super::OutboxLeaf::of_header_zero), without a path.
    pub leaf: LeafPath,
    /// Why.
    pub reason: Text<256>,
}

/// Who may address a ledger of a chain by a leg. Default deny.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct ServicePolicy {
    /// The chain.
    pub chain: ChainId,
    /// The ledger; never ledger 0.
    pub ledger: LedgerId,
    /// Who.
    pub access: ServiceAccess,
    /// Whether every other voting leg's chain must be under shared control.
    pub demands_shared_control: bool,
}

/// Who may use a service.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum ServiceAccess {
    /// Nobody.
    Nobody = 1,
    /// Members of the consortium.
    Members = 2,
    /// These proposers.
    Proposers(SortedVec<Address, 64>) = 3,
}

/// How much of a chain proposals may hold at once (§7 of the proposal protocol).
///
/// "In flight" is from the start of a proposal until the leg is closed by proof. A window opens with the first thing
/// counted in it and lasts `window_blocks` relay blocks; the next one opens after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct ChainLimits {
    /// Legs in PREPARING or COMMITTING or ABORTING, not yet closed.
    pub max_in_flight: u32,
    /// Proposals that may wait for one key.
    pub max_queue_per_key: u32,
    /// Legs in flight of one proposer.
    pub max_in_flight_per_proposer: u32,
    /// Legs in flight that address one ledger of the chain.
    pub max_in_flight_per_service: u32,
    /// Relay blocks of a window, at least 1 and at most [`Self::MAX_WINDOW_BLOCKS`].
    pub window_blocks: u32,
    /// Legs that begin in a window.
    pub max_begun: u32,
    /// Legs of one proposer that begin in a window.
    pub max_begun_per_proposer: u32,
    /// Bytes of legs in flight, with their authorisations.
    pub max_bytes: u64,
    /// The same, of one proposer.
    pub max_bytes_per_proposer: u64,
    /// Scope entries of legs in flight, each times its proposal's t_prep.
    pub max_key_blocks: u64,
    /// The same, of one proposer.
    pub max_key_blocks_per_proposer: u64,
    /// Legs of one proposer that wait in the queue.
    pub max_queued_per_proposer: u32,
    /// Their bytes.
    pub max_queued_bytes_per_proposer: u64,
    /// Legs of one proposer that the relay's state holds, from Submit until the record is pruned: a long valid_until
    /// counts by being held for long.
    pub max_kept_per_proposer: u32,
    /// Their bytes.
    pub max_kept_bytes_per_proposer: u64,
    /// Legs of the chain without a vote at their deadline, in a window; one more, and it is LAGGING until the window
    /// has passed.
    pub max_silent: u32,
    /// Proposals of one proposer that held keys of the chain in vain, in a window and without a COMMIT between; at
    /// this many it must back off.
    pub max_vain: u32,
}

impl ChainLimits {
    /// The longest window, in relay blocks.
    pub const MAX_WINDOW_BLOCKS: u32 = 100_000;

    /// Whether every number is in its range.
    pub const fn are_sound(&self) -> bool {
        self.window_blocks >= 1 && self.window_blocks <= Self::MAX_WINDOW_BLOCKS && self.max_vain >= 1
    }
}

impl Default for ChainLimits {
    fn default() -> Self {
        Self {
            max_in_flight: 4_096,
            max_queue_per_key: 256,
            max_in_flight_per_proposer: 4_096,
            max_in_flight_per_service: 4_096,
            window_blocks: 300,
            max_begun: 131_072,
            max_begun_per_proposer: 65_536,
            max_bytes: 64 << 20,
            max_bytes_per_proposer: 32 << 20,
            max_key_blocks: 64 << 20,
            max_key_blocks_per_proposer: 32 << 20,
            max_queued_per_proposer: 6_144,
            max_queued_bytes_per_proposer: 64 << 20,
            max_kept_per_proposer: 1 << 20,
            max_kept_bytes_per_proposer: 1 << 30,
            max_silent: 1_024,
            max_vain: 256,
        }
    }
}
