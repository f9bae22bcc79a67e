//! Vectors of genesis, header, validators, parameters, certificate, hand-off, transaction, receipt, outbox, messages.

use super::samples::{peer, rich};
use super::test_chain::KeySet;
use super::{bytes, check, hex, vector};
use ledger_protocol::chain::{
    Contradiction, Equivocation, Input, ProposalChoice, Signed, VoteChoice, VoteKind, block_proposal_sign_bytes,
    vote_sign_bytes,
};
use ledger_protocol::codec::encode;
use ledger_protocol::interchain::MessageContent;
use ledger_protocol::proof::message_hash;
use ledger_protocol::transaction::Transaction;
use ledger_protocol::{Hash, Height, Round, Suite};
use serde_json::{Value, json};

const SUITES: [Suite; 2] = [Suite::Standard, Suite::Guomi];

#[test]
fn genesis_and_headers() {
    let mut vectors = Vec::new();
    for suite in SUITES {
        let chain = rich(suite);
        let genesis = &chain.genesis;
        vectors.push(vector(
            &format!("{suite} genesis"),
            "chain id = H(tag || genesis)",
            &[
                ("genesis", hex(genesis)),
                ("chain_id", hex(&chain.id)),
                ("chain_id_text", json!(chain.id.to_string())),
                ("validators", hex(&genesis.validators)),
                ("validators_hash", hex(&genesis.validators.hash(suite))),
                ("parameters", hex(&genesis.parameters)),
                ("parameters_hash", hex(&genesis.parameters.hash(suite))),
                ("ledger_settings_hash", hex(&genesis.ledgers[1].settings_hash(suite))),
            ],
        ));
        for height in [0, 1, 2, 5, 13] {
            let block = chain.block(Height(height));
            let ledgers: Vec<Value> = block.ledgers.iter().map(hex).collect();
            vectors.push(vector(
                &format!("{suite} header {height}"),
                "header hash = H(tag || header)",
                &[
                    ("header", hex(&block.header)),
                    ("hash", hex(&block.header.hash())),
                    ("ledger_leaves", Value::Array(ledgers)),
                    ("checkpoint", hex(&chain.checkpoint(Height(height)))),
                    ("fingerprint", hex(&chain.checkpoint(Height(height)).fingerprint())),
                ],
            ));
        }
    }
    check("chains.json", "Genesis, chain id, headers, ledger leaves, checkpoints.", vectors);
}

#[test]
fn certificates_and_handoffs() {
    let mut vectors = Vec::new();
    for suite in SUITES {
        let chain = rich(suite);
        let block = chain.block(Height(4));
        let header = &block.header;
        let hash = header.hash();
        let sign = |vote, hash| vote_sign_bytes(vote, chain.kind, &chain.id, header.height, header.round, hash);
        vectors.push(vector(
            &format!("{suite} signed bytes"),
            "what validators sign at height 4, round 0",
            &[
                ("prevote", bytes(sign(VoteKind::Prevote, Some(&hash)))),
                ("prevote_nil", bytes(sign(VoteKind::Prevote, None))),
                ("precommit", bytes(sign(VoteKind::Precommit, Some(&hash)))),
                ("precommit_nil", bytes(sign(VoteKind::Precommit, None))),
                (
                    "block_proposal",
                    bytes(block_proposal_sign_bytes(chain.kind, &chain.id, header.height, Round(0), None, &hash)),
                ),
            ],
        ));
        vectors.push(vector(
            &format!("{suite} certificate"),
            "three of four validators over header 4",
            &[
                ("header", hex(header)),
                ("validators", hex(chain.set_of(&header.validators_hash))),
                ("certificate", hex(block.certificate.as_ref().unwrap())),
            ],
        ));
        let weak = KeySet::new(suite, 7, 4).certify_by(header, chain.kind, 2);
        vectors.push(vector(
            &format!("{suite} certificate below the quorum"),
            "two of four: must be refused",
            &[("refused", hex(&weak))],
        ));
        vectors.push(vector(
            &format!("{suite} hand-off"),
            "header 5, from a client that trusts header 1",
            &[
                ("trusted_checkpoint", hex(&chain.checkpoint(Height(1)))),
                ("trusted_validators", hex(chain.set_of(&chain.header(Height(1)).next_validators_hash))),
                ("handoff", hex(&chain.handoff(Height(1), Height(5)))),
            ],
        ));
    }
    check("certificates.json", "Signed bytes, finality certificates and hand-offs.", vectors);
}

/// One contradiction of every step by the first validator of height 4, in round 1.
pub(crate) fn equivocations(suite: Suite) -> Vec<(&'static str, Equivocation)> {
    let chain = rich(suite);
    let hash = chain.header(Height(4)).hash();
    let key = &KeySet::new(suite, 7, 4).keys[0];
    let (kind, height, round) = (chain.kind, Height(4), Round(1));
    let vote = |step, choice: VoteChoice| {
        let bytes = vote_sign_bytes(step, kind, &chain.id, height, round, choice.header_hash());
        Signed { choice, signature: key.sign(&bytes) }
    };
    let proposal = |valid_round: Option<Round>, header_hash| {
        let bytes = block_proposal_sign_bytes(kind, &chain.id, height, round, valid_round, &header_hash);
        let choice = ProposalChoice { valid_round: valid_round.unwrap_or(Round(u32::MAX)), header_hash };
        Signed { choice, signature: key.sign(&bytes) }
    };
    let votes = |step, one, other| Contradiction::of_votes(step, vote(step, one), vote(step, other));
    let (block, other) = (VoteChoice::Block(hash), VoteChoice::Block(Hash([5; 32])));
    let accuse = |contradiction| Equivocation {
        kind,
        chain: chain.id,
        height,
        round,
        validator: key.public_key(),
        contradiction,
    };
    vec![
        ("prevotes", accuse(votes(VoteKind::Prevote, block, other))),
        ("precommits, one for nil", accuse(votes(VoteKind::Precommit, block, VoteChoice::Nil))),
        ("proposals", accuse(Contradiction::of_proposals(proposal(None, hash), proposal(None, Hash([5; 32]))))),
        (
            "proposals of one block",
            accuse(Contradiction::of_proposals(proposal(Some(Round(0)), hash), proposal(None, hash))),
        ),
    ]
}

#[test]
fn equivocations_and_what_is_none() {
    let mut vectors = Vec::new();
    for suite in SUITES {
        let chain = rich(suite);
        let validators = chain.set_of(&chain.header(Height(4)).validators_hash);
        for (label, equivocation) in equivocations(suite) {
            let _verified = equivocation.verify(&chain.id, validators).unwrap();
            let (first, second) = equivocation.signed_bytes();
            vectors.push(vector(
                &format!("{suite} {label}"),
                "the first validator of height 4 signed both",
                &[
                    ("chain_id", hex(&chain.id)),
                    ("validators", hex(validators)),
                    ("hex", hex(&equivocation)),
                    ("first_signed_bytes", bytes(first)),
                    ("second_signed_bytes", bytes(second)),
                    ("file", bytes(equivocation.to_file())),
                ],
            ));
        }
        let good = equivocations(suite).remove(0).1;
        let Contradiction::Prevotes { first, second } = good.contradiction else { unreachable!() };
        let refused = [
            ("the greater first", Contradiction::Prevotes { first: second, second: first }),
            ("one vote twice", Contradiction::Prevotes { first, second: first }),
            ("prevotes said to be precommits", Contradiction::Precommits { first, second }),
        ];
        let refused = refused.map(|(label, contradiction)| (label, Equivocation { contradiction, ..good }));
        for (label, bad) in
            refused.into_iter().chain([("another round than was signed", Equivocation { round: Round(2), ..good })])
        {
            assert!(bad.verify(&chain.id, validators).is_err());
            vectors.push(vector(
                &format!("{suite} {label}"),
                "must be refused",
                &[("chain_id", hex(&chain.id)), ("validators", hex(validators)), ("refused", hex(&bad))],
            ));
        }
    }
    check("equivocations.json", "Two contradicting statements of one validator, and what convicts nobody.", vectors);
}

#[test]
fn transactions() {
    let mut vectors = Vec::new();
    for suite in SUITES {
        let chain = rich(suite);
        let block = chain.block(Height(2));
        let Input::Transaction(transaction) = &block.inputs[3] else { panic!() };
        vectors.push(vector(
            &format!("{suite} transaction"),
            "id = H(tag || body); signers sign tag || id",
            &[
                ("body", hex(&transaction.body)),
                ("id", hex(&transaction.id())),
                ("signed_bytes", bytes(Transaction::sign_bytes(&transaction.id()))),
                ("signatures", hex(&transaction.signatures)),
                ("signatures_hash", hex(&transaction.signatures_hash())),
                ("transaction", hex(&**transaction)),
                ("input", hex(&block.inputs[3])),
                ("input_leaf", hex(&block.inputs[3].leaf(suite))),
                ("receipt_leaf", hex(&block.receipts[3])),
                ("change_leaf", hex(&block.changes[1])),
                ("event_leaf", hex(&block.events[1])),
            ],
        ));
        let handoff = Input::Handoff(Box::new(chain.handoff(Height(1), Height(5))));
        vectors.push(vector(
            &format!("{suite} system input"),
            "a hand-off as a block's input",
            &[("input", hex(&handoff)), ("input_leaf", hex(&handoff.leaf(suite)))],
        ));
    }
    check("transactions.json", "Transactions, input leaves, receipts, changes, events.", vectors);
}

#[test]
fn messages() {
    let mut vectors = Vec::new();
    for suite in SUITES {
        let chain = rich(suite);
        for (leaf, messages) in &chain.block(Height(2)).outbox {
            vectors.push(vector(
                &format!("{suite} outbox leaf for {}", leaf.peer),
                "leaf of the outbox tree",
                &[("leaf", hex(leaf)), ("messages", Value::Array(messages.iter().map(hex).collect()))],
            ));
        }
        let inclusion = chain.message_inclusion(Height(2), &peer(suite, 1), 2);
        vectors.push(vector(
            &format!("{suite} message"),
            "message hash = H(vote tag || message)",
            &[
                ("message", hex(&inclusion.message)),
                ("message_hash", hex(&message_hash(&inclusion.message))),
                ("content", bytes(&*inclusion.message.payload)),
            ],
        ));
        for (name, content) in super::operations::contents(suite) {
            let again = ledger_protocol::codec::decode::<MessageContent>(&encode(&content), 1 << 20).unwrap();
            assert_eq!(again, content);
            vectors.push(vector(&format!("{suite} {name}"), "content of a message", &[("hex", hex(&content))]));
        }
    }
    check("messages.json", "Outbox leaves, messages and their contents.", vectors);
}
