//! What the store in memory does beyond the port.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use super::{MemoryStore, StoreReader, StoreWriter, WriteBatch};
use proptest::prelude::*;

fn batch(writes: &[(u8, Option<u8>)]) -> WriteBatch {
    let mut batch = WriteBatch::default();
    for (key, value) in writes {
        match value {
            Some(value) => batch.put([*key], [*value]),
            None => batch.delete([*key]),
        }
    }
    batch
}

fn writes() -> impl Strategy<Value = Vec<(u8, Option<u8>)>> {
    prop::collection::vec((0_u8..12, any::<Option<u8>>()), 0..20)
}

proptest! {
    #[test]
    fn an_exchanged_batch_is_applied_and_what_is_left_undoes_it(earlier in writes(), later in writes()) {
        let mut store = MemoryStore::default();
        store.apply(&batch(&earlier), true).unwrap();
        let before = store.clone();
        let mut applied = before.clone();
        applied.apply(&batch(&later), true).unwrap();

        let mut exchanged = batch(&later);
        store.exchange(&mut exchanged);
        prop_assert_eq!(&store, &applied);
        for (key, value) in exchanged.iter() {
            prop_assert_eq!(before.get(key).unwrap(), value.map(<[u8]>::to_vec));
        }
        store.exchange(&mut exchanged);
        prop_assert_eq!(&store, &before);
        prop_assert_eq!(exchanged, batch(&later));
    }
}
