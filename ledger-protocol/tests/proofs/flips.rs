//! No bit of a proof is without meaning: a proof with one bit flipped is refused, or it says something else that is
//! true as well (another absent key, another record that never was).

use super::forms::{SUITES, all, rich};
use super::scenario::{Network, Story};
use ledger_protocol::Height;
use ledger_protocol::proof::{VerifiedFile, verify_file};

/// Flips every bit of a file; returns how many flips verified to another true statement.
fn flip_all(name: &str, file: &[u8], verify: impl Fn(&[u8]) -> Option<VerifiedFile>, step: usize) -> usize {
    let original = verify(file).unwrap_or_else(|| panic!("{name} does not verify"));
    let mut others = 0;
    let mut flipped = file.to_vec();
    for bit in (0..file.len() * 8).step_by(step) {
        flipped[bit / 8] ^= 1 << (bit % 8);
        if let Some(verified) = verify(&flipped) {
            assert_ne!(verified, original, "{name}: bit {bit} has no meaning");
            others += 1;
        }
        flipped[bit / 8] ^= 1 << (bit % 8);
    }
    others
}

#[test]
fn every_single_bit_flip_of_every_form_is_refused_or_says_something_else() {
    for suite in SUITES {
        // The signatures of the guomi suite cost more; the structure is the same.
        let step = if suite == ledger_protocol::Suite::Guomi { 7 } else { 1 };
        for (name, checkpoint, proof) in all(&rich(suite)) {
            let others = flip_all(name, &proof.to_file(), |bytes| verify_file(bytes, &checkpoint).ok(), step);
            let may_say_else = name.contains("absent") || name.contains("unchanged");
            assert!(others == 0 || may_say_else, "{suite} {name}: {others} flips verify");
        }
    }
}

#[test]
fn every_single_bit_flip_of_a_bundle_is_refused() {
    let network = Network::new(
        ledger_protocol::Suite::Standard,
        &[ledger_protocol::Suite::Standard, ledger_protocol::Suite::Guomi],
        false,
        Story::Committed,
    );
    let checkpoint = network.relay.checkpoint(Height(2));
    let file = network.bundle(Height(2)).to_file();
    assert_eq!(flip_all("bundle", &file, |bytes| verify_file(bytes, &checkpoint).ok(), 1), 0);
}
