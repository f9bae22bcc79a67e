#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]
//! Random histories against a plain map: contents, versions, changes, events, scans, roots and proofs.

use super::*;
use crate::testing::naive_root;
use ledger_protocol::proof::state::VerifiedState;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Debug, Clone)]
enum Step {
    Put(u8, u8, StateContent),
    Delete(u8, u8),
    Record(u8, u8),
    Prune(u8),
    Working(u8, Option<u8>),
    Publish(u8),
    Begin,
    Accept,
    Discard,
}

fn step() -> impl Strategy<Value = Step> {
    let content = prop_oneof![
        any::<u8>().prop_map(|byte| plain([byte])),
        any::<u8>().prop_map(|byte| StateContent::Sealed(Value::new(vec![byte; 3]).unwrap())),
        any::<i64>().prop_map(|value| counter(value, i64::MIN, i64::MAX)),
    ];
    prop_oneof![
        6 => (1..3u8, 0..12u8, content).prop_map(|(ledger, key, content)| Step::Put(ledger, key, content)),
        3 => (1..3u8, 0..12u8).prop_map(|(ledger, key)| Step::Delete(ledger, key)),
        3 => (0..12u8, any::<u8>()).prop_map(|(key, value)| Step::Record(key, value)),
        2 => (0..12u8).prop_map(Step::Prune),
        3 => (0..6u8, proptest::option::of(any::<u8>())).prop_map(|(key, value)| Step::Working(key, value)),
        1 => (0..2u8).prop_map(Step::Publish),
        2 => Just(Step::Begin),
        1 => Just(Step::Accept),
        1 => Just(Step::Discard),
    ]
}

/// The state as a map; layers are copies.
#[derive(Debug, Clone, Default)]
struct Model {
    contents: BTreeMap<Place, StateValue>,
    pruned: BTreeSet<Place>,
    changes: Vec<Change>,
    events: Vec<(u8, u64)>,
}

fn user(ledger: u8, number: u8) -> Place {
    Place::new(LedgerId(u32::from(ledger)), &account(if number.is_multiple_of(2) { "a" } else { "b" }), &key([number]))
}

fn record(number: u8) -> Place {
    Place::system("motions", key([number]))
}

fn working_content(bytes: impl Into<Vec<u8>>) -> StateValue {
    let content = StateContent::Working(BoundedBytes::new(bytes).unwrap());
    StateValue { version: Version(0), content }
}

impl Model {
    fn version(&self, place: &Place) -> Version {
        self.contents.get(place).map_or(Version(0), |value| value.version.next().unwrap())
    }

    fn write(&mut self, suite: Suite, place: Place, content: StateContent) {
        let value = StateValue { version: self.version(&place), content };
        let is_delete = value.content == StateContent::Tombstone;
        let kind = if is_delete { ChangeKind::Delete } else { ChangeKind::Set };
        self.changes.push(change(&place, value.version, kind, value.value_hash(suite)));
        self.contents.insert(place, value);
    }

    fn step(&mut self, suite: Suite, step: &Step) {
        match step.clone() {
            Step::Put(ledger, key, content) => self.write(suite, user(ledger, key), content),
            Step::Delete(ledger, key) => self.write(suite, user(ledger, key), StateContent::Tombstone),
            Step::Record(key, value) => {
                if !self.pruned.contains(&record(key)) {
                    self.write(suite, record(key), plain([value]));
                }
            }
            Step::Prune(key) => {
                let version = self.version(&record(key));
                if self.contents.remove(&record(key)).is_some() {
                    self.changes.push(change(&record(key), version, ChangeKind::Prune, Hash::ZERO));
                    self.pruned.insert(record(key));
                }
            }
            Step::Working(key, value) => {
                let place = working_place("area", &[key]).unwrap();
                match value {
                    None => self.contents.remove(&place),
                    Some(byte) => self.contents.insert(place, working_content([byte])),
                };
            }
            Step::Publish(topic) => {
                let mut row = 1u32.to_be_bytes().to_vec();
                row.push(b'a' + topic);
                let place = working_place("event-sequences", &row).unwrap();
                let next = match self.contents.get(&place).map(|value| &value.content) {
                    Some(StateContent::Working(bytes)) => u64::from_le_bytes(bytes.to_vec().try_into().unwrap()),
                    _ => 0,
                };
                self.contents.insert(place, working_content((next + 1).to_le_bytes()));
                self.events.push((topic, next));
            }
            Step::Begin | Step::Accept | Step::Discard => {}
        }
    }
}

fn real(state: &mut BlockState<'_>, model: &Model, step: &Step) {
    match step.clone() {
        Step::Put(ledger, key, content) => {
            assert_eq!(state.put(&user(ledger, key), content).unwrap(), model.version(&user(ledger, key)));
        }
        Step::Delete(ledger, key) => {
            assert_eq!(state.delete(&user(ledger, key)).unwrap(), model.version(&user(ledger, key)));
        }
        Step::Record(key, value) => {
            if !model.pruned.contains(&record(key)) {
                state.put(&record(key), plain([value])).unwrap();
            }
        }
        Step::Prune(key) => state.prune(&record(key)).unwrap(),
        Step::Working(key, None) => state.remove_working("area", &[key]).unwrap(),
        Step::Working(key, Some(value)) => state.put_working("area", &[key], &[value]).unwrap(),
        Step::Publish(topic) => {
            let topic = Text::new(char::from(b'a' + topic).to_string()).unwrap();
            state.publish(BOOKS, &account("e"), &topic, BoundedBytes::default()).unwrap();
        }
        Step::Begin | Step::Accept | Step::Discard => {}
    }
}

/// Runs one block's steps on both sides; layers left open are discarded.
fn run(state: &mut BlockState<'_>, model: &mut Model, steps: &[Step], suite: Suite) {
    let mut outer: Vec<Model> = Vec::new();
    for step in steps {
        match step {
            Step::Begin => {
                state.begin();
                outer.push(model.clone());
            }
            Step::Accept if !outer.is_empty() => {
                state.accept();
                outer.pop();
            }
            Step::Discard if !outer.is_empty() => {
                state.discard();
                *model = outer.pop().unwrap();
            }
            _ => {
                real(state, model, step);
                model.step(suite, step);
            }
        }
        assert_eq!(state.depth(), outer.len());
        assert_eq!(state.counts(), (model.changes.len(), model.events.len()));
    }
    // Layers still open: of a key in several of them the innermost counts.
    compare(state, model);
    while let Some(before) = outer.pop() {
        state.discard();
        *model = before;
    }
}

fn every_place() -> impl Iterator<Item = Place> {
    let users = (1..3).flat_map(|ledger| (0..12).map(move |number| user(ledger, number)));
    users.chain((0..12).map(record)).chain((0..6).map(|number| working_place("area", &[number]).unwrap()))
}

fn compare(state: &BlockState<'_>, model: &Model) {
    for place in every_place() {
        let expected = model.contents.get(&place);
        assert_eq!(state.value(&place).unwrap().as_ref(), expected);
        let live = expected.filter(|value| value.content != StateContent::Tombstone);
        assert_eq!(state.live(&place).unwrap().as_ref(), live);
    }
    for (ledger, name) in [(1, "a"), (1, "b"), (2, "a"), (2, "b"), (0, "motions")] {
        let found = state.scan(LedgerId(ledger), &account(name), &[], None, 100).unwrap();
        let is_there = |place: &Place, value: &StateValue| {
            place.ledger == LedgerId(ledger)
                && place.account == account(name)
                && value.content != StateContent::Tombstone
        };
        let contents = model.contents.iter().filter(|(place, value)| is_there(place, value));
        let expected: Vec<_> = contents.map(|(place, value)| (place.key.clone(), value.clone())).collect();
        assert_eq!(found, expected);
    }
}

type Contents = BTreeMap<Place, StateValue>;

fn of_ledger(contents: &Contents, ledger: LedgerId) -> Contents {
    contents.iter().filter(|(place, _)| place.ledger == ledger).map(|(p, v)| (p.clone(), v.clone())).collect()
}

fn history(suite: Suite, blocks: &[Vec<Step>]) {
    let mut chain = Chain::new(suite);
    let mut model = Model::default();
    // Contents of every version of every ledger, to be proved at the end.
    let mut versions: BTreeMap<(LedgerId, u64), (Hash, Contents)> = BTreeMap::new();
    for steps in blocks {
        let before = model.clone();
        let mut state = chain.state();
        run(&mut state, &mut model, steps, suite);
        compare(&state, &model);
        let delta = state.finish().unwrap();

        // The same block again gives the same bytes, hash maps inside jmt or not.
        let mut again = chain.state();
        run(&mut again, &mut before.clone(), steps, suite);
        assert_eq!(again.finish().unwrap(), delta);

        let mut changes = std::mem::take(&mut model.changes);
        changes.sort_by_key(ledger_protocol::codec::Ordered::key);
        assert_eq!(delta.changes, changes);
        let topic = |event: &EventRecord| event.topic.as_str().as_bytes()[0] - b'a';
        let events: Vec<_> = delta.events.iter().map(|event| (topic(event), event.sequence.0)).collect();
        assert_eq!(events, std::mem::take(&mut model.events));

        let height = chain.height;
        chain.store.apply(&delta.batch, false).unwrap();
        chain.height = height.next().unwrap();
        for (index, change) in (0u32..).zip(&delta.changes) {
            let Change { ledger, account, key, version, .. } = change;
            let found = prove::change_of_version(&chain.store, *ledger, account, key, *version).unwrap();
            assert_eq!(found, Some((height, index)));
        }
        compare(&chain.state(), &model);
        for leaf in &delta.ledgers {
            let root = naive_root(suite, &model.contents, leaf.ledger);
            assert_eq!(leaf.state_root, root, "ledger {} at height {height}", leaf.ledger);
            let now = of_ledger(&model.contents, leaf.ledger);
            if let Some((_, old)) = versions.get(&(leaf.ledger, leaf.state_version)) {
                assert_eq!(*old, now, "contents changed without a new state version");
            } else if leaf.state_version > 0 {
                assert_ne!(of_ledger(&before.contents, leaf.ledger), now, "a new version without a new content");
            }
            versions.insert((leaf.ledger, leaf.state_version), (root, now));
        }
    }
    for ((ledger, version), (root, contents)) in versions {
        for place in every_place().filter(|place| place.ledger == ledger) {
            let proof = prove::state_proof(&chain.store, suite, ledger, &place.account, &place.key, version);
            let verified = proof.unwrap().unwrap().verify(suite, &place.account, &place.key, &root).unwrap();
            let expected = contents.get(&place).cloned();
            assert_eq!(verified, expected.map_or(VerifiedState::Absent, VerifiedState::Present));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn random_histories_agree_with_a_map(
        blocks in proptest::collection::vec(proptest::collection::vec(step(), 0..40), 1..12),
        is_guomi in any::<bool>(),
    ) {
        history(if is_guomi { Suite::Guomi } else { Suite::Standard }, &blocks);
    }

    #[test]
    fn the_root_depends_on_the_contents_alone(
        keys in proptest::collection::btree_map(0..255u8, any::<u8>(), 1..60),
        order in any::<u64>(),
    ) {
        let mut shuffled: Vec<_> = keys.iter().collect();
        shuffled.sort_by_key(|(key, _)| (u64::from(**key) ^ order).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let write = |state: &mut BlockState<'_>, keys: &[(&u8, &u8)]| {
            for (key, value) in keys {
                state.put(&place([**key]), plain([**value])).unwrap();
            }
        };
        let mut chain = Chain::new(Suite::Standard);
        let at_once = chain.execute(|state| write(state, &shuffled));
        let in_order = chain.execute(|state| write(state, &keys.iter().collect::<Vec<_>>()));
        prop_assert_eq!(&at_once, &in_order);
        let mut last = StateDelta::default();
        for part in shuffled.chunks(7) {
            last = chain.block(|state| write(state, part));
        }
        prop_assert_eq!(leaf(&last, BOOKS).1, leaf(&at_once, BOOKS).1);
    }
}
