//! Areas and keys of the working entries that this crate owns in ledger 0.
//!
//! A chain id encodes to a fixed length, so no key of one peer is a prefix of another peer's.

use ledger_protocol::codec::encode;
use ledger_protocol::{ChainId, Height, Sequence};

/// The trusted header with its validator set: chain → `TrustedHeader`.
pub(crate) const TRUSTED: &str = "ic-trusted";
/// History root of the trusted header: chain → `Hash`.
pub(crate) const TRUSTED_HISTORY: &str = "ic-trusted-history";
/// Last registration or re-anchor header: chain → (height, hash).
pub(crate) const ANCHOR: &str = "ic-anchor";
/// Validator sets that the trusted history names: chain ‖ first height they certify → hash of the set.
pub(crate) const SETS: &str = "ic-sets";
/// Highest height ever known: chain → height.
pub(crate) const KNOWN_HEIGHT: &str = "ic-known-height";
/// Next sequence expected: chain → sequence.
pub(crate) const INBOX: &str = "ic-inbox";
/// What a peer acknowledged: chain → `PeerView`.
pub(crate) const PEERS: &str = "ic-peers";
/// Messages to send: chain ‖ sequence → payload.
pub(crate) const OUTBOX: &str = "ic-outbox";
/// Outbox counters: chain → (assigned, sent).
pub(crate) const OUTBOX_COUNTERS: &str = "ic-outbox-counters";
/// Postponed messages: chain ‖ sequence → message.
pub(crate) const WAITING: &str = "ic-waiting";
/// Messages aside: chain ‖ sequence → message.
pub(crate) const ASIDE: &str = "ic-aside";
/// Number of postponed messages: chain → count.
pub(crate) const WAITING_COUNT: &str = "ic-waiting-count";
/// Number of messages aside: chain → count.
pub(crate) const ASIDE_COUNT: &str = "ic-aside-count";
/// How often a peer was given a new anchor here: chain → count.
pub(crate) const REANCHORS: &str = "ic-reanchors";
/// Height at or below which a peer's lists are void: chain → height.
pub(crate) const LIST_FLOOR: &str = "ic-list-floor";
/// Own recent header hashes: height → hash.
pub(crate) const OWN_HEADERS: &str = "ic-own-headers";

/// The key of one peer.
pub(crate) fn of_peer(peer: &ChainId) -> Vec<u8> {
    encode(peer)
}

/// The key of one message of a peer's lane; big-endian, so that lanes are scanned in order.
pub(crate) fn of_message(peer: &ChainId, sequence: Sequence) -> Vec<u8> {
    let mut key = of_peer(peer);
    key.extend_from_slice(&sequence.0.to_be_bytes());
    key
}

/// The key of one height of a peer.
pub(crate) fn of_height(peer: &ChainId, height: Height) -> Vec<u8> {
    let mut key = of_peer(peer);
    key.extend_from_slice(&height.0.to_be_bytes());
    key
}

/// The last eight bytes of a key, as the number that [`of_message`] and [`of_height`] wrote there.
pub(crate) fn number_at_end(key: &[u8]) -> Option<u64> {
    key.last_chunk::<8>().map(|bytes| u64::from_be_bytes(*bytes))
}
