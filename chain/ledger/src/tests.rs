//! Tests of the ledger rules on an in-memory store.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, unreachable_pub)]

mod accounts;
mod data;
mod equivocations;
mod fixture;
mod genesis;
mod identities;
mod legs;
mod motions;
mod policies;
mod properties;
mod schedule;
mod transactions;
