//! Networks to test with: a relay with its consortium and any number of subchains, every key from a number.
//!
//! Everything here is real protocol: genesis objects, registrations by motion, signed transactions and proposals. The
//! same names give the same chains in every run.

mod accusation;
mod chains;
mod governance;
mod network;
mod proposals;
mod restoration;

pub use accusation::certify;
pub use chains::{BUSINESS_LEDGER, ChainSeed, FixtureKind, header_zero, relay_genesis, seed_key, subchain_genesis};
pub use governance::{Member, Seat};
pub use network::{Network, NetworkPlan, START_MS, Subchain, SubchainPlan};
pub use proposals::{LegDraft, leg, motion_transaction, registration, sign_transaction, submit_of};
pub use restoration::Followed;
