//! Sealing of a secret: argon2id makes a key of the passphrase, ChaCha20-Poly1305 seals under it.
//!
//! A fresh salt per file gives a fresh key, so the nonce never repeats under one key. The public part of the file is
//! authenticated with the secret: an exchanged name, purpose or public key fails like a wrong passphrase.

use argon2::{Algorithm, Argon2, Params, Version};
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{ChaCha20Poly1305, Key, Nonce};
use serde::{Deserialize, Serialize};
use std::fmt;
use zeroize::{Zeroize, Zeroizing};

/// What argon2id costs for new files: about a tenth of a second (RFC 9106, second recommendation).
const MEMORY_KIB: u32 = 64 * 1024;
const PASSES: u32 = 3;
const LANES: u32 = 4;
/// What a file may ask for at most.
const MEMORY_KIB_MAX: u32 = 1024 * 1024;
const PASSES_MAX: u32 = 16;
const LANES_MAX: u32 = 16;

const PLAIN_WARNING: &str = "NOT PROTECTED: whoever reads this file has the key. For development networks only.";

/// How a new key's secret is kept.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Protection<'a> {
    /// Sealed under this passphrase, which may not be empty.
    Passphrase(&'a [u8]),
    /// Readable in the file: for development networks only.
    Plain,
}

impl fmt::Debug for Protection<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Protection::Passphrase(_) => "Passphrase(..)",
            Protection::Plain => "Plain",
        })
    }
}

/// The secret part of a key file.
#[derive(Serialize, Deserialize)]
#[serde(tag = "protection", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Secret {
    /// Sealed under a passphrase.
    Passphrase {
        key_derivation: KeyDerivation,
        memory_kib: u32,
        passes: u32,
        lanes: u32,
        salt: String,
        cipher: Cipher,
        nonce: String,
        sealed: String,
    },
    /// Readable.
    Plain { warning: String, secret: String },
}

/// The only key derivation so far.
#[derive(Serialize, Deserialize)]
pub(crate) enum KeyDerivation {
    #[serde(rename = "argon2id")]
    Argon2id,
}

/// The only cipher so far.
#[derive(Serialize, Deserialize)]
pub(crate) enum Cipher {
    #[serde(rename = "chacha20poly1305")]
    ChaCha20Poly1305,
}

impl Drop for Secret {
    fn drop(&mut self) {
        if let Secret::Plain { secret, .. } = self {
            secret.zeroize();
        }
    }
}

/// Why a secret cannot be sealed or opened.
#[derive(Debug)]
pub(crate) enum SealError {
    NoRandomness(String),
    EmptyPassphrase,
    PassphraseNeeded,
    WrongPassphrase,
    Damaged(String),
}

/// Fills an array with the system's randomness.
pub(crate) fn random<const N: usize>() -> Result<Zeroizing<[u8; N]>, SealError> {
    let mut bytes = Zeroizing::new([0; N]);
    getrandom::fill(bytes.as_mut_slice()).map_err(|error| SealError::NoRandomness(error.to_string()))?;
    Ok(bytes)
}

impl Secret {
    /// Seals `secret`; `public_part` is authenticated with it.
    pub(crate) fn new(secret: &[u8; 32], protection: Protection<'_>, public_part: &[u8]) -> Result<Secret, SealError> {
        let passphrase = match protection {
            Protection::Plain => {
                return Ok(Secret::Plain { warning: PLAIN_WARNING.to_owned(), secret: hex::encode(secret) });
            }
            Protection::Passphrase([]) => return Err(SealError::EmptyPassphrase),
            Protection::Passphrase(passphrase) => passphrase,
        };
        let salt = random::<16>()?;
        let nonce = random::<12>()?;
        let key = derive(passphrase, salt.as_slice(), MEMORY_KIB, PASSES, LANES)?;
        let payload = Payload { msg: secret, aad: public_part };
        let sealed = ChaCha20Poly1305::new(Key::from_slice(key.as_slice()))
            .encrypt(Nonce::from_slice(nonce.as_slice()), payload)
            .map_err(|_| SealError::Damaged("the secret cannot be sealed".into()))?;
        Ok(Secret::Passphrase {
            key_derivation: KeyDerivation::Argon2id,
            memory_kib: MEMORY_KIB,
            passes: PASSES,
            lanes: LANES,
            salt: hex::encode(salt.as_slice()),
            cipher: Cipher::ChaCha20Poly1305,
            nonce: hex::encode(nonce.as_slice()),
            sealed: hex::encode(sealed),
        })
    }

    /// The secret's bytes. A passphrase given for a plain file is not needed and ignored.
    pub(crate) fn open(&self, passphrase: Option<&[u8]>, public_part: &[u8]) -> Result<Zeroizing<[u8; 32]>, SealError> {
        let (memory_kib, passes, lanes, salt, nonce, sealed) = match self {
            Secret::Plain { secret, .. } => return Ok(Zeroizing::new(from_hex("secret", secret)?)),
            Secret::Passphrase { memory_kib, passes, lanes, salt, nonce, sealed, .. } => {
                (*memory_kib, *passes, *lanes, salt, nonce, sealed)
            }
        };
        let passphrase = passphrase.ok_or(SealError::PassphraseNeeded)?;
        if memory_kib > MEMORY_KIB_MAX || passes > PASSES_MAX || lanes > LANES_MAX {
            return Err(SealError::Damaged("it asks for an unreasonably expensive key derivation".into()));
        }
        let salt: [u8; 16] = from_hex("salt", salt)?;
        let nonce: [u8; 12] = from_hex("nonce", nonce)?;
        let sealed: [u8; 48] = from_hex("sealed", sealed)?;
        let key = derive(passphrase, &salt, memory_kib, passes, lanes)?;
        let payload = Payload { msg: &sealed, aad: public_part };
        let opened = ChaCha20Poly1305::new(Key::from_slice(key.as_slice()))
            .decrypt(Nonce::from_slice(&nonce), payload)
            .map(Zeroizing::new)
            .map_err(|_| SealError::WrongPassphrase)?;
        let mut secret = Zeroizing::new([0; 32]);
        if opened.len() != secret.len() {
            return Err(SealError::Damaged("the sealed secret has not 32 bytes".into()));
        }
        secret.copy_from_slice(&opened);
        Ok(secret)
    }

    pub(crate) fn is_protected(&self) -> bool {
        matches!(self, Secret::Passphrase { .. })
    }
}

fn derive(
    passphrase: &[u8],
    salt: &[u8],
    memory_kib: u32,
    passes: u32,
    lanes: u32,
) -> Result<Zeroizing<[u8; 32]>, SealError> {
    let damaged = |error: argon2::Error| SealError::Damaged(format!("its key derivation is not usable: {error}"));
    let parameters = Params::new(memory_kib, passes, lanes, Some(32)).map_err(damaged)?;
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, parameters);
    let mut key = Zeroizing::new([0; 32]);
    argon2.hash_password_into(passphrase, salt, key.as_mut_slice()).map_err(damaged)?;
    Ok(key)
}

fn from_hex<const N: usize>(field: &str, text: &str) -> Result<[u8; N], SealError> {
    let mut bytes = [0; N];
    hex::decode_to_slice(text, &mut bytes)
        .map_err(|_| SealError::Damaged(format!("`{field}` is not {N} bytes in hexadecimal")))?;
    Ok(bytes)
}
