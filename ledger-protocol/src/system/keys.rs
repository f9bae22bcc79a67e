//! Accounts and keys of ledger 0.

use crate::codec::encode;
use crate::identifiers::{Address, ChainId, Hash, Height, ProposalId};
use crate::transaction::StateKey;

/// Account names of ledger 0.
pub mod accounts {
    /// Chain parameters: record `current`, and scheduled ones by height.
    pub const PARAMETERS: &str = "parameters";
    /// Validator sets: record `current`, and scheduled ones by height.
    pub const VALIDATORS: &str = "validators";
    /// Members of the consortium and approval policy; relay.
    pub const MEMBERS: &str = "members";
    /// Registered chains; relay.
    pub const CHAINS: &str = "chains";
    /// Light clients: one record per followed chain, on the relay and on subchains.
    pub const CLIENTS: &str = "clients";
    /// Proposals; relay.
    pub const PROPOSALS: &str = "proposals";
    /// Lost intervals of the relay, and how proposals that began in them ended; relay.
    pub const LOST: &str = "lost";
    /// Legs as the participant knows them; subchain.
    pub const LEGS: &str = "legs";
    /// Equivocations of this chain's validators that were reported.
    pub const EQUIVOCATIONS: &str = "equivocations";
    /// Motions.
    pub const MOTIONS: &str = "motions";
}

fn state_key(bytes: Vec<u8>) -> StateKey {
    // All keys made here are far below 256 bytes; their parts have fixed lengths.
    StateKey::new(bytes).unwrap_or_default()
}

/// The light-client record of a chain.
pub fn client_key(chain: &ChainId) -> StateKey {
    state_key(encode(chain))
}

/// The registry record of a chain.
pub fn chain_key(chain: &ChainId) -> StateKey {
    state_key(encode(chain))
}

/// The record of a proposal that began at `started_at_on_relay`: on the relay in account `proposals` (height 0
/// while it is queued or after it was rejected), on a subchain in account `legs`.
pub fn proposal_key(id: &ProposalId, started_at_on_relay: Height) -> StateKey {
    state_key(encode(&(id, started_at_on_relay.0.to_be_bytes())))
}

/// The lost intervals of the relay.
pub fn lost_intervals_key() -> StateKey {
    state_key(b"intervals".to_vec())
}

/// The record of a proposal that began in a lost interval of the relay.
pub fn lost_proposal_key(id: &ProposalId, started_at: Height) -> StateKey {
    state_key([b"proposal/".to_vec(), encode(&(id, started_at.0.to_be_bytes()))].concat())
}

/// The record of a motion.
pub fn motion_key(motion: &Hash) -> StateKey {
    state_key(encode(motion))
}

/// The record of a validator's equivocation at a height.
pub fn equivocation_key(validator: &Address, height: Height) -> StateKey {
    state_key(encode(&(validator, height.0.to_be_bytes())))
}
