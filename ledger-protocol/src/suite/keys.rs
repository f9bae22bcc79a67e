//! Secret keys, addresses, the rules for a key's registration, and DER signatures at the edge.
//!
//! Signing is deterministic in both suites (RFC 8032; RFC 6979 for SM2), so no randomness is needed, but nothing may
//! depend on two signatures being equal. Secrets are wiped when dropped and never printed; copies that the curve
//! arithmetic leaves on the stack are beyond our reach.

use super::{PublicKey, Signature, SignatureError, Suite};
use crate::codec::Tag;
use crate::identifiers::Address;
use ed25519_dalek::Signer as _;
use sm2::elliptic_curve::sec1::ToSec1Point as _;
use std::fmt;
use zeroize::Zeroizing;

/// The distinguishing identifier under which every SM2 signature of the protocol is made (GM/T 0009).
pub(super) const SM2_ID: &str = "1234567812345678";

/// The longest DER form of an SM2 signature: two integers of 33 bytes with their headers.
const DER_LIMIT: usize = 72;

/// Why a key is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The bytes are no point of the curve.
    #[error("the key is no point of its curve; check that it was copied whole and belongs to this suite")]
    NotOnCurve,
    /// Another encoding of the same point exists and is the accepted one.
    #[error("the key is not in its canonical encoding; export it again with a current tool")]
    NotCanonical,
    /// The point is the identity or has a component of small order: one signature could fit many messages.
    #[error("the key has a component of small order and proves nothing; make a new key")]
    SmallOrder,
    /// The secret is not a usable secret of the suite: for SM2 a number from 1 to n − 2.
    #[error("the secret is outside the range of its suite; make a new key")]
    SecretOutOfRange,
}

/// A secret key; the variant names its suite.
#[derive(Clone)]
pub enum SecretKey {
    /// An Ed25519 seed (RFC 8032).
    Ed25519(ed25519_dalek::SigningKey),
    /// An SM2 scalar.
    Sm2(Sm2Secret),
}

/// An SM2 secret with its public key. The scalar is wiped when dropped.
#[derive(Clone)]
pub struct Sm2Secret {
    secret: sm2::SecretKey,
    public: [u8; 33],
}

impl SecretKey {
    /// The key of a seed. Total and deterministic: an SM2 seed outside the scalar's range (fewer than one in 2³²)
    /// is replaced by its SM3 digest until it fits.
    pub fn from_seed(suite: Suite, seed: [u8; 32]) -> Self {
        let mut candidate = Zeroizing::new(seed);
        for _ in 0..64 {
            if let Ok(key) = Self::from_bytes(suite, &candidate) {
                return key;
            }
            *candidate = suite.hash_parts(&[candidate.as_slice()]).0;
        }
        unreachable!("64 successive SM3 digests outside the scalar's range")
    }

    /// The key of exactly these bytes: an Ed25519 seed or an SM2 scalar, big endian.
    ///
    /// # Errors
    /// [`KeyError::SecretOutOfRange`] for an SM2 scalar that is 0, n − 1 or above.
    pub fn from_bytes(suite: Suite, bytes: &[u8; 32]) -> Result<Self, KeyError> {
        match suite {
            Suite::Standard => Ok(Self::Ed25519(ed25519_dalek::SigningKey::from_bytes(bytes))),
            Suite::Guomi => {
                let secret = sm2::SecretKey::from_slice(bytes).map_err(|_| KeyError::SecretOutOfRange)?;
                let scalar = secret.to_nonzero_scalar();
                // Signing divides by d + 1.
                if *scalar + sm2::Scalar::ONE == sm2::Scalar::ZERO {
                    return Err(KeyError::SecretOutOfRange);
                }
                let point = secret.public_key().to_sec1_point(true);
                let public = point.as_bytes().try_into().map_err(|_| KeyError::NotCanonical)?;
                Ok(Self::Sm2(Sm2Secret { secret, public }))
            }
        }
    }

    /// The secret's 32 bytes, such that [`Self::from_bytes`] gives this key back.
    pub fn to_bytes(&self) -> Zeroizing<[u8; 32]> {
        match self {
            Self::Ed25519(key) => Zeroizing::new(key.to_bytes()),
            Self::Sm2(key) => Zeroizing::new(key.secret.to_bytes().into()),
        }
    }

    /// The suite this key belongs to.
    pub const fn suite(&self) -> Suite {
        match self {
            Self::Ed25519(_) => Suite::Standard,
            Self::Sm2(_) => Suite::Guomi,
        }
    }

    /// The public half.
    pub fn public_key(&self) -> PublicKey {
        match self {
            Self::Ed25519(key) => PublicKey::Ed25519(key.verifying_key().to_bytes()),
            Self::Sm2(key) => PublicKey::Sm2(key.public),
        }
    }

    /// The address of the public half.
    pub fn address(&self) -> Address {
        self.public_key().address()
    }

    /// Signs `message`.
    pub fn sign(&self, message: &[u8]) -> Signature {
        #[cfg(feature = "stand-in-signatures")]
        if super::stand_in::is_in_use() {
            return super::stand_in::of(&self.public_key(), message);
        }
        match self {
            Self::Ed25519(key) => Signature(key.sign(message).to_bytes()),
            Self::Sm2(key) => {
                let signed = sm2::dsa::SigningKey::new(SM2_ID, &key.secret)
                    .and_then(|key| sm2::dsa::signature::Signer::<sm2::dsa::Signature>::try_sign(&key, message));
                match signed {
                    Ok(signature) => Signature(signature.to_bytes().into()),
                    // d is in 1 … n − 2, the identifier is short, so only r = 0, r + k = n or s = 0 remain.
                    Err(error) => unreachable!("an SM2 nonce with a chance below 2⁻²⁵⁰: {error}"),
                }
            }
        }
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretKey(of {})", self.public_key())
    }
}

impl fmt::Debug for Sm2Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sm2Secret(of {})", PublicKey::Sm2(self.public))
    }
}

impl PublicKey {
    /// The identity of this key: `H(tag ‖ suite ‖ key)` by the key's suite.
    pub fn address(&self) -> Address {
        let suite = self.suite();
        Address { suite, hash: suite.hash_tagged(Tag::ADDRESS, &[&[suite as u8], self.as_bytes()]) }
    }

    /// Whether the key may be registered on a chain: in its canonical encoding, on the curve, not the identity and,
    /// for Ed25519, in the subgroup of prime order.
    ///
    /// ZIP-215 verification accepts keys of small order, under which one signature fits every message; so every key
    /// passes here before a chain or a light client trusts what it signs.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn check_registrable(&self) -> Result<(), KeyError> {
        match self {
            Self::Ed25519(bytes) => {
                let key = ed25519_dalek::VerifyingKey::from_bytes(bytes).map_err(|_| KeyError::NotOnCurve)?;
                let point = key.to_edwards();
                if point.compress().as_bytes() != bytes {
                    return Err(KeyError::NotCanonical);
                }
                // The identity is torsion-free, and of small order.
                if point.is_small_order() || !point.is_torsion_free() {
                    return Err(KeyError::SmallOrder);
                }
                Ok(())
            }
            Self::Sm2(bytes) => sm2_point(bytes).map(|_| ()),
        }
    }
}

/// The point of a compressed SM2 key. The curve has prime order, so every point but the identity generates it all,
/// and the identity has no encoding of 33 bytes.
pub(super) fn sm2_point(bytes: &[u8; 33]) -> Result<sm2::PublicKey, KeyError> {
    // SEC1 also knows a "compact" form of 33 bytes (tag 5): a second encoding of the same point.
    if !matches!(bytes.first(), Some(0x02 | 0x03)) {
        return Err(KeyError::NotCanonical);
    }
    sm2::PublicKey::from_sec1_bytes(bytes).map_err(|_| KeyError::NotOnCurve)
}

impl Signature {
    /// This SM2 signature as DER, for tools outside: `SEQUENCE { r INTEGER, s INTEGER }`.
    ///
    /// # Errors
    /// [`SignatureError::Malformed`] if r or s is not within 1 … n − 1.
    pub fn to_sm2_der(&self) -> Result<Vec<u8>, SignatureError> {
        let signature = sm2::dsa::Signature::from_slice(&self.0).map_err(|_| SignatureError::Malformed)?;
        Ok(signature.to_der().to_vec())
    }

    /// The SM2 signature of a DER encoding made by a tool outside. Only the canonical encoding is accepted.
    ///
    /// # Errors
    /// [`SignatureError::Malformed`].
    pub fn from_sm2_der(der: &[u8]) -> Result<Self, SignatureError> {
        if der.len() > DER_LIMIT {
            return Err(SignatureError::Malformed);
        }
        let signature = sm2::dsa::Signature::from_der(der).map_err(|_| SignatureError::Malformed)?;
        let signature = Self(signature.to_bytes().into());
        if signature.to_sm2_der()? != der {
            return Err(SignatureError::Malformed);
        }
        Ok(signature)
    }
}
