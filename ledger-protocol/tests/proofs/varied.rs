//! Chains of varied shape drawn from a seed, and proofs of every form over them: other tree sizes, positions, heights
//! and ways from the checkpoint for every number.

use super::samples::{peer, preparing, proposal};
use super::scenario::{set_key, transaction};
use super::test_chain::{Content, KeySet, TestChain, key, path, place, plain};
use ledger_protocol::chain::{Checkpoint, Input};
use ledger_protocol::codec::{BoundedBytes, Text, encode};
use ledger_protocol::interchain::{MessageContent, Verdict, Vote};
use ledger_protocol::proof::state::VerifiedState;
use ledger_protocol::proof::*;
use ledger_protocol::system::{accounts, proposal_key};
use ledger_protocol::transaction::{EventRecord, StateContent};
use ledger_protocol::{Code, Hash, Height, LedgerId, Sequence, Suite, Version};

/// SplitMix64: a seed gives the same proofs on every machine.
pub(crate) struct Rng(pub(crate) u64);

impl Rng {
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit
    }

    fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high - low + 1)
    }

    fn bytes(&mut self, low: u64, high: u64) -> Vec<u8> {
        (0..self.between(low, high)).map(|_| self.below(256) as u8).collect()
    }
}

/// A chain and the heights at which something stands.
pub(crate) struct Varied {
    pub(crate) chain: TestChain,
    full: Height,
    empty: Height,
    cleared: Height,
    handoff: Height,
    replaced: Height,
    again: Height,
}

impl Varied {
    pub(crate) fn new(suite: Suite, seed: u8) -> Self {
        let rng = &mut Rng(u64::from(seed) << 8 | u64::from(suite == Suite::Guomi));
        let mut chain = TestChain::new(suite, seed);
        let author = key(suite, 50, seed);
        let mut first = Content::default();
        for number in 0..rng.between(1, 60) as u8 {
            first = first.write(place(1, "accounts", &[number; 5]), plain(&rng.bytes(0, 30)));
            first = first.write(place(0, accounts::MEMBERS, &[number; 5]), plain(&rng.bytes(0, 30)));
        }
        chain.append(first);
        chain.empty(rng.below(3) as usize);
        let full = chain.append(busy(&chain, &author, rng));
        let empty = chain.empty(rng.between(1, 3) as usize);
        let counter = StateContent::Counter { value: rng.below(9) as i64, min: 0, max: 9 };
        let cleared = chain
            .append(others(rng).delete(place(1, "accounts", b"gone")).write(place(1, "accounts", b"counter"), counter));
        let handoff = chain.append(Content { next: Some(KeySet::new(suite, seed ^ 0x80, 4)), ..Content::default() });
        chain.empty(rng.below(3) as usize);
        let replaced = chain.append(others(rng).write(place(1, "accounts", b"kept"), plain(&rng.bytes(1, 20))));
        let again = chain.append(others(rng).write(place(1, "accounts", b"gone"), plain(&rng.bytes(1, 20))));
        chain.empty(rng.between(1, 7) as usize);
        Self { chain, full, empty, cleared, handoff, replaced, again }
    }

    /// Whether this is a true statement about the chain, by looking it up.
    pub(crate) fn is_true(&self, verified: &VerifiedFile) -> bool {
        let block = |header: &ProvenHeader| {
            let block = self.chain.block(header.header().height);
            (block.header == *header.header()).then_some(block)
        };
        match verified {
            VerifiedFile::Unchanged(it) => block(&it.header)
                .is_some_and(|block| block.changes.iter().all(|change| KeyPlace::of(change) != it.place)),
            VerifiedFile::LedgerState(it) if it.state == VerifiedState::Absent => {
                block(&it.header).is_some_and(|block| !block.state.contains_key(&it.place))
            }
            VerifiedFile::Value(it) if it.standing == Standing::NeverWritten => {
                it.from == Height(0)
                    && block(&it.header).is_some()
                    && !self.chain.block(it.through).state.contains_key(&it.place)
            }
            VerifiedFile::Record(it) if it.state == RecordState::Absent => {
                let place = place(0, accounts::PROPOSALS, &proposal_key(&it.id, it.started_at));
                block(&it.header).is_some_and(|block| !block.state.contains_key(&place))
            }
            _ => false,
        }
    }

    /// A header proof of `target`; with `certified` from a checkpoint below it, so that there is a certificate, and
    /// only one: the header forms have the others.
    fn tie(&self, target: Height, certified: bool, rng: &mut Rng) -> (Height, HeaderProof) {
        let tip = self.chain.tip().0;
        let from = match rng.below(3) {
            _ if certified && target > self.handoff => rng.between(self.handoff.0, target.0 - 1),
            _ if certified => rng.below(target.0),
            0 => target.0,
            _ => rng.between(target.0, tip),
        };
        (Height(from), self.chain.header_proof(Height(from), target))
    }
}

/// Other keys around those that the proofs are about.
fn others(rng: &mut Rng) -> Content {
    let mut content = Content::default();
    for number in 0..rng.below(6) as u8 {
        let account = ["accounts", "bookings"][rng.below(2) as usize];
        let mut name = vec![b'a' + rng.below(26) as u8, number];
        name.extend(rng.bytes(0, 4));
        content = content.write(place(1, account, &name), plain(&rng.bytes(0, 16)));
    }
    content
}

/// A block with something in every tree.
fn busy(chain: &TestChain, author: &ledger_protocol::suite::SecretKey, rng: &mut Rng) -> Content {
    let suite = chain.suite();
    let inputs = (0..rng.between(1, 9)).map(|nonce| {
        let transaction = transaction(chain, author, vec![set_key(1, "accounts", b"k", &rng.bytes(0, 9))], nonce);
        (Input::Transaction(Box::new(transaction)), vec![Code::OK])
    });
    let inputs = inputs.collect();
    let events = (0..rng.between(1, 9))
        .map(|number| EventRecord {
            ledger: LedgerId(1),
            account: Text::new("news").unwrap(),
            topic: Text::new("prices").unwrap(),
            sequence: Sequence(number),
            payload: BoundedBytes::new(rng.bytes(0, 20)).unwrap(),
        })
        .collect();
    let record = preparing(suite, author.address());
    let mut content = Content { inputs, events, ..others(rng) }
        .write(place(1, "accounts", b"kept"), plain(&rng.bytes(1, 20)))
        .write(place(1, "accounts", b"gone"), plain(&rng.bytes(1, 20)))
        .write(place(0, accounts::PROPOSALS, &proposal_key(&proposal(suite), Height(2))), plain(&encode(&record)));
    for name in 1..=rng.between(1, 4) as u8 {
        for number in 0..rng.between(1, 6) as u16 {
            let vote = Vote {
                id: proposal(suite),
                started_at_on_relay: Height(3),
                chain: chain.id,
                verdict: Verdict::No { code: Code(number), conflicting: proposal(suite) },
            };
            content = content.send(peer(suite, name), MessageContent::Vote(vote));
        }
    }
    content
}

/// Names of the forms, in the order of their numbers.
pub(crate) const FORMS: [&str; 25] = [
    "header at the checkpoint",
    "header below the checkpoint",
    "header above the checkpoint",
    "header that is a hand-off",
    "header in the history of a newer one",
    "transaction by its leaf",
    "transaction shown whole",
    "event",
    "change",
    "unchanged, no change",
    "unchanged, before the first",
    "unchanged, after the last",
    "unchanged, between",
    "state present",
    "state absent",
    "state deleted",
    "value (a)",
    "value (b), older change",
    "value (b), change in the block",
    "value (c), written later",
    "value (c), absent",
    "value (d)",
    "message",
    "record",
    "consistency",
];

/// Which forms carry a certificate whatever the way from the checkpoint.
pub(crate) fn always_certified(form: usize) -> bool {
    (2..=4).contains(&form)
}

/// One proof of a form, with the checkpoint that it is verified from.
pub(crate) fn draw(varied: &Varied, form: usize, certified: bool, rng: &mut Rng) -> (Checkpoint, AnyProof) {
    let chain = &varied.chain;
    let tip = chain.tip().0;
    let at = |height: Height| chain.checkpoint(height);
    let account = |key: &[u8]| place(1, "accounts", key);
    match form {
        0 => {
            let height = Height(rng.between(0, tip));
            (at(height), AnyProof::Header(Box::new(chain.header_proof(height, height))))
        }
        1 => {
            let from = rng.between(1, tip);
            let target = Height(rng.below(from));
            (at(Height(from)), AnyProof::Header(Box::new(chain.header_proof(Height(from), target))))
        }
        2 => {
            let target = rng.between(1, tip);
            let from = Height(rng.below(target));
            (at(from), AnyProof::Header(Box::new(chain.header_proof(from, Height(target)))))
        }
        3 => {
            let from = Height(rng.below(varied.handoff.0));
            (at(from), AnyProof::Header(Box::new(chain.header_proof(from, varied.handoff))))
        }
        4 => {
            let head = rng.between(1, tip);
            let (from, target) = (Height(rng.below(head)), Height(rng.below(head)));
            (at(from), AnyProof::Header(Box::new(chain.header_proof_through(from, Height(head), target))))
        }
        5 | 6 => {
            let index = rng.below(chain.block(varied.full).inputs.len() as u64) as usize;
            let (from, header) = varied.tie(varied.full, certified, rng);
            let inclusion = chain.input_inclusion(varied.full, index, form == 6);
            (at(from), AnyProof::Transaction(Box::new(TransactionProof { header, inclusion })))
        }
        7 => {
            let events = &chain.block(varied.full).events;
            let index = rng.below(events.len() as u64) as usize;
            let (from, header) = varied.tie(varied.full, certified, rng);
            let path = path(chain.suite(), events, index);
            let event = EventProof { header, index: index as u32, event: events[index].clone(), path };
            (at(from), AnyProof::Event(Box::new(event)))
        }
        8 => {
            let height = [varied.full, varied.cleared, varied.replaced][rng.below(3) as usize];
            let inclusion = chain.change_at(height, rng.below(chain.block(height).changes.len() as u64) as usize);
            let (from, header) = varied.tie(height, certified, rng);
            (at(from), AnyProof::Change(Box::new(ChangeProof { header, inclusion })))
        }
        9..=12 => {
            let last = chain.block(varied.full).changes.len() - 1;
            let change = |index| chain.change_at(varied.full, index);
            let (height, place, form) = match form {
                9 => (varied.empty, account(&rng.bytes(1, 9)), UnchangedForm::Empty),
                10 => {
                    let form = UnchangedForm::BeforeFirst { first: change(0).change, path: change(0).path };
                    (varied.full, place(0, "a", &rng.bytes(1, 9)), form)
                }
                11 => {
                    let form = UnchangedForm::AfterLast { last: change(last).change, path: change(last).path };
                    (varied.full, place(2, "a", &rng.bytes(1, 9)), form)
                }
                _ => {
                    let left = change(rng.below(last as u64) as usize);
                    let right = change(left.index as usize + 1);
                    let mut between = KeyPlace::of(&left.change);
                    let longer = [&between.key[..], &[0, 7]].concat();
                    between.key = ledger_protocol::transaction::StateKey::new(longer).unwrap();
                    (varied.full, between, UnchangedForm::Between { left, right: right.change, right_path: right.path })
                }
            };
            let (from, header) = varied.tie(height, certified, rng);
            (at(from), AnyProof::Unchanged(Box::new(UnchangedProof { header, place, form })))
        }
        13..=15 => {
            let never = rng.bytes(6, 9);
            let place = account([&b"kept"[..], &never, b"gone"][form - 13]);
            let height = if form == 15 { varied.cleared } else { varied.replaced };
            let (from, header) = varied.tie(height, certified, rng);
            let inclusion = chain.state_inclusion(height, &place);
            (at(from), AnyProof::LedgerState(Box::new(LedgerStateProof { header, place, inclusion })))
        }
        16..=21 => {
            let (height, place, form) = value(varied, form, rng);
            let (from, header) = varied.tie(height, certified, rng);
            (at(from), AnyProof::Value(Box::new(ValueProof { header, place, form })))
        }
        22 => {
            let outbox = &chain.block(varied.full).outbox;
            let (leaf, messages) = &outbox[rng.below(outbox.len() as u64) as usize];
            let offset = rng.below(messages.len() as u64) as usize;
            let inclusion = chain.message_inclusion(varied.full, &leaf.peer, offset);
            let (from, header) = varied.tie(varied.full, certified, rng);
            (at(from), AnyProof::Message(Box::new(AnchoredMessage { header, inclusion })))
        }
        23 => {
            let (id, started_at) = (proposal(chain.suite()), Height(rng.between(2, 3)));
            let place = place(0, accounts::PROPOSALS, &proposal_key(&id, started_at));
            let (from, header) = varied.tie(varied.cleared, certified, rng);
            let inclusion = chain.state_inclusion(varied.cleared, &place);
            (at(from), AnyProof::Record(Box::new(RecordProof { header, id, started_at, inclusion })))
        }
        _ => {
            let newer = Height(rng.between(1, tip));
            let older = Height(rng.below(newer.0));
            let proof = chain.consistency(older, newer);
            let named = NamedConsistency { older: at(older), newer: at(newer), proof };
            let trusted = if rng.below(2) == 0 { older } else { newer };
            (at(trusted), AnyProof::Consistency(Box::new(named)))
        }
    }
}

fn value(varied: &Varied, form: usize, rng: &mut Rng) -> (Height, KeyPlace, ValueForm) {
    let chain = &varied.chain;
    let account = |key: &[u8]| place(1, "accounts", key);
    let inclusion = |height: Height, place: &KeyPlace| chain.change_at(height, chain.change_index(height, place));
    let later = |height: Height, place: &KeyPlace| {
        let ChangeInclusion { index, change, path } = inclusion(height, place);
        LaterChange { index, kind: change.kind, value_hash: change.value_hash, path }
    };
    let replaced = |older: Height, height: Height, place: &KeyPlace| {
        let ChangeInclusion { index, change, path } = inclusion(older, place);
        let version: Version = change.version;
        let written = match &chain.block(older).contents[&(place.clone(), version)] {
            StateContent::Tombstone => Written::Deleted,
            content => Written::Set(content.clone()),
        };
        let written = WrittenChange { index, version, written, path };
        ValueForm::Replaced { older: Box::new(chain.older(older, height)), written, next: later(height, place) }
    };
    let current = |changed: Height, height: Height, place: &KeyPlace| {
        let ChangeInclusion { index, path, .. } = inclusion(changed, place);
        let older = || ChangedIn::Older(Box::new(chain.older(changed, height)));
        let changed_in = if changed == height { ChangedIn::Same } else { older() };
        ValueForm::Current { changed_in, index, path, state: chain.state_inclusion(height, place) }
    };
    let (kept, gone, counter) = (account(b"kept"), account(b"gone"), account(b"counter"));
    match form {
        16 => (varied.replaced, kept.clone(), replaced(varied.full, varied.replaced, &kept)),
        17 => (varied.again, kept.clone(), current(varied.replaced, varied.again, &kept)),
        18 => (varied.cleared, counter.clone(), current(varied.cleared, varied.cleared, &counter)),
        19 => (varied.cleared, counter.clone(), ValueForm::WrittenLater { first: later(varied.cleared, &counter) }),
        20 => {
            let never = account(&rng.bytes(6, 9));
            let state = chain.state_inclusion(varied.replaced, &never);
            (varied.replaced, never, ValueForm::Absent { state })
        }
        _ if rng.below(2) == 0 => (varied.again, gone.clone(), replaced(varied.cleared, varied.again, &gone)),
        _ => (varied.replaced, gone.clone(), current(varied.cleared, varied.replaced, &gone)),
    }
}

/// Hands every list of hashes in a proof to `visit`, which may change it.
pub(crate) fn hash_lists(proof: &mut AnyProof, visit: &mut dyn FnMut(&mut Vec<Hash>)) {
    match proof {
        AnyProof::Header(it) => header(it, visit),
        AnyProof::Transaction(it) => {
            header(&mut it.header, visit);
            list(&mut it.inclusion.input_path.0, visit);
            list(&mut it.inclusion.receipt_path.0, visit);
        }
        AnyProof::Event(it) => {
            header(&mut it.header, visit);
            list(&mut it.path.0, visit);
        }
        AnyProof::Change(it) => {
            header(&mut it.header, visit);
            list(&mut it.inclusion.path.0, visit);
        }
        AnyProof::Unchanged(it) => {
            header(&mut it.header, visit);
            match &mut it.form {
                UnchangedForm::Empty => {}
                UnchangedForm::BeforeFirst { path, .. } | UnchangedForm::AfterLast { path, .. } => {
                    list(&mut path.0, visit);
                }
                UnchangedForm::Between { left, right_path, .. } => {
                    list(&mut left.path.0, visit);
                    list(&mut right_path.0, visit);
                }
            }
        }
        AnyProof::LedgerState(it) => {
            header(&mut it.header, visit);
            state(&mut it.inclusion, visit);
        }
        AnyProof::Value(it) => {
            header(&mut it.header, visit);
            match &mut it.form {
                ValueForm::Replaced { older, written, next } => {
                    list(&mut older.path.0, visit);
                    list(&mut written.path.0, visit);
                    list(&mut next.path.0, visit);
                }
                ValueForm::Current { changed_in, path, state: inclusion, .. } => {
                    if let ChangedIn::Older(older) = changed_in {
                        list(&mut older.path.0, visit);
                    }
                    list(&mut path.0, visit);
                    state(inclusion, visit);
                }
                ValueForm::WrittenLater { first } => list(&mut first.path.0, visit),
                ValueForm::Absent { state: inclusion } => state(inclusion, visit),
            }
        }
        AnyProof::Message(it) => {
            header(&mut it.header, visit);
            list(&mut it.inclusion.leaf.path.0, visit);
            list(&mut it.inclusion.path.0, visit);
        }
        AnyProof::Record(it) => {
            header(&mut it.header, visit);
            state(&mut it.inclusion, visit);
        }
        AnyProof::Consistency(it) => {
            list(&mut it.proof.path.0, visit);
            list(&mut it.proof.consistency.0, visit);
        }
    }
}

fn list<const N: usize>(hashes: &mut ledger_protocol::codec::Bounded<Hash, N>, visit: &mut dyn FnMut(&mut Vec<Hash>)) {
    let mut taken = std::mem::take(hashes).into_vec();
    visit(&mut taken);
    *hashes = ledger_protocol::codec::Bounded::new(taken).unwrap();
}

fn header(proof: &mut HeaderProof, visit: &mut dyn FnMut(&mut Vec<Hash>)) {
    match proof {
        HeaderProof::Checkpoint { .. } => {}
        HeaderProof::Below { older, .. } => list(&mut older.path.0, visit),
        HeaderProof::Above(above) => {
            let mut handoffs = std::mem::take(&mut above.handoffs).into_vec();
            for handoff in &mut handoffs {
                list(&mut handoff.trusted_path.0, visit);
            }
            above.handoffs = ledger_protocol::codec::Bounded::new(handoffs).unwrap();
            if let CertifiedHead::New { trusted_path, .. } = &mut above.head {
                list(&mut trusted_path.0, visit);
            }
            if let Target::Older(older) = &mut above.target {
                list(&mut older.path.0, visit);
            }
        }
    }
}

fn state(inclusion: &mut StateInclusion, visit: &mut dyn FnMut(&mut Vec<Hash>)) {
    use ledger_protocol::proof::state::StateProof;
    list(&mut inclusion.path.0, visit);
    let (StateProof::Present { siblings, .. }
    | StateProof::AbsentEmpty { siblings }
    | StateProof::AbsentOther { siblings, .. }) = &mut inclusion.state;
    list(siblings, visit);
}
