//! Bounds, fairness, order and accounting of the pool.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use super::{Budget, Mempool, PoolEntry, PoolLimits};
use chain_state::Admission;
use ledger_protocol::chain::{Input, Section};
use ledger_protocol::codec::{Bounded, SortedVec, Text, encode};
use ledger_protocol::suite::SecretKey;
use ledger_protocol::transaction::{
    LedgerOperation, Operation, PublishEvent, Replay, Signer, SignerRole, Transaction, TransactionBody,
};
use ledger_protocol::{AccountName, ChainId, Code, Hash, Height, LedgerId, Suite};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;

const SUITE: Suite = Suite::Standard;

/// An unsigned transaction: the pool does not look at signatures.
fn entry(signer: u8, nonce: u64, valid_until: u64, size: usize, lane: &[u8], order: u64, rank: u64) -> PoolEntry {
    let address = SecretKey::from_seed(SUITE, [signer; 32]).address();
    let event = PublishEvent {
        account: AccountName::new("events").unwrap(),
        topic: Text::new("t").unwrap(),
        payload: vec![1; size].try_into().unwrap(),
    };
    let body = TransactionBody {
        chain: ChainId { suite: SUITE, hash: Hash([1; 32]) },
        replay: Replay::Window { valid_until: Height(valid_until), nonce },
        signers: SortedVec::new(vec![Signer { address, role: SignerRole::Author }]).unwrap(),
        fuel_limit: 1,
        operations: Bounded::new(vec![LedgerOperation {
            ledger: LedgerId(1),
            operation: Operation::PublishEvent(event),
        }])
        .unwrap(),
    };
    let input = Input::Transaction(Box::new(Transaction { body, signatures: SortedVec::default() }));
    let leaf = input.leaf(SUITE);
    let hash = input.hash(SUITE);
    let bytes = encode(&input).len();
    let dedupe_key = if rank > 0 { b"same".to_vec() } else { encode(&hash) };
    let admission = Admission {
        section: Section::Transactions,
        dedupe_key,
        rank: (rank, 0),
        lane: lane.to_vec(),
        order,
        is_work: true,
    };
    PoolEntry { input: Arc::new(input), leaf, hash, bytes, admission }
}

fn limits(count: usize) -> PoolLimits {
    PoolLimits { count, signer_count: count, ..PoolLimits::default() }
}

fn budget(height: u64, count: usize, bytes: usize) -> Budget {
    Budget { height: Height(height), count, bytes, system_bytes: bytes / 4 }
}

#[test]
fn the_greater_rank_of_one_key_stays() {
    let mut pool = Mempool::new(limits(10));
    let (low, high) = (entry(1, 1, 9, 1, b"", 0, 1), entry(1, 2, 9, 1, b"", 0, 2));
    assert!(pool.insert(low.clone()).unwrap().is_empty());
    assert_eq!(pool.insert(low.clone()).unwrap_err().code, Code::KNOWN);
    assert_eq!(pool.insert(high.clone()).unwrap(), vec![low.clone()]);
    assert_eq!(pool.insert(low).unwrap_err().code, Code::KNOWN);
    assert_eq!((pool.len(), pool.bytes()), (1, high.bytes));
}

#[test]
fn a_full_pool_takes_from_who_holds_most_and_refuses_others() {
    let mut pool = Mempool::new(limits(10));
    for nonce in 0..10 {
        pool.insert(entry(1, nonce, 9, 1, b"", 0, 0)).unwrap();
    }
    let refused = pool.insert(entry(1, 99, 9, 1, b"", 0, 0)).unwrap_err();
    assert_eq!((refused.code, refused.retry), (Code::POOL_FULL, true));
    for nonce in 0..5 {
        let evicted = pool.insert(entry(2, nonce, 9, 1, b"", 0, 0));
        assert_eq!(evicted.as_ref().map(Vec::len).unwrap_or(0), usize::from(nonce < 5), "{nonce}");
    }
    assert_eq!(pool.insert(entry(2, 99, 9, 1, b"", 0, 0)).unwrap_err().code, Code::POOL_FULL);
    assert_eq!(pool.len(), 10);
}

#[test]
fn signers_take_turns_and_lanes_keep_their_order() {
    let mut pool = Mempool::new(limits(1_000));
    for nonce in 0..100 {
        pool.insert(entry(1, nonce, 9, 1, b"", 0, 0)).unwrap();
    }
    for nonce in 0..3 {
        pool.insert(entry(2, nonce, 9, 1, b"", 0, 0)).unwrap();
    }
    for order in [5u64, 3, 4] {
        pool.insert(entry(3, order, 9, 1, b"lane", order, 0)).unwrap();
    }
    let chosen = pool.select(&budget(1, 12, 1 << 20));
    let of = |signer: u8| {
        let address = SecretKey::from_seed(SUITE, [signer; 32]).address();
        let signed = |input: &Input| matches!(input, Input::Transaction(tx) if tx.body.signers[0].address == address);
        chosen.iter().filter(|chosen| signed(&chosen.input)).collect::<Vec<_>>()
    };
    assert_eq!((of(1).len(), of(2).len(), of(3).len()), (6, 3, 3));
    let nonces: Vec<u64> = of(3)
        .iter()
        .map(|chosen| match &*chosen.input {
            Input::Transaction(tx) => match tx.body.replay {
                Replay::Window { nonce, .. } => nonce,
                Replay::Sequence { .. } => 0,
            },
            _ => 0,
        })
        .collect();
    assert_eq!(nonces, vec![3, 4, 5]);
}

#[test]
fn what_expires_leaves_and_is_returned() {
    let mut pool = Mempool::new(limits(10));
    pool.insert(entry(1, 1, 5, 1, b"", 0, 0)).unwrap();
    pool.insert(entry(1, 2, 6, 1, b"", 0, 0)).unwrap();
    assert!(pool.expire(Height(5)).is_empty());
    assert_eq!(pool.select(&budget(6, 9, 1 << 20)).len(), 1);
    assert_eq!(pool.expire(Height(6)).len(), 1);
    assert!(pool.has_work());
    assert_eq!(pool.expire(Height(7)).len(), 1);
    assert!(!pool.has_work() && pool.is_empty() && pool.bytes() == 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn bounds_hold_and_nothing_vanishes(
        steps in proptest::collection::vec((0u8..5, 0u8..6, 1u64..30, 1usize..400), 1..200),
        count in 1usize..30,
        bytes in 500usize..8_000,
    ) {
        let limits = PoolLimits { count, bytes, signer_count: 12, signer_bytes: 4_000, ..PoolLimits::default() };
        let mut pool = Mempool::new(limits);
        let mut model: BTreeMap<Hash, usize> = BTreeMap::new();
        for (nonce, (kind, signer, valid_until, size)) in steps.into_iter().enumerate() {
            match kind {
                0 => for gone in pool.expire(Height(valid_until / 3)) {
                    prop_assert!(model.remove(&gone.hash).is_some());
                },
                1 => {
                    let chosen = pool.select(&budget(1, 4, 1_500));
                    prop_assert!(chosen.len() <= 4);
                    let total: usize = chosen.iter().map(|chosen| encode(&*chosen.input).len()).sum();
                    prop_assert!(total <= 1_500);
                    for chosen in chosen {
                        prop_assert!(pool.remove(&chosen.hash).is_some());
                        model.remove(&chosen.hash);
                    }
                }
                _ => {
                    let new = entry(signer, nonce as u64, valid_until, size, b"", 0, 0);
                    let (hash, length) = (new.hash, new.bytes);
                    if let Ok(evicted) = pool.insert(new) {
                        model.insert(hash, length);
                        for gone in evicted {
                            prop_assert!(model.remove(&gone.hash).is_some());
                        }
                    }
                }
            }
            prop_assert_eq!(pool.len(), model.len());
            prop_assert_eq!(pool.bytes(), model.values().sum::<usize>());
            prop_assert!(pool.len() <= count && pool.bytes() <= bytes);
            prop_assert_eq!(pool.has_work(), !model.is_empty());
        }
    }
}
