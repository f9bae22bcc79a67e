//! The relay chain's state machine: registry, coordinator and scope queue.
