//! Stand-in signatures: a digest of key and message in a signature's place, for the simulator to explore more.
//!
//! Only builds with the feature `stand-in-signatures` have them, and there only threads that hold an [`InUse`]. A binary
//! that ships has neither the feature nor any code of this file, so nothing can switch its verification off.
//! Invariants: a stand-in fits one key and one message, as a signature does; it says nothing about who made it, for no
//! secret goes into it, so actors that sign with their own keys are held off, and an attacker is not. Its second half is
//! a fixed text that is no scalar of either suite: no real verification ever accepts it.

use super::{PublicKey, Signature};
use sha2::{Digest as _, Sha256};
use std::cell::Cell;
use std::marker::PhantomData;

/// The second half: as an Ed25519 scalar in its canonical range its last byte would be at most 0x10.
const MARK: [u8; 32] = *b"no signature but a stand-in here";

thread_local! {
    static IN_USE: Cell<bool> = const { Cell::new(false) };
}

/// Signatures of this thread are stand-ins as long as this lives; then they are again what they were.
#[derive(Debug)]
#[must_use = "signatures are stand-ins only as long as this lives"]
pub struct InUse {
    before: bool,
    stays_on_its_thread: PhantomData<*const ()>,
}

impl Drop for InUse {
    fn drop(&mut self) {
        IN_USE.set(self.before);
    }
}

/// Makes and verifies stand-ins on this thread (`true`), or real signatures (`false`).
pub fn use_here(stand_ins: bool) -> InUse {
    InUse { before: IN_USE.replace(stand_ins), stays_on_its_thread: PhantomData }
}

/// Whether this thread makes and verifies stand-ins.
pub(super) fn is_in_use() -> bool {
    IN_USE.get()
}

/// The stand-in of this key for this message.
pub(super) fn of(public_key: &PublicKey, message: &[u8]) -> Signature {
    let key = public_key.as_bytes();
    let mut digest = Sha256::new();
    digest.update(b"crosstie/stand-in-signature/v1\0");
    // The suite fixes the key's length.
    digest.update([public_key.suite() as u8]);
    digest.update(key);
    digest.update(message);
    let mut bytes = [0; 64];
    let digest: [u8; 32] = digest.finalize().into();
    for (byte, from) in bytes.iter_mut().zip(digest.into_iter().chain(MARK)) {
        *byte = from;
    }
    Signature(bytes)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]
    use super::use_here;
    use crate::suite::{BatchItem, SecretKey, SignatureError, Suite, Verifier};

    #[test]
    fn a_stand_in_fits_one_key_and_one_message_and_no_real_verification() {
        for suite in [Suite::Standard, Suite::Guomi] {
            let (mine, other) = (SecretKey::from_seed(suite, [1; 32]), SecretKey::from_seed(suite, [2; 32]));
            let real = mine.sign(b"one");
            let stand_in = {
                let _in_use = use_here(true);
                let stand_in = mine.sign(b"one");
                assert!(mine.public_key().verify(b"one", &stand_in).is_ok());
                assert_eq!(mine.public_key().verify(b"two", &stand_in), Err(SignatureError::Mismatch));
                assert_eq!(other.public_key().verify(b"one", &stand_in), Err(SignatureError::Mismatch));
                assert_eq!(mine.public_key().verify(b"one", &real), Err(SignatureError::Mismatch));
                let (mine, other) = (mine.public_key(), other.public_key());
                let item = |public_key, message| BatchItem { public_key, message, signature: &stand_in };
                let answers = Verifier.verify_batch(&[item(&mine, b"one"), item(&other, b"one"), item(&mine, b"two")]);
                assert_eq!(answers.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, false, false]);
                stand_in
            };
            assert!(mine.public_key().verify(b"one", &stand_in).is_err());
            assert!(mine.public_key().verify(b"one", &real).is_ok());
        }
    }

    #[test]
    fn the_choice_is_one_threads_and_ends_with_its_guard() {
        let key = SecretKey::from_seed(Suite::Standard, [1; 32]);
        let real = key.sign(b"one");
        let in_use = use_here(true);
        assert_ne!(key.sign(b"one"), real);
        let elsewhere = key.clone();
        assert_eq!(std::thread::spawn(move || elsewhere.sign(b"one")).join().unwrap(), real);
        {
            let _real_again = use_here(false);
            assert_eq!(key.sign(b"one"), real);
        }
        assert_ne!(key.sign(b"one"), real);
        drop(in_use);
        assert_eq!(key.sign(b"one"), real);
    }
}
