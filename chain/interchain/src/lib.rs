//! Outbox, inbox, light-client records, anchors, hand-offs and evidence.
