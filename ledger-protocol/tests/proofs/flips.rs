//! No bit of a proof file or a bundle is without meaning: with any single bit flipped a file is refused.
//!
//! Beneath the file's checksum, where whoever forges a file on purpose arrives, a flipped proof is refused as well, or
//! it is a proof of absence that now asks for another key, and that key is absent too: the chain is asked. 200 different
//! proofs of every form in both suites and two bundles, every bit of each; twenty bundles in the ignored tests.

use super::samples::{all, rich};
use super::scenario::{Network, Story};
use super::varied::{FORMS, Rng, Varied, always_certified, draw};
use ledger_protocol::chain::Checkpoint;
use ledger_protocol::codec::decode;
use ledger_protocol::proof::bundle::{Bundle, MAX_BUNDLE_BYTES};
use ledger_protocol::proof::{AnyProof, CHECKSUM_BYTES, VerifiedFile, verify_file};
use ledger_protocol::{Height, Suite};
use std::collections::BTreeSet;

/// Mark and version.
const BEFORE: usize = 10;

/// What the bytes between version and checksum prove.
fn beneath(body: &[u8], is_bundle: bool, checkpoint: &Checkpoint) -> Option<VerifiedFile> {
    if is_bundle {
        let bundle: Bundle = decode(body, MAX_BUNDLE_BYTES).ok()?;
        return bundle.verify(checkpoint).ok().map(|verified| VerifiedFile::Bundle(Box::new(verified)));
    }
    decode::<AnyProof>(body, MAX_BUNDLE_BYTES).ok()?.verify(checkpoint).ok()
}

/// What was flipped.
#[derive(Default)]
struct Flipped {
    files: usize,
    bits: usize,
    /// Flips that, with a checksum computed anew, prove something else that is true.
    other_truths: usize,
}

impl Flipped {
    /// Flips every bit of a file.
    fn walk(&mut self, name: &str, file: &[u8], checkpoint: &Checkpoint, is_true: impl Fn(&VerifiedFile) -> bool) {
        let original = verify_file(file, checkpoint).unwrap_or_else(|error| panic!("{name}: {error}"));
        let is_bundle = matches!(original, VerifiedFile::Bundle(_));
        let body = BEFORE..file.len() - CHECKSUM_BYTES;
        let mut flipped = file.to_vec();
        for bit in 0..file.len() * 8 {
            let byte = bit / 8;
            flipped[byte] ^= 1 << (bit % 8);
            assert!(verify_file(&flipped, checkpoint).is_err(), "{name}: bit {bit} of the file has no meaning");
            if body.contains(&byte)
                && let Some(verified) = beneath(&flipped[body.clone()], is_bundle, checkpoint)
            {
                assert_ne!(verified, original, "{name}: bit {bit} has no meaning");
                assert!(is_true(&verified), "{name}: with bit {bit} flipped it proves what is not true: {verified:?}");
                self.other_truths += 1;
            }
            flipped[byte] ^= 1 << (bit % 8);
        }
        self.files += 1;
        self.bits += file.len() * 8;
    }

    #[allow(clippy::print_stdout, reason = "the figures are worth reading")]
    fn report(&self, what: &str) {
        let Self { files, bits, other_truths } = self;
        println!("{what}: {files} files, {bits} bits flipped, {other_truths} true of another absent key");
    }
}

/// `count` proofs: the forms in turn, over a new chain each time all had theirs; every `certified`th that may do
/// without a certificate has one.
fn proofs(suite: Suite, seed: u8, count: usize, certified: usize) {
    let mut flipped = Flipped::default();
    let rng = &mut Rng(u64::from(seed));
    let mut varied = Varied::new(suite, seed);
    let mut form = usize::from(seed) * 7 % FORMS.len();
    let mut seen = 0;
    let mut files = BTreeSet::new();
    while flipped.files < count {
        form = (form + 1) % FORMS.len();
        seen += 1;
        if seen % FORMS.len() == 0 {
            varied = Varied::new(suite, seed + (seen / FORMS.len()) as u8);
        }
        // Certificates are what a flip costs most at: in a test of no certificate they wait for the one that has them.
        if certified == 0 && always_certified(form) {
            continue;
        }
        let with = certified != 0 && (flipped.files % certified == 0 || always_certified(form));
        let (checkpoint, proof) = draw(&varied, form, with, rng);
        let name = format!("{suite}, {}, seed {seed}, number {}", FORMS[form], flipped.files);
        let file = proof.to_file();
        if files.insert(file.clone()) {
            flipped.walk(&name, &file, &checkpoint, |verified| varied.is_true(verified));
        }
    }
    flipped.report(&format!("{suite} proofs, seed {seed}"));
}

#[test]
fn every_single_bit_flip_of_120_standard_proofs_is_refused() {
    proofs(Suite::Standard, 1, 120, 0);
}

#[test]
fn every_single_bit_flip_of_20_more_standard_proofs_with_certificates_is_refused() {
    proofs(Suite::Standard, 11, 19, 2);
    let all = all(&rich(Suite::Standard));
    let (name, checkpoint, proof) = all.iter().find(|(name, ..)| *name == "header after two hand-offs").unwrap();
    let mut flipped = Flipped::default();
    flipped.walk(name, &proof.to_file(), checkpoint, |_| false);
    flipped.report(name);
}

#[test]
fn every_single_bit_flip_of_56_guomi_proofs_is_refused() {
    proofs(Suite::Guomi, 21, 56, 0);
}

#[test]
fn every_single_bit_flip_of_4_more_guomi_proofs_with_certificates_is_refused() {
    let mut flipped = Flipped::default();
    let varied = Varied::new(Suite::Guomi, 31);
    let rng = &mut Rng(31);
    for form in [5, 13, 20, 22] {
        let (checkpoint, proof) = draw(&varied, form, true, rng);
        let name = format!("certified guomi, {}", FORMS[form]);
        flipped.walk(&name, &proof.to_file(), &checkpoint, |verified| varied.is_true(verified));
    }
    flipped.report("certified guomi proofs");
}

fn bundle(relay: Suite, legs: &[Suite], story: Story, notify: bool, from: u64) {
    let network = Network::new(relay, legs, notify, story);
    let from = Height(from.min(network.relay.tip().0));
    let name = format!("bundle of a {relay} relay with {} legs from {from}", legs.len());
    let mut flipped = Flipped::default();
    flipped.walk(&name, &network.bundle(from).to_file(), &network.relay.checkpoint(from), |_| false);
    flipped.report(&name);
}

#[test]
fn every_single_bit_flip_of_a_standard_bundle_is_refused() {
    bundle(Suite::Standard, &[Suite::Standard; 2], Story::Committed, false, u64::MAX);
}

#[test]
fn every_single_bit_flip_of_a_guomi_bundle_with_a_standard_leg_is_refused() {
    bundle(Suite::Guomi, &[Suite::Standard, Suite::Guomi], Story::AbortedByNo, false, u64::MAX);
}

/// Twenty bundles, five to a test so that all cores work: every story, both suites, one to five legs, old and new
/// checkpoints.
fn soak(part: usize) {
    use Story::{AbortedByNo, Committed, Decided, Rejected, Started, TimedOut};
    use Suite::{Guomi, Standard};
    let bundles: [(Suite, &[Suite], Story, bool, u64); 20] = [
        (Standard, &[Standard; 2], Committed, false, 0),
        (Standard, &[Standard; 3], Committed, false, 5),
        (Guomi, &[Standard; 2], Committed, false, u64::MAX),
        (Standard, &[Guomi, Standard], AbortedByNo, false, u64::MAX),
        (Standard, &[Standard; 2], Rejected, false, 1),
        (Standard, &[Standard; 2], Committed, true, 0),
        (Standard, &[Standard; 4], Committed, false, u64::MAX),
        (Guomi, &[Guomi; 2], Started, false, 1),
        (Standard, &[Standard, Guomi], TimedOut, false, 0),
        (Standard, &[Standard; 3], Decided, false, 2),
        (Guomi, &[Standard; 3], AbortedByNo, false, u64::MAX),
        (Standard, &[Standard; 5], Committed, false, 3),
        (Standard, &[Guomi; 2], Decided, true, u64::MAX),
        (Standard, &[Standard; 2], TimedOut, false, 1),
        (Guomi, &[Standard; 2], Rejected, false, 0),
        (Guomi, &[Guomi, Standard], Committed, true, u64::MAX),
        (Standard, &[Standard; 3], AbortedByNo, false, 4),
        (Standard, &[Standard; 1], Committed, false, 0),
        (Guomi, &[Guomi; 2], TimedOut, false, u64::MAX),
        (Standard, &[Standard; 4], Committed, true, 2),
    ];
    for (relay, legs, story, notify, from) in bundles.into_iter().skip(part).step_by(4) {
        bundle(relay, legs, story, notify, from);
    }
}

#[test]
#[ignore = "minutes: run by scripts/soak"]
fn every_single_bit_flip_of_bundles_1_of_4() {
    soak(0);
}

#[test]
#[ignore = "minutes: run by scripts/soak"]
fn every_single_bit_flip_of_bundles_2_of_4() {
    soak(1);
}

#[test]
#[ignore = "minutes: run by scripts/soak"]
fn every_single_bit_flip_of_bundles_3_of_4() {
    soak(2);
}

#[test]
#[ignore = "minutes: run by scripts/soak"]
fn every_single_bit_flip_of_bundles_4_of_4() {
    soak(3);
}
