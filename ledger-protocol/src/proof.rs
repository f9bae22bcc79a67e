//! Proof objects and their strict verifiers. A verifier returns the value it verified.
