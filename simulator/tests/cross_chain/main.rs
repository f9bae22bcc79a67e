//! A relay and its subchains, real machines and couriers: atomic proposals, A1 to A5 checked at every block.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod bugs;
mod cancels;
mod containment;
mod equivocations;
mod faults;
mod flights;
mod handoffs;
mod notify;
mod proposals;
mod reads;
mod replay;
mod suites;
