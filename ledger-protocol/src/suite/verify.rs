//! Verification of signatures, one by one and in batches that always agree with it.
//!
//! Ed25519 follows ZIP-215, the only rule set under which a batch accepts exactly what single verification accepts;
//! SM2 has no batch equation and is verified one by one. Cost per signature on one core: Ed25519 about 33 µs alone
//! and 8–20 µs in a batch, SM2 about 190 µs.
//!
//! **Batch coefficients without randomness.** A batch checks one random linear combination of its equations. The
//! coefficients here come from SHA-512 over every key, signature and message of the batch (Fiat–Shamir). That is
//! sound: whatever is changed in any item, to make errors of several items cancel, gives fresh coefficients of 128
//! bits for all of them, so each attempt succeeds with a chance of about 2⁻¹²⁸ and costs a hash of the batch; there
//! is no state to learn between attempts. What an attacker can gain by choosing the batch is what it could gain by
//! guessing. The library draws coefficients in the order of a seeded map, so which coefficient meets which item may
//! differ between runs; the verdict does not, but for that same chance.

use super::keys::{SM2_ID, sm2_point};
use super::{PublicKey, Signature};
use crate::identifiers::Address;
use ed25519_zebra::{VerificationKey, VerificationKeyBytes, batch};
use rand_core::{TryCryptoRng, TryRng};
use sha2::{Digest as _, Sha512};
use sm2::dsa::signature::Verifier as _;
use std::convert::Infallible;

/// Items of one Ed25519 batch equation; longer lists are cut. Gains end here and memory stays small.
const BATCH: usize = 256;
/// Items of a second try when a batch fails, before its members are verified one by one: one forged signature
/// then costs its batch twice instead of the full price of verifying everybody alone.
const REGROUP: usize = 16;

/// Why a signature is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// The key's bytes are no key.
    #[error("the signer's public key is not a point of its curve in the accepted encoding")]
    Key,
    /// The signature's bytes are no signature of this suite.
    #[error("the signature is malformed")]
    Malformed,
    /// The signature does not fit key and message.
    #[error("the signature does not fit this key and message; was it made for another chain, tag or text?")]
    Mismatch,
}

/// One signature to verify.
#[derive(Debug, Clone, Copy)]
pub struct BatchItem<'a> {
    /// The signer's key.
    pub public_key: &'a PublicKey,
    /// The signed bytes, tag included.
    pub message: &'a [u8],
    /// The signature.
    pub signature: &'a Signature,
}

/// A signature that was verified: who signed, with what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub struct VerifiedSignature {
    public_key: PublicKey,
    signature: Signature,
}

impl VerifiedSignature {
    /// The signer's key.
    pub const fn public_key(&self) -> &PublicKey {
        &self.public_key
    }

    /// The signer's address.
    pub fn address(&self) -> Address {
        self.public_key.address()
    }

    /// The signature.
    pub const fn signature(&self) -> &Signature {
        &self.signature
    }
}

/// Verifies signatures of every suite. Stateless: the same input always gives the same answer.
///
/// It does not judge keys beyond their encoding; see [`PublicKey::check_registrable`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Verifier;

impl PublicKey {
    /// Verifies one signature of this key.
    ///
    /// # Errors
    /// [`SignatureError`].
    pub fn verify(&self, message: &[u8], signature: &Signature) -> Result<VerifiedSignature, SignatureError> {
        Verifier.verify(self, message, signature)
    }
}

impl Verifier {
    /// Verifies one signature.
    ///
    /// # Errors
    /// [`SignatureError`].
    pub fn verify(
        &self,
        public_key: &PublicKey,
        message: &[u8],
        signature: &Signature,
    ) -> Result<VerifiedSignature, SignatureError> {
        #[cfg(feature = "stand-in-signatures")]
        if super::stand_in::is_in_use() {
            let verified = VerifiedSignature { public_key: *public_key, signature: *signature };
            let fits = super::stand_in::of(public_key, message) == *signature;
            return if fits { Ok(verified) } else { Err(SignatureError::Mismatch) };
        }
        match public_key {
            PublicKey::Ed25519(key) => {
                let key = VerificationKey::try_from(*key).map_err(|_| SignatureError::Key)?;
                let signature = ed25519_zebra::Signature::from_bytes(&signature.0);
                key.verify(&signature, message).map_err(|_| SignatureError::Mismatch)?;
            }
            PublicKey::Sm2(key) => {
                let point = sm2_point(key).map_err(|_| SignatureError::Key)?;
                let key = sm2::dsa::VerifyingKey::new(SM2_ID, point).map_err(|_| SignatureError::Key)?;
                let signature = sm2::dsa::Signature::from_slice(&signature.0).map_err(|_| SignatureError::Malformed)?;
                key.verify(message, &signature).map_err(|_| SignatureError::Mismatch)?;
            }
        }
        Ok(VerifiedSignature { public_key: *public_key, signature: *signature })
    }

    /// Verifies a list of any length and any mixture of suites; answer i is about item i and is what
    /// [`Self::verify`] answers.
    pub fn verify_batch(&self, items: &[BatchItem<'_>]) -> Vec<Result<VerifiedSignature, SignatureError>> {
        #[cfg(feature = "stand-in-signatures")]
        if super::stand_in::is_in_use() {
            return items.iter().map(|item| self.verify(item.public_key, item.message, item.signature)).collect();
        }
        let mut verified = vec![None; items.len()];
        let ed25519: Vec<(usize, &BatchItem<'_>)> =
            items.iter().enumerate().filter(|(_, item)| matches!(item.public_key, PublicKey::Ed25519(_))).collect();
        for batch in ed25519.chunks(BATCH) {
            if all_fit(batch) {
                settle(&mut verified, batch);
                continue;
            }
            for group in batch.chunks(REGROUP).filter(|group| group.len() < batch.len() && all_fit(group)) {
                settle(&mut verified, group);
            }
        }
        let answers = items.iter().zip(verified);
        answers
            .map(|(item, verified)| match verified {
                Some(verified) => Ok(verified),
                None => self.verify(item.public_key, item.message, item.signature),
            })
            .collect()
    }
}

/// Marks every member of a batch that passed.
fn settle(verified: &mut [Option<VerifiedSignature>], batch: &[(usize, &BatchItem<'_>)]) {
    for (position, item) in batch {
        if let Some(slot) = verified.get_mut(*position) {
            *slot = Some(VerifiedSignature { public_key: *item.public_key, signature: *item.signature });
        }
    }
}

/// Whether all Ed25519 signatures of a batch of at least two are valid. `false` decides nothing.
fn all_fit(items: &[(usize, &BatchItem<'_>)]) -> bool {
    if items.len() < 2 {
        return false;
    }
    let mut transcript = Sha512::new();
    transcript.update(b"crosstie/signature-batch/v1\0");
    let mut verifier = batch::Verifier::new();
    for (_, item) in items {
        let PublicKey::Ed25519(key) = item.public_key else { return false };
        // Fixed lengths and a length before the message: no two batches share a transcript.
        transcript.update(key);
        transcript.update(item.signature.0);
        transcript.update((item.message.len() as u64).to_le_bytes());
        transcript.update(item.message);
        let signature = ed25519_zebra::Signature::from_bytes(&item.signature.0);
        verifier.queue((VerificationKeyBytes::from(*key), signature, item.message));
    }
    verifier.verify(Coefficients { seed: transcript.finalize().into(), block: 0 }).is_ok()
}

/// The stream `SHA-512(seed ‖ 0), SHA-512(seed ‖ 1), …`. Nothing secret: see the module's text.
struct Coefficients {
    seed: [u8; 64],
    block: u64,
}

impl TryRng for Coefficients {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        rand_core::utils::next_word_via_fill(self)
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        rand_core::utils::next_word_via_fill(self)
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        for part in bytes.chunks_mut(64) {
            let digest = Sha512::new().chain_update(self.seed).chain_update(self.block.to_le_bytes()).finalize();
            for (byte, drawn) in part.iter_mut().zip(digest) {
                *byte = drawn;
            }
            self.block += 1;
        }
        Ok(())
    }
}

impl TryCryptoRng for Coefficients {}
