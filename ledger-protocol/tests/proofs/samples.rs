//! A chain with something in every tree, and one proof of every form over it.
#![allow(
    dead_code,
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::missing_panics_doc
)]

use super::scenario::{set_key, transaction};
use super::test_chain::{Content, KeySet, TestChain, key, place, plain};
use ledger_protocol::chain::{Checkpoint, Input};
use ledger_protocol::codec::{BoundedBytes, Text};
use ledger_protocol::interchain::{MessageContent, Verdict, Vote};
use ledger_protocol::proof::*;
use ledger_protocol::system::{ProposalRecord, ProposalState, accounts, proposal_key};
use ledger_protocol::transaction::{Choice, EventRecord, StateContent};
use ledger_protocol::{Address, ChainId, Code, Height, LedgerId, ProposalId, Sequence, Suite};

pub const SUITES: [Suite; 2] = [Suite::Standard, Suite::Guomi];

/// A chain with two hand-offs (5 and 9) and something in every tree, 14 blocks.
pub fn rich(suite: Suite) -> TestChain {
    let mut chain = TestChain::new(suite, 7);
    let author = key(suite, 50, 1);
    let mut first = Content::default();
    for number in 0..70u8 {
        first = first.write(place(1, "accounts", &[number; 5]), plain(&[number; 20]));
        first = first.write(place(0, accounts::MEMBERS, &[number; 5]), plain(&[number; 20]));
    }
    chain.append(first); // 1
    let inputs = |chain: &TestChain, count: u64, base: u64| -> Vec<(Input, Vec<Code>)> {
        (base..base + count)
            .map(|nonce| transaction(chain, &author, vec![set_key(1, "accounts", b"k", b"v")], nonce))
            .map(|transaction| (Input::Transaction(Box::new(transaction)), vec![Code::OK]))
            .collect()
    };
    let events = (0..5)
        .map(|number| EventRecord {
            ledger: LedgerId(1),
            account: Text::new("news").unwrap(),
            topic: Text::new("prices").unwrap(),
            sequence: Sequence(number),
            payload: BoundedBytes::new(vec![number as u8; 12]).unwrap(),
        })
        .collect();
    let message = |number: u16| {
        MessageContent::Vote(Vote {
            id: proposal(suite),
            started_at_on_relay: Height(3),
            chain: chain.id,
            verdict: Verdict::No { code: Code(number), conflicting: proposal(suite) },
        })
    };
    let mut second = Content { inputs: inputs(&chain, 7, 0), events, ..Content::default() }
        .write(place(1, "accounts", b"kept"), plain(b"one"))
        .write(place(1, "accounts", b"gone"), plain(b"two"))
        .write(place(0, accounts::PROPOSALS, &proposal_key(&proposal(suite), Height(2))), record_bytes(suite));
    for number in 0..5 {
        second = second.send(peer(suite, 1), message(number)).send(peer(suite, 2), message(number));
    }
    second = second.send(peer(Suite::Guomi, 3), message(9));
    chain.append(second); // 2
    chain.empty(1); // 3
    chain.append(
        Content::default()
            .delete(place(1, "accounts", b"gone"))
            .write(place(1, "accounts", b"counter"), StateContent::Counter { value: 3, min: 0, max: 9 }),
    ); // 4
    chain.append(Content { next: Some(KeySet::new(suite, 8, 4)), ..Content::default() }); // 5
    chain.append(Content::default().write(place(1, "accounts", b"kept"), plain(b"three"))); // 6
    chain.empty(2); // 7, 8
    chain.append(Content { next: Some(KeySet::new(suite, 9, 5)), ..Content::default() }); // 9
    chain.append(Content::default().write(place(1, "accounts", b"gone"), plain(b"again"))); // 10
    chain.append(Content { inputs: inputs(&chain, 3, 20), ..Content::default() }); // 11
    chain.empty(3); // 12, 13, 14
    chain
}

pub fn peer(suite: Suite, name: u8) -> ChainId {
    ChainId { suite, hash: suite.hash_parts(&[&[name]]) }
}

pub fn proposal(suite: Suite) -> ProposalId {
    ProposalId(suite.foreign(suite.hash_parts(&[b"proposal"])))
}

fn record_bytes(suite: Suite) -> StateContent {
    plain(&ledger_protocol::codec::encode(&preparing(suite, key(suite, 50, 1).address())))
}

/// The record of the proposal that everybody talks about, PREPARING from height 2.
pub fn preparing(suite: Suite, proposer: Address) -> ProposalRecord {
    ProposalRecord {
        id: proposal(suite),
        proposer,
        state: ProposalState::Preparing,
        submitted_at: Height(2),
        started_at: Height(2),
        deadline: Height(22),
        valid_until: Height(50),
        decision: Choice::None,
        decided_at: Height(0),
        legs: Default::default(),
    }
}

/// One proof of every form, with the checkpoint that it is verified from.
pub fn all(chain: &TestChain) -> Vec<(&'static str, Checkpoint, AnyProof)> {
    let suite = chain.suite();
    let mut proofs = Vec::new();
    let mut push = |name, from: u64, proof| proofs.push((name, chain.checkpoint(Height(from)), proof));
    let header = |from: u64, to: u64| chain.header_proof(Height(from), Height(to));
    push("header at the checkpoint", 6, AnyProof::Header(Box::new(header(6, 6))));
    push("header below the checkpoint", 12, AnyProof::Header(Box::new(header(12, 3))));
    push("header above the checkpoint", 1, AnyProof::Header(Box::new(header(1, 4))));
    push("header after two hand-offs", 1, AnyProof::Header(Box::new(header(1, 13))));
    push("header that is a hand-off", 1, AnyProof::Header(Box::new(header(1, 9))));
    let through = chain.header_proof_through(Height(3), Height(12), Height(2));
    push("header in the history of a newer one", 3, AnyProof::Header(Box::new(through)));
    let through = chain.header_proof_through(Height(6), Height(9), Height(7));
    push("header in the history of a hand-off", 6, AnyProof::Header(Box::new(through)));
    let transaction = |from, at, index, whole| {
        let inclusion = chain.input_inclusion(Height(at), index, whole);
        AnyProof::Transaction(Box::new(TransactionProof { header: header(from, at), inclusion }))
    };
    push("transaction by its leaf", 1, transaction(1, 2, 3, false));
    push("transaction shown whole", 10, transaction(10, 11, 2, true));
    let events = &chain.block(Height(2)).events;
    let event = EventProof {
        header: header(0, 2),
        index: 4,
        event: events[4].clone(),
        path: super::test_chain::path(suite, events, 4),
    };
    push("event", 0, AnyProof::Event(Box::new(event)));
    let kept = place(1, "accounts", b"kept");
    let index = chain.change_index(Height(2), &kept);
    let inclusion = chain.change_at(Height(2), index);
    push("change", 1, AnyProof::Change(Box::new(ChangeProof { header: header(1, 2), inclusion })));
    for (name, at, key, form) in unchanged(chain) {
        let proof = UnchangedProof { header: header(1, at), place: key, form };
        push(name, 1, AnyProof::Unchanged(Box::new(proof)));
    }
    for (name, key) in [("state present", &b"kept"[..]), ("state absent", b"never"), ("state deleted", b"gone")] {
        let place = place(1, "accounts", key);
        let inclusion = chain.state_inclusion(Height(6), &place);
        let proof = LedgerStateProof { header: header(5, 6), place, inclusion };
        push(name, 5, AnyProof::LedgerState(Box::new(proof)));
    }
    for (name, at, key, form) in values(chain) {
        let proof = ValueProof { header: header(1, at), place: place(1, "accounts", key), form };
        push(name, 1, AnyProof::Value(Box::new(proof)));
    }
    let inclusion = chain.message_inclusion(Height(2), &peer(suite, 2), 3);
    let message = AnchoredMessage { header: header(1, 2), inclusion: inclusion.clone() };
    push("message, direct", 1, AnyProof::Message(Box::new(message)));
    let older = chain.header_proof_through(Height(1), Height(4), Height(2));
    push("message, historic", 1, AnyProof::Message(Box::new(AnchoredMessage { header: older, inclusion })));
    for (name, started) in [("record present", 2), ("record absent", 3)] {
        let place = place(0, accounts::PROPOSALS, &proposal_key(&proposal(suite), Height(started)));
        let proof = RecordProof {
            header: header(5, 6),
            id: proposal(suite),
            started_at: Height(started),
            inclusion: chain.state_inclusion(Height(6), &place),
        };
        push(name, 5, AnyProof::Record(Box::new(proof)));
    }
    for (name, older, newer) in [("consistency", 3, 12), ("consistency from genesis", 0, 12)] {
        let proof = NamedConsistency {
            older: chain.checkpoint(Height(older)),
            newer: chain.checkpoint(Height(newer)),
            proof: chain.consistency(Height(older), Height(newer)),
        };
        push(name, newer, AnyProof::Consistency(Box::new(proof)));
    }
    proofs
}

fn unchanged(chain: &TestChain) -> Vec<(&'static str, u64, KeyPlace, UnchangedForm)> {
    let changes = chain.block(Height(2)).changes.len();
    let at = |index| chain.change_at(Height(2), index);
    vec![
        ("unchanged, no change", 3, place(1, "accounts", b"x"), UnchangedForm::Empty),
        (
            "unchanged, before the first",
            2,
            place(0, "a", b"x"),
            UnchangedForm::BeforeFirst { first: at(0).change, path: at(0).path },
        ),
        (
            "unchanged, after the last",
            2,
            place(2, "a", b"x"),
            UnchangedForm::AfterLast { last: at(changes - 1).change, path: at(changes - 1).path },
        ),
        (
            "unchanged, between",
            2,
            place(1, "accounts", b"h"),
            UnchangedForm::Between { left: at(1), right: at(2).change, right_path: at(2).path },
        ),
    ]
}

fn values(chain: &TestChain) -> Vec<(&'static str, u64, &'static [u8], ValueForm)> {
    let written = |at: u64, key: &[u8]| {
        let place = place(1, "accounts", key);
        let inclusion = chain.change_at(Height(at), chain.change_index(Height(at), &place));
        let content = &chain.block(Height(at)).contents[&(place, inclusion.change.version)];
        WrittenChange {
            index: inclusion.index,
            version: inclusion.change.version,
            written: match content {
                StateContent::Tombstone => Written::Deleted,
                content => Written::Set(content.clone()),
            },
            path: inclusion.path,
        }
    };
    let later = |at: u64, key: &[u8]| {
        let place = place(1, "accounts", key);
        let ChangeInclusion { index, change, path } =
            chain.change_at(Height(at), chain.change_index(Height(at), &place));
        LaterChange { index, kind: change.kind, value_hash: change.value_hash, path }
    };
    let current = |at: u64, changed: u64, key: &[u8]| {
        let place = place(1, "accounts", key);
        let inclusion = chain.change_at(Height(changed), chain.change_index(Height(changed), &place));
        ValueForm::Current {
            changed_in: if changed == at {
                ChangedIn::Same
            } else {
                ChangedIn::Older(Box::new(chain.older(Height(changed), Height(at))))
            },
            index: inclusion.index,
            path: inclusion.path,
            state: chain.state_inclusion(Height(at), &place),
        }
    };
    let replaced = |at: u64, from: u64, key: &[u8]| ValueForm::Replaced {
        older: Box::new(chain.older(Height(from), Height(at))),
        written: written(from, key),
        next: later(at, key),
    };
    vec![
        ("value (a)", 6, b"kept", replaced(6, 2, b"kept")),
        ("value (b), older change", 10, b"kept", current(10, 6, b"kept")),
        ("value (b), change in the block", 4, b"counter", current(4, 4, b"counter")),
        ("value (c), written later", 4, b"counter", ValueForm::WrittenLater { first: later(4, b"counter") }),
        (
            "value (c), absent",
            6,
            b"never",
            ValueForm::Absent { state: chain.state_inclusion(Height(6), &place(1, "accounts", b"never")) },
        ),
        ("value (d) by (a)", 10, b"gone", replaced(10, 4, b"gone")),
        ("value (d) by (b)", 8, b"gone", current(8, 4, b"gone")),
    ]
}
