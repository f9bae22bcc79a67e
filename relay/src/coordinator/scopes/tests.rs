//! The index against a plain list: what blocks whom, and that nobody who may start is forgotten.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use super::*;
use chain_state::MemoryStore;
use ledger_protocol::codec::{SortedVec, Text};
use ledger_protocol::proposal::{Call, LegMode};
use ledger_protocol::{Hash, Height, LedgerId};
use proptest::prelude::*;

const CHAIN: ChainId = ChainId { suite: Suite::Standard, hash: Hash([7; 32]) };
/// Some are prefixes of others.
const KEYS: [&[u8]; 5] = [b"a", b"ab", b"abc", b"b", b""];

fn scope(account: u8, key: usize, kind: u8) -> ScopeEntry {
    let key = LockKey {
        ledger: LedgerId(1),
        account: Text::new(["book", "till"][usize::from(account)]).unwrap(),
        key: StateKey::new(KEYS[key]).unwrap(),
    };
    let access = match kind {
        0 => AccessKind::Shared,
        1 => AccessKind::Exclusive,
        2 => AccessKind::PrefixShared,
        amount => AccessKind::Delta(i64::from(amount)),
    };
    ScopeEntry { key, access }
}

fn leg(mode: LegMode, mut scopes: Vec<ScopeEntry>) -> Leg {
    scopes.sort_by(|a, b| a.key.cmp(&b.key));
    scopes.dedup_by(|a, b| a.key == b.key);
    Leg {
        chain: CHAIN,
        mode,
        call: Call::Plain(ledger_protocol::codec::BoundedBytes::default()),
        scope: SortedVec::new(scopes).unwrap(),
        asserted: SortedVec::default(),
        authorisers: SortedVec::default(),
    }
}

/// The rule as it is worded: two uses of one account meet when their keys are equal or one is a prefix of the other's.
fn collide(a: &ScopeEntry, b: &ScopeEntry) -> bool {
    let is_prefix = |entry: &ScopeEntry| entry.access == AccessKind::PrefixShared;
    let meet = match (is_prefix(a), is_prefix(b)) {
        (false, false) => a.key == b.key,
        (true, false) => b.key.key.starts_with(&a.key.key),
        (false, true) => a.key.key.starts_with(&b.key.key),
        (true, true) => false,
    };
    meet && a.key.account == b.key.account && !a.access.is_compatible_with(b.access)
}

#[derive(Debug, Clone)]
struct Proposal {
    arrival: u64,
    leg: Leg,
    started: bool,
}

fn is_blocked_by_the_rule(open: &[Proposal], proposal: &Proposal) -> bool {
    let earlier = open.iter().filter(|other| other.arrival < proposal.arrival);
    let mut held = earlier.flat_map(|other| other.leg.scope.iter());
    held.any(|theirs| proposal.leg.scope.iter().any(|ours| collide(ours, theirs)))
}

fn is_blocked_by_the_index(state: &BlockState<'_>, proposal: &Proposal) -> bool {
    let blocked = |entry| is_blocked(state, &CHAIN, entry, proposal.arrival).unwrap();
    proposal.leg.scope.iter().any(blocked)
}

#[derive(Debug, Clone)]
enum Step {
    Arrive(Vec<(u8, usize, u8)>),
    /// Several leave in one block: which of the open ones.
    Leave(Vec<usize>),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let arrive = prop::collection::vec((0..2u8, 0..KEYS.len(), 0..5u8), 1..4).prop_map(Step::Arrive);
    let leave = prop::collection::vec(0..64usize, 1..4).prop_map(Step::Leave);
    prop::collection::vec(prop_oneof![3 => arrive, 2 => leave], 1..60)
}

fn start_candidates(state: &BlockState<'_>, open: &mut [Proposal], candidates: &BTreeSet<u64>) {
    for arrival in candidates {
        if let Some(place) = open.iter().position(|proposal| proposal.arrival == *arrival && !proposal.started) {
            open[place].started = !is_blocked_by_the_index(state, &open[place]);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn the_index_blocks_as_the_rule_says_and_forgets_nobody(steps in steps()) {
        let empty = MemoryStore::default();
        let mut state = BlockState::open(&empty, Suite::Standard, Height(1)).unwrap();
        let id = ProposalId(Suite::Standard.foreign(Hash([1; 32])));
        let mut open: Vec<Proposal> = Vec::new();
        for (arrival, step) in (0u64..).zip(steps) {
            let mut candidates = BTreeSet::new();
            match step {
                Step::Arrive(scopes) => {
                    let scopes = scopes.into_iter().map(|(account, key, kind)| scope(account, key, kind)).collect();
                    let leg = leg(LegMode::Write, scopes);
                    put(&mut state, &id, &leg, arrival).unwrap();
                    open.push(Proposal { arrival, leg, started: false });
                    candidates.insert(arrival);
                }
                Step::Leave(which) => {
                    let mut freed = BTreeSet::new();
                    for place in which {
                        if !open.is_empty() {
                            let gone = open.remove(place % open.len());
                            remove(&mut state, &gone.leg, gone.arrival, &mut freed).unwrap();
                        }
                    }
                    for freed in &freed {
                        waiting_for(&state, freed, &mut candidates).unwrap();
                    }
                }
            }
            start_candidates(&state, &mut open, &candidates);
            for proposal in &open {
                let expected = is_blocked_by_the_rule(&open, proposal);
                prop_assert_eq!(is_blocked_by_the_index(&state, proposal), expected, "{:?} in {:?}", proposal, &open);
                prop_assert_eq!(proposal.started, !expected, "{:?} in {:?}", proposal, &open);
            }
        }
    }
}

#[test]
fn a_hot_counter_wakes_nobody_and_counts_nobody_ahead() {
    let empty = MemoryStore::default();
    let mut state = BlockState::open(&empty, Suite::Standard, Height(1)).unwrap();
    let id = ProposalId(Suite::Standard.foreign(Hash([1; 32])));
    let delta = leg(LegMode::Write, vec![scope(0, 0, 3)]);
    for arrival in 0..1_000 {
        put(&mut state, &id, &delta, arrival).unwrap();
    }
    assert_eq!(depth(&state, &CHAIN, &scope(0, 0, 4), 100).unwrap(), 0);
    assert_eq!(depth(&state, &CHAIN, &scope(0, 0, 1), 100).unwrap(), 100, "up to the limit");
    let (mut freed, mut candidates) = (BTreeSet::new(), BTreeSet::new());
    remove(&mut state, &delta, 0, &mut freed).unwrap();
    for freed in &freed {
        waiting_for(&state, freed, &mut candidates).unwrap();
    }
    assert!(candidates.is_empty(), "deltas do not wait for each other");
}

#[test]
fn a_leg_without_a_vote_holds_nothing() {
    let empty = MemoryStore::default();
    let mut state = BlockState::open(&empty, Suite::Standard, Height(1)).unwrap();
    let id = ProposalId(Suite::Standard.foreign(Hash([1; 32])));
    put(&mut state, &id, &leg(LegMode::Notify, vec![scope(0, 0, 1)]), 1).unwrap();
    assert!(!is_blocked(&state, &CHAIN, &scope(0, 0, 1), 2).unwrap());
}
