//! The participant's table and rules S1–S8 against a relay that may say anything: real machine, real Advances.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, missing_docs)]

mod bugs;
mod cells;
mod delivery;
#[path = "../../../relay/tests/proposals/fixture.rs"]
mod fixture;
mod rules;
mod side;
#[path = "../../../ledger-protocol/tests/client/synthetic.rs"]
mod synthetic;
