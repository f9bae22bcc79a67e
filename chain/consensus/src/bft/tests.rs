//! Tests of the BFT engine: whole validator sets in virtual time, power cuts at every effect, and single rules.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod accusations;
mod bench;
mod crashes;
mod messages;
mod networks;
mod rules;
mod world;
