//! The proposal protocol as an explicit-state model, and its scenarios.
//!
//! The participant's table runs exactly as the protocol words it, without any memory of pruned ids. Byte formats,
//! proofs, delivery order (R9), hand-offs, caps and consensus are below its level.
#![allow(missing_docs, unreachable_pub, clippy::all, clippy::unwrap_used, clippy::disallowed_types)]

pub mod model;
mod scenarios;

pub use model::{Cfg, Report, Violation, run};
pub use scenarios::all;
