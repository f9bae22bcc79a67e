//! Tests of the proof objects: every form verifies, and nothing that differs from it by a bit does.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod bug_classes;
mod bug_encodings;
mod bundle;
mod flips;
mod forms;
mod samples;
mod scenario;
mod sizes;
mod test_chain;
mod varied;
