//! The subchain's state machine: ledgers and the participant's half of proposals.
