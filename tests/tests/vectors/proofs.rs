//! Vectors of proof files and bundles, each with the checkpoint that it is verified from.

use super::samples::{all, rich};
use super::scenario::{Network, Story};
use super::{bytes, check, hex, vector};
use ledger_protocol::proof::{AnyProof, LedgerStateProof, VerifiedFile, verify_file};
use ledger_protocol::{Height, Suite};
use serde_json::json;

/// The sample of a state proof.
pub(crate) fn state_present(suite: Suite) -> LedgerStateProof {
    let found = all(&rich(suite)).into_iter().find_map(|(name, _, proof)| match proof {
        AnyProof::LedgerState(proof) if name == "state present" => Some(*proof),
        _ => None,
    });
    found.unwrap()
}

#[test]
fn proof_files() {
    for suite in [Suite::Standard, Suite::Guomi] {
        let vectors = all(&rich(suite))
            .into_iter()
            .map(|(name, checkpoint, proof)| {
                let file = proof.to_file();
                assert!(verify_file(&file, &checkpoint).is_ok());
                vector(name, "verifies from the checkpoint", &[("checkpoint", hex(&checkpoint)), ("file", bytes(file))])
            })
            .collect();
        check(&format!("proofs-{suite}.json"), "Proof files of every form.", vectors);
    }
}

#[test]
fn bundles() {
    let mixed = [Suite::Standard, Suite::Guomi];
    let mut vectors = Vec::new();
    for relay in mixed {
        for (name, story, notify) in [
            ("committed", Story::Committed, false),
            ("committed with a NOTIFY leg", Story::Committed, true),
            ("aborted by a NO", Story::AbortedByNo, false),
            ("timed out", Story::TimedOut, false),
            ("rejected", Story::Rejected, false),
            ("decided, outcomes missing", Story::Decided, false),
        ] {
            let network = Network::new(relay, &mixed, notify, story);
            let checkpoint = network.relay.checkpoint(Height(2));
            let file = network.bundle(Height(2)).to_file();
            let Ok(VerifiedFile::Bundle(verified)) = verify_file(&file, &checkpoint) else { panic!("{name}") };
            vectors.push(vector(
                &format!("{relay} relay, {name}"),
                "two legs, one chain of each suite",
                &[
                    ("checkpoint", hex(&checkpoint)),
                    ("file", bytes(file)),
                    ("proposal", json!(verified.id.to_string())),
                    ("completeness", json!(format!("{:?}", verified.completeness))),
                    ("ends", json!(verified.legs.iter().map(|leg| format!("{:?}", leg.end)).collect::<Vec<_>>())),
                ],
            ));
        }
    }
    check("bundles.json", "Bundles of one proposal.", vectors);
}
