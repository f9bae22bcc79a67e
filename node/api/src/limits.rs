//! A chain's limits at the relay, and what is used of them.

use ledger_protocol::interchain::ChainLimits;
use serde::{Deserialize, Serialize};

macro_rules! limits {
    ($($(#[$doc:meta])* $name:ident: $number:ty,)*) => {
        /// A chain's limits, under the names that they have in the protocol (`docs/protocol.md`, §10).
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
        pub struct LimitsView {
            $($(#[$doc])* pub $name: $number,)*
        }

        impl From<ChainLimits> for LimitsView {
            fn from(limits: ChainLimits) -> Self {
                Self { $($name: limits.$name,)* }
            }
        }

        impl From<LimitsView> for ChainLimits {
            fn from(limits: LimitsView) -> Self {
                Self { $($name: limits.$name,)* }
            }
        }

        impl Default for LimitsView {
            fn default() -> Self {
                ChainLimits::default().into()
            }
        }
    };
}

limits! {
    /// Legs in flight.
    max_in_flight: u32,
    /// Proposals that may wait for one key.
    max_queue_per_key: u32,
    /// Legs in flight of one proposer.
    max_in_flight_per_proposer: u32,
    /// Legs in flight that address one ledger.
    max_in_flight_per_service: u32,
    /// Relay blocks of a window.
    window_blocks: u32,
    /// Legs that begin in a window.
    max_begun: u32,
    /// Legs of one proposer that begin in a window.
    max_begun_per_proposer: u32,
    /// Bytes of legs in flight.
    max_bytes: u64,
    /// The same, of one proposer.
    max_bytes_per_proposer: u64,
    /// Scope entries of legs in flight, each times its proposal's t_prep.
    max_key_blocks: u64,
    /// The same, of one proposer.
    max_key_blocks_per_proposer: u64,
    /// Legs of one proposer in the queue.
    max_queued_per_proposer: u32,
    /// Their bytes.
    max_queued_bytes_per_proposer: u64,
    /// Legs of one proposer that the relay's state holds.
    max_kept_per_proposer: u32,
    /// Their bytes.
    max_kept_bytes_per_proposer: u64,
    /// Legs of the chain without a vote at their deadline, in a window.
    max_silent: u32,
    /// Proposals of one proposer that held keys in vain, in a window.
    max_vain: u32,
}

/// What proposals hold of a chain at present.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsageView {
    /// Bytes of legs in flight.
    pub bytes: u64,
    /// Scope entries of legs in flight, each times its proposal's t_prep.
    pub key_blocks: u64,
    /// Legs begun in the window.
    pub begun: u32,
    /// Legs without a vote at their deadline, in the window.
    pub silent: u32,
    /// The relay height from which its silence keeps it out of new proposals no longer; 0 if it does not now.
    pub silent_until: u64,
    /// Legs in flight by ledger.
    pub services: Vec<(u32, u32)>,
    /// Who must back off.
    pub back_offs: Vec<BackOffView>,
}

/// A proposer that must back off from a chain, because too many of its proposals held keys there in vain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackOffView {
    /// Who.
    pub proposer: String,
    /// The first relay height at which it may propose again.
    pub until: u64,
}
