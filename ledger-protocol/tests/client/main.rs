//! The light client against an honest source chain and against every mutation of its proofs.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, missing_docs)]

mod advances;
mod bug_classes;
mod evidence;
mod heads;
mod reanchors;
mod synthetic;
