//! Sizes and times of proofs, as they would be under a history of a million blocks.
//!
//! Run with `--no-capture` to read the figures.
#![allow(clippy::disallowed_types, reason = "a test that measures needs a clock")]
#![allow(clippy::print_stdout, reason = "the figures are what this test is for")]

use super::samples::{SUITES, peer, rich};
use super::scenario::{Network, Story};
use super::test_chain::{TestChain, place};
use ledger_protocol::Height;
use ledger_protocol::codec::encode;
use ledger_protocol::proof::*;
use std::time::Instant;

/// Hashes that a path in a tree of a million leaves has beyond one of `short` hashes.
fn longer(short: usize, size: u32) -> usize {
    (size as usize).saturating_sub(short) * 32
}

/// Bytes that a header proof adds when its history paths have 20 hashes; the validator set is not counted.
fn without_set(chain: &TestChain, from: u64, proof: &AnyProof) -> usize {
    let set = encode(chain.set_of(&chain.header(Height(from)).next_validators_hash)).len();
    proof.to_file().len() - set
}

#[test]
fn proofs_stay_within_their_targets() {
    let chain = rich(SUITES[0]);
    let trusted_path = chain.history_path(Height(1), Height(2)).0.len();
    let header = chain.header_proof(Height(1), Height(2));
    let million = longer(trusted_path, 20);
    let inclusion = chain.input_inclusion(Height(2), 3, false);
    // A block of 1,000 transactions: paths of 10 hashes.
    let wide = longer(inclusion.input_path.0.len(), 10) * 2;
    let transaction = AnyProof::Transaction(Box::new(TransactionProof { header: header.clone(), inclusion }));
    let transaction_bytes = without_set(&chain, 1, &transaction);
    let at_checkpoint = HeaderProof::Checkpoint { header: Box::new(chain.header(Height(2)).clone()) };
    let inclusion = chain.input_inclusion(Height(2), 3, false);
    let near = AnyProof::Transaction(Box::new(TransactionProof { header: at_checkpoint, inclusion })).to_file().len();
    let kept = place(1, "accounts", b"kept");
    let inclusion = chain.state_inclusion(Height(2), &kept);
    // A million keys: about 21 siblings.
    let deep = longer(inclusion.state.siblings().len(), 21);
    let state = AnyProof::LedgerState(Box::new(LedgerStateProof { header: header.clone(), place: kept, inclusion }));
    let state_bytes = without_set(&chain, 1, &state) + deep;
    let inclusion = chain.message_inclusion(Height(2), &peer(SUITES[0], 2), 3);
    // 64 messages to each of 256 peers.
    let lanes = longer(inclusion.path.0.len(), 6) + longer(inclusion.leaf.path.0.len(), 8);
    let message = AnyProof::Message(Box::new(AnchoredMessage { header, inclusion }));
    let message_bytes = without_set(&chain, 1, &message) + lanes;
    println!("header {} B", encode(chain.header(Height(2))).len());
    println!(
        "transaction: {} B with a certificate and a history of 1 M, {} B under the checkpoint's header",
        transaction_bytes + wide + million,
        near + wide
    );
    println!("state: {} B; message: {} B (history of 1 M)", state_bytes + million, message_bytes + million);
    assert!(near + wide <= 1_500);
    assert!(state_bytes + million <= 2_700);
    assert!(message_bytes + million <= 2_700);
}

/// The fastest of many runs, in microseconds: what the verification itself costs.
fn fastest(runs: usize, run: impl Fn()) -> u128 {
    let time = || {
        let begin = Instant::now();
        run();
        begin.elapsed().as_micros()
    };
    (0..runs).map(|_| time()).min().unwrap()
}

#[test]
fn verification_times() {
    for suite in SUITES {
        let chain = rich(suite);
        let checkpoint = chain.checkpoint(Height(1));
        let header = chain.header_proof(Height(1), Height(2));
        let proof = TransactionProof { header, inclusion: chain.input_inclusion(Height(2), 3, false) };
        let micros = fastest(100, || drop(proof.verify(&checkpoint).unwrap()));
        println!("{suite}: transaction proof {micros} us");
        for legs in [2, 16] {
            let network = Network::new(suite, &vec![suite; legs], false, Story::Committed);
            let checkpoint = network.relay.checkpoint(Height(0));
            let bundle = network.bundle(Height(0));
            let micros = fastest(20, || drop(bundle.verify(&checkpoint).unwrap()));
            println!("{suite}: bundle of {legs} legs {micros} us, {} B", bundle.to_file().len());
        }
    }
}
