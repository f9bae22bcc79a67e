//! The HTTP interface on loopback.
//!
//! Translates HTTP to a [`Backend`] and back; knows no replica, store or socket of the network. Every error is an
//! RFC 9457 problem document. Bodies are bounded at [`MAX_BODY_BYTES`], waiting at [`MAX_WAIT_MS`].

mod backend;
mod extract;
mod routes;
mod server;

pub use backend::{Answer, Backend, KeyAddress, ListQuery, ProofQuery, ProposalQuery, ReanchorQuery};
pub use routes::router;
pub use server::{Server, ServerError};

/// Longest request body, in bytes.
pub const MAX_BODY_BYTES: usize = 2 << 20;
/// Longest wait of a request, in milliseconds.
pub const MAX_WAIT_MS: u64 = 60_000;
