//! The key store and the signer port.
