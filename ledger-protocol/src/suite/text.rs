//! Text forms: bech32m for ids, keys and addresses, hexadecimal for bare digests.
//!
//! | value | prefix | characters |
//! |---|---|---|
//! | chain id | `ctchain1` | 67 |
//! | address | `ctaddr1` | 66 |
//! | public key | `ctkey1` | 65 (Ed25519), 67 (SM2) |
//! | secret key | `ctsecret1` | 68 |
//! | proposal id | `ctprop1` | 66 |
//!
//! The payload is the suite byte and the digest or key. One value has one text, but for a form all in upper case,
//! which QR codes prefer and which is read as well. Reading demands the prefix, the bech32m (not bech32) checksum,
//! the exact length and zero padding. Text is never hashed or signed.

use super::{PublicKey, SecretKey, Suite};
use crate::identifiers::{Address, ChainId, Hash, ProposalId, SuiteHash, TransactionId};
use bech32::primitives::decode::{CheckedHrpstring, UncheckedHrpstring};
use bech32::{Bech32, Bech32m, Hrp};
use std::fmt;
use std::str::FromStr;
use zeroize::{Zeroize as _, Zeroizing};

/// No text form is longer, so that the checksum finds every error of up to four characters.
const TEXT_LIMIT: usize = 90;

const CHAIN: Hrp = Hrp::parse_unchecked("ctchain");
const ADDRESS: Hrp = Hrp::parse_unchecked("ctaddr");
const KEY: Hrp = Hrp::parse_unchecked("ctkey");
const SECRET: Hrp = Hrp::parse_unchecked("ctsecret");
const PROPOSAL: Hrp = Hrp::parse_unchecked("ctprop");

/// Why a text is not the text form of the expected value. Never quotes the text: it may be a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TextFormError {
    /// Not of the shape `prefix1data`.
    #[error("not a text of the form {expected}1…; copy it again, whole and without spaces")]
    Shape {
        /// The prefix that is expected here.
        expected: &'static str,
    },
    /// The text names something else.
    #[error("this is a {got}1… text where a {expected}1… text is expected")]
    Prefix {
        /// The prefix that is expected here.
        expected: &'static str,
        /// The prefix of the text.
        got: String,
    },
    /// Characters were changed or left out.
    #[error("the checksum does not fit: a character is wrong or missing; copy it again from its source")]
    Checksum,
    /// The older checksum, which does not detect inserted characters.
    #[error("the text carries a bech32 checksum where bech32m is required; export it again with a current tool")]
    OldChecksum,
    /// The checksum fits, but the payload is not what the prefix promises.
    #[error("the payload has {got} bytes where {expected} are expected; the text was made by a faulty tool")]
    Length {
        /// Bytes in the payload.
        got: usize,
        /// Bytes expected.
        expected: usize,
    },
    /// Bits after the last byte that are not zero.
    #[error("the text is not the canonical form of its value; export it again with a current tool")]
    NotCanonical,
    /// A suite that this version does not know.
    #[error("unknown suite {0}: this version knows 1 (standard) and 2 (guomi); is a newer version needed?")]
    Suite(u8),
    /// The secret is not within its suite's range.
    #[error("the secret is not valid in its suite; make a new key")]
    Secret,
    /// Not a digest in hexadecimal.
    #[error("a digest is written as exactly 64 hexadecimal digits; copy it again, whole and without a 0x prefix")]
    Hexadecimal,
}

/// Writes a text form. `HRP` and payload together stay below the limit of every caller in this file.
fn write(f: &mut impl fmt::Write, hrp: Hrp, payload: &[u8]) -> fmt::Result {
    bech32::encode_lower_to_fmt::<Bech32m, _>(f, hrp, payload).map_err(|_| fmt::Error)
}

/// Reads a text form: suite byte and the payload after it.
fn read(text: &str, hrp: Hrp, expected: &'static str) -> Result<(Suite, Zeroizing<Vec<u8>>), TextFormError> {
    if text.len() > TEXT_LIMIT {
        return Err(TextFormError::Shape { expected });
    }
    let unchecked = UncheckedHrpstring::new(text).map_err(|_| TextFormError::Shape { expected })?;
    if unchecked.hrp() != hrp {
        return Err(TextFormError::Prefix { expected, got: unchecked.hrp().to_lowercase() });
    }
    let checked = CheckedHrpstring::new::<Bech32m>(text).map_err(|_| {
        if unchecked.has_valid_checksum::<Bech32>() { TextFormError::OldChecksum } else { TextFormError::Checksum }
    })?;
    let mut payload = Zeroizing::new(Vec::with_capacity(TEXT_LIMIT));
    payload.extend(checked.byte_iter());
    // The library drops the bits after the last byte without a look, and a whole character of padding too.
    let mut canonical = Zeroizing::new(String::with_capacity(TEXT_LIMIT));
    write(&mut *canonical, hrp, &payload).map_err(|_| TextFormError::NotCanonical)?;
    if !canonical.eq_ignore_ascii_case(text) {
        return Err(TextFormError::NotCanonical);
    }
    let suite = match payload.first() {
        Some(1) => Suite::Standard,
        Some(2) => Suite::Guomi,
        Some(other) => return Err(TextFormError::Suite(*other)),
        None => return Err(TextFormError::Length { got: 0, expected: 33 }),
    };
    payload.remove(0);
    Ok((suite, payload))
}

/// The payload as exactly `N` bytes; lengths in errors count the suite byte.
fn exactly<const N: usize>(payload: &[u8]) -> Result<[u8; N], TextFormError> {
    payload.try_into().map_err(|_| TextFormError::Length { got: payload.len() + 1, expected: N + 1 })
}

/// Suite byte and digest in front of each other.
fn digest_payload(suite: Suite, hash: &Hash) -> [u8; 33] {
    let mut payload = [suite as u8; 33];
    for (slot, byte) in payload.iter_mut().skip(1).zip(hash.0) {
        *slot = byte;
    }
    payload
}

macro_rules! digest_text {
    ($name:ident, $hrp:expr, $prefix:literal, |$value:ident| $parts:expr, |$suite:ident, $hash:ident| $make:expr) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let $value = self;
                let (suite, hash) = $parts;
                write(f, $hrp, &digest_payload(suite, &hash))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = TextFormError;
            fn from_str(text: &str) -> Result<Self, TextFormError> {
                let ($suite, payload) = read(text, $hrp, $prefix)?;
                let $hash = Hash(exactly(&payload)?);
                Ok($make)
            }
        }
    };
}

digest_text!(ChainId, CHAIN, "ctchain", |id| (id.suite, id.hash), |suite, hash| ChainId { suite, hash });
digest_text!(Address, ADDRESS, "ctaddr", |id| (id.suite, id.hash), |suite, hash| Address { suite, hash });
digest_text!(ProposalId, PROPOSAL, "ctprop", |id| (id.0.suite, id.0.hash), |suite, hash| ProposalId(SuiteHash {
    suite,
    hash
}));

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut payload = Vec::with_capacity(34);
        payload.push(self.suite() as u8);
        payload.extend_from_slice(self.as_bytes());
        write(f, KEY, &payload)
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for PublicKey {
    type Err = TextFormError;

    /// Reads the text; whether the key may be used is [`PublicKey::check_registrable`]'s question.
    fn from_str(text: &str) -> Result<Self, TextFormError> {
        let (suite, payload) = read(text, KEY, "ctkey")?;
        Ok(match suite {
            Suite::Standard => Self::Ed25519(exactly(&payload)?),
            Suite::Guomi => Self::Sm2(exactly(&payload)?),
        })
    }
}

impl SecretKey {
    /// The secret as text, `ctsecret1…`. Not `Display`, so that no log prints it by accident.
    pub fn to_text(&self) -> Zeroizing<String> {
        let mut payload = digest_payload(self.suite(), &Hash(*self.to_bytes()));
        let mut text = Zeroizing::new(String::with_capacity(TEXT_LIMIT));
        let written = write(&mut *text, SECRET, &payload);
        payload.zeroize();
        assert!(written.is_ok(), "33 bytes and a prefix of 8 characters fit into bech32m");
        text
    }

    /// The secret of a text made by [`Self::to_text`].
    ///
    /// # Errors
    /// [`TextFormError`].
    pub fn from_text(text: &str) -> Result<Self, TextFormError> {
        let (suite, payload) = read(text, SECRET, "ctsecret")?;
        let bytes = Zeroizing::new(exactly(&payload)?);
        Self::from_bytes(suite, &bytes).map_err(|_| TextFormError::Secret)
    }
}

impl FromStr for Hash {
    type Err = TextFormError;

    fn from_str(text: &str) -> Result<Self, TextFormError> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| TextFormError::Hexadecimal)?;
        Ok(Self(bytes))
    }
}

impl FromStr for TransactionId {
    type Err = TextFormError;

    fn from_str(text: &str) -> Result<Self, TextFormError> {
        text.parse().map(Self)
    }
}
