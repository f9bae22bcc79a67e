//! Who is who: a chain names a validator's peer by the hash of its network key, the network by the key itself.

use chain_engine::Peer;
use ledger_protocol::Suite;
use node_network::PeerKey;
use std::collections::BTreeMap;

/// Both names of every peer of one chain.
#[derive(Debug, Clone, Default)]
pub(super) struct PeerBook {
    key_of: BTreeMap<Peer, PeerKey>,
    peer_of: BTreeMap<PeerKey, Peer>,
}

/// The name by which a chain of `suite` knows a network key.
pub(super) fn peer(suite: Suite, key: PeerKey) -> Peer {
    Peer(key.network_key_hash(suite))
}

impl PeerBook {
    /// The peers of a chain of `suite` with these network keys.
    pub(super) fn new(suite: Suite, keys: impl IntoIterator<Item = PeerKey>) -> Self {
        let mut book = Self::default();
        for key in keys {
            let peer = peer(suite, key);
            book.key_of.insert(peer, key);
            book.peer_of.insert(key, peer);
        }
        book
    }

    /// The network key of a peer.
    pub(super) fn key(&self, peer: &Peer) -> Option<PeerKey> {
        self.key_of.get(peer).copied()
    }

    /// The peer behind a network key.
    pub(super) fn peer(&self, key: &PeerKey) -> Option<Peer> {
        self.peer_of.get(key).copied()
    }
}
