//! The courier between two chains with real states: rules, turns, and random schedules.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, missing_docs)]

#[path = "../../../../chain/interchain/tests/interchain/book.rs"]
mod book;
mod rules;
mod schedules;
#[path = "../../../../ledger-protocol/tests/client/synthetic.rs"]
mod synthetic;
mod turns;
mod views;
