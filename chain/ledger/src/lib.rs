//! Ledgers: identities, permissions, signing policies, parameters, validator changes, motions and events.
