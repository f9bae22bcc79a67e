//! The key store and the signer port.
//!
//! A [`KeyStore`] is a directory with one JSON file per key: the public part can be read by anyone who may read the
//! file, the secret part is sealed under a passphrase, or plain for development networks, and then the file says so.
//! What signs is a [`Signer`]; [`FileSigner`] is the one that holds a key of the store in memory.
//!
//! Invariants:
//! - a key file is written whole or not at all, with mode 0600, and never overwritten;
//! - a key is used only if its secret belongs to the public key that its file shows;
//! - secrets are wiped from memory when dropped, and never printed.
//!
//! Bounds: a key file has at most 64 KiB; what it asks of the key derivation is capped before memory is taken.

mod error;
mod file;
mod name;
mod seal;
mod signer;
mod store;

pub use error::KeyStoreError;
pub use name::{KeyName, KeyNameError};
pub use seal::Protection;
pub use signer::{FileSigner, Signer, SignerFault};
pub use store::{KeyEntry, KeyStore, Purpose};

#[cfg(test)]
mod tests;
