//! Whole replicas over real consensus, a toy state machine and a network in virtual time.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod blocks;
mod chains;
mod pools;
mod toy;
mod world;
