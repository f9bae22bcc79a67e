//! The state side of what chains tell each other, against honest and dishonest peers.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, missing_docs)]

mod acknowledgements;
mod book;
mod clients;
mod inboxes;
mod outboxes;
mod rules;
#[path = "../../../../ledger-protocol/tests/client/synthetic.rs"]
mod synthetic;
