//! What an index by height holds up to now, read in small pages: most blocks have nothing due, and must not pay for
//! everything that is due later.

use chain_state::{BlockState, StoreFault};
use ledger_protocol::Height;

/// Rows read at once.
const PAGE: usize = 32;

/// At most `limit` keys of an index whose first eight bytes (big endian) are below `height`, ascending.
pub(super) fn due(
    state: &BlockState<'_>,
    area: &str,
    height: Height,
    limit: usize,
) -> Result<Vec<Vec<u8>>, StoreFault> {
    let mut found: Vec<Vec<u8>> = Vec::new();
    loop {
        let page = state.scan_working(area, &[], found.last().map(Vec::as_slice), PAGE)?;
        let read = page.len();
        for (key, _) in page {
            let at = key.first_chunk::<8>().map_or(u64::MAX, |bytes| u64::from_be_bytes(*bytes));
            if at >= height.0 || found.len() >= limit {
                return Ok(found);
            }
            found.push(key);
        }
        if read < PAGE {
            return Ok(found);
        }
    }
}
