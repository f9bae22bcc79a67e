//! Scans: keys of one account in byte order, the overlay merged over the store.
//!
//! Bounded by the limit and by the keys that the block itself removed from the range.

use super::{BlockState, is_live};
use crate::place::Place;
use crate::rows;
use crate::store::{Entry, StoreFault, StoreReader};
use ledger_protocol::transaction::{StateKey, StateValue};
use ledger_protocol::{AccountName, LedgerId};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::iter::Peekable;
use std::ops::Bound;

/// Most rows fetched from the store at once; a scan with a lower limit fetches no more than that.
const PAGE: usize = 64;

impl BlockState<'_> {
    /// At most `limit` live keys of an account that begin with `prefix` and are above `after`, ascending.
    ///
    /// # Errors
    /// [`StoreFault`] on I/O, a corrupt row or a prefix above 256 bytes.
    pub fn scan(
        &self,
        ledger: LedgerId,
        account: &AccountName,
        prefix: &[u8],
        after: Option<&StateKey>,
        limit: usize,
    ) -> Result<Vec<(StateKey, StateValue)>, StoreFault> {
        let key = StateKey::new(prefix).map_err(|error| StoreFault(format!("a prefix: {error}")))?;
        self.merged(&Place { ledger, account: account.clone(), key }, after, limit)
    }

    /// The keys at and after `from` that begin with `from.key`.
    pub(super) fn merged(
        &self,
        from: &Place,
        after: Option<&StateKey>,
        limit: usize,
    ) -> Result<Vec<(StateKey, StateValue)>, StoreFault> {
        let start = match after {
            Some(key) if *key >= from.key => {
                Bound::Excluded(Place { ledger: from.ledger, account: from.account.clone(), key: key.clone() })
            }
            _ => Bound::Included(from.clone()),
        };
        // The innermost layer first: of equal keys the first source wins.
        let mut overlay: Vec<_> = self
            .open
            .iter()
            .rev()
            .chain(std::iter::once(&self.block))
            .map(|layer| layer.entries.range((start.clone(), Bound::Unbounded)).peekable())
            .collect();
        let mut stored = StoredRange::new(self.reader, &self.pages, from, &start, limit).peekable();
        let mut found = Vec::new();
        while found.len() < limit {
            let Some(key) = smallest(from, &mut overlay, &mut stored)? else { break };
            let mut value: Option<Option<StateValue>> = None;
            for layer in &mut overlay {
                if let Some((_, entry)) = layer.next_if(|(place, _)| place.key == key && from.is_beside(place)) {
                    value.get_or_insert_with(|| entry.clone());
                }
            }
            if let Some(row) = stored.next_if(|row| row.as_ref().is_ok_and(|(stored_key, _)| *stored_key == key)) {
                value.get_or_insert(Some(row?.1));
            }
            if let Some(value) = value.flatten().filter(is_live) {
                found.push((key, value));
            }
        }
        Ok(found)
    }
}

type OverlayRange<'o> = Peekable<std::collections::btree_map::Range<'o, Place, Option<StateValue>>>;

/// The next key of any source that is still in the range.
fn smallest(
    from: &Place,
    overlay: &mut [OverlayRange<'_>],
    stored: &mut Peekable<StoredRange<'_>>,
) -> Result<Option<StateKey>, StoreFault> {
    let in_range = |place: &&Place| from.is_beside(place) && place.key.starts_with(&from.key);
    let mut least: Option<&StateKey> = match stored.peek() {
        None => None,
        Some(Ok((key, _))) => Some(key),
        Some(Err(fault)) => return Err(fault.clone()),
    };
    for layer in overlay {
        if let Some(place) = layer.peek().map(|(place, _)| *place).filter(in_range)
            && least.is_none_or(|key| place.key < *key)
        {
            least = Some(&place.key);
        }
    }
    Ok(least.cloned())
}

/// Short pages of the store's ranges by (first row, end, most rows). The parent state does not change while its block
/// is executed, and the same few ranges are asked for again and again: the head of a queue, whether an index is empty.
#[derive(Debug, Default)]
pub(super) struct ScannedPages {
    pages: RefCell<BTreeMap<PageKey, Vec<Entry>>>,
}

/// First row, end of the range, most rows.
type PageKey = (Vec<u8>, Vec<u8>, usize);

/// Longer pages are not kept.
const KEPT_PAGE: usize = 8;
/// Most pages kept.
const KEPT_PAGES: usize = 16_384;

impl ScannedPages {
    fn scan(&self, reader: &dyn StoreReader, start: &[u8], end: &[u8], limit: usize) -> Result<Vec<Entry>, StoreFault> {
        if limit > KEPT_PAGE {
            return reader.scan(start, end, limit);
        }
        let key = (start.to_vec(), end.to_vec(), limit);
        if let Some(page) = self.pages.borrow().get(&key) {
            return Ok(page.clone());
        }
        let page = reader.scan(start, end, limit)?;
        let mut pages = self.pages.borrow_mut();
        if pages.len() < KEPT_PAGES {
            pages.insert(key, page.clone());
        }
        Ok(page)
    }
}

/// The rows of a range of keys, fetched page by page.
struct StoredRange<'r> {
    reader: &'r dyn StoreReader,
    pages: &'r ScannedPages,
    /// Length of the part of a row before the key.
    header: usize,
    next: Vec<u8>,
    end: Vec<u8>,
    page_rows: usize,
    page: std::vec::IntoIter<Entry>,
    is_exhausted: bool,
}

impl<'r> StoredRange<'r> {
    fn new(
        reader: &'r dyn StoreReader,
        pages: &'r ScannedPages,
        from: &Place,
        start: &Bound<Place>,
        limit: usize,
    ) -> Self {
        let next = match start {
            Bound::Included(place) => rows::state(place),
            Bound::Excluded(place) => successor(rows::state(place)),
            Bound::Unbounded => rows::state(from),
        };
        Self {
            reader,
            pages,
            header: rows::account(from.ledger, &from.account).len(),
            next,
            // Every row begins with the byte `s`, so that there is a byte string after them.
            end: rows::after_prefix(&rows::state(from)).unwrap_or_default(),
            page_rows: limit.clamp(1, PAGE),
            page: Vec::new().into_iter(),
            is_exhausted: false,
        }
    }

    fn refill(&mut self) -> Result<(), StoreFault> {
        let page = self.pages.scan(self.reader, &self.next, &self.end, self.page_rows)?;
        self.is_exhausted = page.len() < self.page_rows;
        if let Some((last, _)) = page.last() {
            self.next = successor(last.clone());
        }
        self.page = page.into_iter();
        Ok(())
    }
}

/// The smallest byte string above `key`.
fn successor(mut key: Vec<u8>) -> Vec<u8> {
    key.push(0);
    key
}

impl Iterator for StoredRange<'_> {
    type Item = Result<(StateKey, StateValue), StoreFault>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.page.len() == 0
            && !self.is_exhausted
            && let Err(fault) = self.refill()
        {
            self.is_exhausted = true;
            return Some(Err(fault));
        }
        let (row, bytes) = self.page.next()?;
        let key = row.get(self.header..).unwrap_or_default();
        let key = StateKey::new(key).map_err(|error| StoreFault(format!("corrupt state row: {error}")));
        Some(key.and_then(|key| Ok((key, rows::value(&bytes)?))))
    }
}
