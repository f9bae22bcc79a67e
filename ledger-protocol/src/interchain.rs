//! What chains tell each other: outbox leaves, messages, Advances, hand-offs, evidence, motions.

mod advance;
mod evidence;
mod message;
mod motion;
mod outbox;

pub use advance::{Advance, DeliveredBlock, Handoff, Head, HistoryPath, LeafPath};
pub use evidence::{AccusedHeader, AccusedMessage, Evidence};
pub use message::{
    Decision, DecisionVerdict, LegCall, MAX_OPEN_LEGS, Message, MessageContent, MessageRecord, OpenLeg, Outcome,
    OutcomeResult, Prepare, Reanchored, Verdict, Vote, call_hash,
};
pub use motion::{ChainLimits, Motion, Reanchor, Registration, ServiceAccess, ServicePolicy};
pub use outbox::{Follows, MAX_LIST_BYTES, MAX_LIST_MESSAGES, MessageList, OutboxLeaf};
