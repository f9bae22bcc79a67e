//! Network keys: who a peer is.
//!
//! A network key is an Ed25519 key of its own, apart from validator and account keys. Its text form is that of an
//! Ed25519 public key of the ledger protocol. The libp2p peer id is derived from it and appears only in this crate.

use ledger_protocol::codec::Tag;
use ledger_protocol::{Hash, PublicKey, Suite};
use libp2p::PeerId;
use libp2p::identity::{self, Keypair};
use std::fmt;
use std::str::FromStr;

/// A peer's Ed25519 network key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerKey(pub [u8; 32]);

impl PeerKey {
    /// What a chain's validator and observer records hold for this key.
    pub fn network_key_hash(&self, suite: Suite) -> Hash {
        suite.hash_tagged(Tag::NETWORK_KEY, &[&self.0])
    }

    /// The libp2p peer id; `None` if the bytes are no point of the curve.
    pub(crate) fn peer_id(&self) -> Option<PeerId> {
        let key = identity::ed25519::PublicKey::try_from_bytes(&self.0).ok()?;
        Some(PeerId::from_public_key(&identity::PublicKey::from(key)))
    }

    /// The key inside a peer id; `None` if it is not an Ed25519 key.
    pub(crate) fn from_peer_id(peer_id: &PeerId) -> Option<PeerKey> {
        const IDENTITY_MULTIHASH: u64 = 0;
        let multihash = peer_id.as_ref();
        if multihash.code() != IDENTITY_MULTIHASH {
            return None;
        }
        let key = identity::PublicKey::try_decode_protobuf(multihash.digest()).ok()?;
        Some(PeerKey(key.try_into_ed25519().ok()?.to_bytes()))
    }
}

impl From<PeerKey> for PublicKey {
    fn from(key: PeerKey) -> PublicKey {
        PublicKey::Ed25519(key.0)
    }
}

impl fmt::Display for PeerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&PublicKey::from(*self), f)
    }
}

impl fmt::Debug for PeerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().take(4).try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// A text that is no network key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyTextError {
    /// Not the text form of a public key.
    #[error("not a public key: {reason}; a network key looks like the public_key of a key file")]
    NotAKey {
        /// Why.
        reason: String,
    },
    /// A public key of another kind.
    #[error("a network key is an Ed25519 key; this is a key of the suite `{suite}`")]
    WrongSuite {
        /// The suite of the key given.
        suite: Suite,
    },
}

impl FromStr for PeerKey {
    type Err = KeyTextError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let key: PublicKey = text.parse().map_err(|error| KeyTextError::NotAKey { reason: format!("{error}") })?;
        match key {
            PublicKey::Ed25519(bytes) => Ok(PeerKey(bytes)),
            PublicKey::Sm2(_) => Err(KeyTextError::WrongSuite { suite: Suite::Guomi }),
        }
    }
}

/// The secret half of a node's network key. Its memory is wiped when it is dropped.
#[derive(Clone)]
pub struct NetworkSecretKey {
    pair: Keypair,
    public: PeerKey,
}

impl NetworkSecretKey {
    /// The key of an RFC 8032 seed.
    pub fn from_seed(mut seed: [u8; 32]) -> NetworkSecretKey {
        // Any 32 bytes are a seed; `try_from_bytes` wipes its argument.
        let secret = identity::ed25519::SecretKey::try_from_bytes(&mut seed);
        let pair = identity::ed25519::Keypair::from(secret.unwrap_or_else(|_| unreachable!("a seed has 32 bytes")));
        let public = PeerKey(pair.public().to_bytes());
        NetworkSecretKey { pair: Keypair::from(pair), public }
    }

    /// The public half.
    pub fn public(&self) -> PeerKey {
        self.public
    }

    /// The libp2p form.
    pub(crate) fn pair(&self) -> Keypair {
        self.pair.clone()
    }
}

impl fmt::Debug for NetworkSecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NetworkSecretKey({:?})", self.public)
    }
}
