#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]
//! Proofs made from the stores of simulated networks, checked by the ledger protocol's own verifiers.

mod bundles;
mod faults;
mod network;
mod pieces;
mod values;
