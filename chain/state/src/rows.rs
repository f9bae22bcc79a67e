//! Keys of the rows that this crate keeps in a replica's store.
//!
//! | prefix | row | value |
//! |---|---|---|
//! | `s` | ledger, account, key | latest [`StateValue`], the bytes of the state tree's leaf |
//! | `v` | ledger, account, key, version | height and index in the changes tree |
//! | `l` | ledger, `s` or `h` | settings, or head of the ledger |
//! | `tn` | ledger, tree version, path | node of the state tree |
//! | `to` | ledger, key hash, tree version | value that was replaced in that version, with its place; a working entry for a while, all others for ever |
//! | `tp` | ledger, key hash | place of a key that is in the latest tree |
//! | `tx` | ledger, tree version, part | what went stale in that version |
//!
//! Keys of one account are neighbours in byte order, so that a prefix of keys is one range of rows.

use crate::place::Place;
use crate::store::StoreFault;
use borsh::BorshDeserialize;
use ledger_protocol::transaction::{StateKey, StateValue};
use ledger_protocol::{AccountName, Hash, LedgerId, Version, codec};

/// No row of this crate is longer than this.
const ROW_LIMIT_BYTES: usize = 16 << 20;

fn with_account(prefix: u8, ledger: LedgerId, account: &AccountName, room: usize) -> Vec<u8> {
    let name = account.as_str().as_bytes();
    let mut row = Vec::with_capacity(6 + name.len() + room);
    row.push(prefix);
    row.extend_from_slice(&ledger.0.to_be_bytes());
    // A name has at most 64 bytes.
    row.push(name.len().to_le_bytes()[0]);
    row.extend_from_slice(name);
    row
}

/// First bytes of all state rows of an account.
pub(crate) fn account(ledger: LedgerId, account: &AccountName) -> Vec<u8> {
    with_account(b's', ledger, account, 0)
}

/// The row of a key's latest value.
pub(crate) fn state(place: &Place) -> Vec<u8> {
    let mut row = with_account(b's', place.ledger, &place.account, place.key.len());
    row.extend_from_slice(&place.key);
    row
}

/// The row of one version of a key.
pub(crate) fn version(ledger: LedgerId, account: &AccountName, key: &StateKey, version: Version) -> Vec<u8> {
    let mut row = with_account(b'v', ledger, account, key.len() + 10);
    // A key has at most 256 bytes.
    let [low, high, ..] = key.len().to_le_bytes();
    row.extend_from_slice(&[high, low]);
    row.extend_from_slice(key);
    row.extend_from_slice(&version.0.to_be_bytes());
    row
}

/// First bytes of the version rows of all keys of an account that are `key_length` long and begin with `prefix`.
pub(crate) fn versions_under(ledger: LedgerId, account: &AccountName, key_length: usize, prefix: &[u8]) -> Vec<u8> {
    let mut row = with_account(b'v', ledger, account, prefix.len() + 2);
    let [low, high, ..] = key_length.to_le_bytes();
    row.extend_from_slice(&[high, low]);
    row.extend_from_slice(prefix);
    row
}

fn ledger_row(prefix: &[u8], ledger: LedgerId, parts: &[&[u8]]) -> Vec<u8> {
    let mut row = Vec::with_capacity(64);
    row.extend_from_slice(prefix);
    row.extend_from_slice(&ledger.0.to_be_bytes());
    for part in parts {
        row.extend_from_slice(part);
    }
    row
}

/// The row of a ledger's settings.
pub(crate) fn settings(ledger: LedgerId) -> Vec<u8> {
    ledger_row(b"l", ledger, &[b"s"])
}

/// The row of a ledger's head.
pub(crate) fn head(ledger: LedgerId) -> Vec<u8> {
    ledger_row(b"l", ledger, &[b"h"])
}

/// A node of a ledger's tree; `node` begins with the tree version in which it was made.
pub(crate) fn node(ledger: LedgerId, node: &[u8]) -> Vec<u8> {
    ledger_row(b"tn", ledger, &[node])
}

/// The value of a key that was replaced in tree version `until`.
pub(crate) fn replaced(ledger: LedgerId, key_hash: &Hash, until: u64) -> Vec<u8> {
    ledger_row(b"to", ledger, &[key_hash.as_bytes(), &until.to_be_bytes()])
}

/// The place behind a key hash of the latest tree.
pub(crate) fn preimage(ledger: LedgerId, key_hash: &Hash) -> Vec<u8> {
    ledger_row(b"tp", ledger, &[key_hash.as_bytes()])
}

/// One part of what went stale in tree version `since`.
pub(crate) fn stale(ledger: LedgerId, since: u64, part: u32) -> Vec<u8> {
    ledger_row(b"tx", ledger, &[&since.to_be_bytes(), &part.to_be_bytes()])
}

/// The first byte string after all that begin with `prefix`; `None` when there is none.
pub(crate) fn after_prefix(prefix: &[u8]) -> Option<Vec<u8>> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if let Some(next) = last.checked_add(1) {
            end.push(next);
            return Some(end);
        }
    }
    None
}

/// Decodes a row that this crate wrote.
pub(crate) fn decode<T: BorshDeserialize>(what: &str, bytes: &[u8]) -> Result<T, StoreFault> {
    codec::decode(bytes, ROW_LIMIT_BYTES).map_err(|error| StoreFault(format!("corrupt {what}: {error}")))
}

/// Decodes a state row.
pub(crate) fn value(bytes: &[u8]) -> Result<StateValue, StoreFault> {
    decode("state row", bytes)
}
