//! One chain with a toy state machine: consensus, disks, crashes, sync and partitions, without the ledgers.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod accepted;
mod bugs;
mod crashes;
mod network;
mod restored;
mod steady;
mod toy;
