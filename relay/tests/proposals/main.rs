//! Both sides of the proposal protocol, rule by rule: real relay and subchain machines over real Advances.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, missing_docs)]

mod admission;
mod bugs;
mod cells;
mod cost;
mod delivery;
mod endings;
mod fixture;
mod limits;
mod lost_decisions;
mod notify;
mod order;
mod queue;
mod random;
mod reanchored;
mod relay_anchor;
#[path = "../../../ledger-protocol/tests/client/synthetic.rs"]
mod synthetic;
mod world;
