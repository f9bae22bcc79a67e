//! What others read of a disk is what a power cut would leave of it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use crate::disk::{Disk, Tail};
use crate::random::{Random, Seed};
use crate::world::ChainIndex;
use chain_state::{StoreReader, WriteBatch};
use ledger_protocol::Height;
use proptest::prelude::*;

const CHAIN: ChainIndex = ChainIndex(0);

/// A key of one byte, set to a value or removed.
type Write = (u8, Option<u8>);

/// Batches, and whether each is synced.
fn batches() -> impl Strategy<Value = Vec<(Vec<Write>, bool)>> {
    let write = (0_u8..12, proptest::option::of(any::<u8>()));
    proptest::collection::vec((proptest::collection::vec(write, 0..6), any::<bool>()), 0..8)
}

proptest! {
    #[test]
    fn others_read_what_a_power_cut_would_leave(batches in batches(), limit in 0_usize..14) {
        let mut disk = Disk::default();
        for (height, (writes, is_synced)) in (0..).zip(batches) {
            let mut batch = WriteBatch::default();
            for (key, value) in writes {
                match value {
                    Some(value) => batch.put([key], [value]),
                    None => batch.delete([key]),
                }
            }
            let point = disk.commit(CHAIN, batch, Height(height));
            if is_synced {
                disk.synced(point);
            }
        }
        let mut cut = disk.clone();
        cut.crash(Tail::Lost, &mut Random::new(Seed(1), 1));
        let Some(left) = cut.store(CHAIN) else { return Ok(()) };
        let seen = disk.durable_reader(CHAIN).unwrap();
        for start in 0..13_u8 {
            prop_assert_eq!(seen.get(&[start]).unwrap(), left.get(&[start]).unwrap());
            for end in start..13 {
                prop_assert_eq!(seen.scan(&[start], &[end], limit).unwrap(), left.scan(&[start], &[end], limit).unwrap());
                prop_assert_eq!(seen.last(&[start], &[end]).unwrap(), left.last(&[start], &[end]).unwrap());
            }
        }
    }
}
