//! The courier: outbox minus inbox as a pure step function.
//!
//! `pending(source, destination)` is recomputed from the two chains every time; a courier keeps no sequence, no height
//! and no list of its own (C20). What it remembers is when something became pending and when it last sent, so that it
//! knows its turn. Everything it sends is checked by the destination; extra deliveries cost nothing.
//!
//! Invariants: hand-offs first and in order; at most one Advance; whole blocks, within 256 messages and 256 KiB.
//! Bounds: [`MAX_HANDOFFS`] hand-offs at a time. Errors: [`CourierError`]; a view that cannot answer yet (a header not
//! synced) yields no work.
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

mod assemble;
pub mod driver;
mod turn;
mod view;

pub use assemble::{CourierError, CourierWork, MAX_HANDOFFS, pending};
pub use turn::{Courier, Place, RESEND_MS, TAKE_OVER_MS};
pub use view::{ClientView, DestinationView, EmptyRule, SourceView, ViewFault, Waits};
