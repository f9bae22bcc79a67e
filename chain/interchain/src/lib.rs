//! Outbox, inbox, light-client records, anchors, hand-offs and evidence.
//!
//! The state side of what chains tell each other; the relay and every subchain use the same. Proofs are verified by
//! [`ledger_protocol::proof::client`]; here stands what a chain keeps of them.
//!
//! Records (versioned, provable): one [`ClientRecord`](ledger_protocol::system::ClientRecord) per followed chain.
//! Working entries: counters, queues, the trusted validator sets, what peers acknowledged, the own recent headers.
//!
//! Invariants: inbox and outbox counters never fall but by a re-anchor (inbox only); no sequence is given twice
//! but after a re-anchor of this very chain, to a peer for which the first ones are void ([`renumber`]); the
//! highest known height of a chain never falls (S5); a refused input changes nothing; a message is removed from a queue
//! only by the caller that has dealt with it. Errors: [`Refusal`](chain_state::Refusal) for what the input is to blame
//! for, [`StoreFault`](chain_state::StoreFault) for I/O.
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

mod acknowledgement;
mod admission;
mod areas;
mod clients;
mod evidence;
mod inbox;
mod outbox;
mod own_history;
mod queues;
mod reanchor;

pub use acknowledgement::{
    Acknowledgement, AcknowledgementAlarm, PeerView, acknowledged, learn_acknowledgement, peer_view,
};
pub use admission::{admit_advance, admit_evidence, admit_handoff};
pub use clients::{
    accept_handoff, accept_head, anchor, client, close_client, highest_known_height, list_floor, named_sets,
    open_client, trusted, trusted_history,
};
pub use evidence::judge_evidence;
pub use inbox::{Consumed, consume_advance, consume_handoff, next_expected, refusal_of, set_next_expected};
pub use outbox::{
    EnqueueError, close_block, drop_queued, enqueue, enqueue_payload, has_backlog, next_sequence, queued, renumber,
    sent,
};
pub use own_history::{OWN_HISTORY_BLOCKS, OwnHeader, own_header, remember_parent};
pub use queues::{
    MAX_ASIDE_MESSAGES, aside_after, aside_count, postpone, put_aside, remove_aside, remove_waiting, waiting_after,
    waiting_count,
};
pub use reanchor::{count_reanchor, follow_anew, judge_reanchor, reanchor, reanchors};
