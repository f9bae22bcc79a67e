//! No bit of a proof is without meaning: a proof with one bit flipped is refused, or it says something else that is
//! true as well (another absent key, another record that never was).

use super::samples::{all, rich};
use super::scenario::{Network, Story};
use ledger_protocol::codec::encode;
use ledger_protocol::proof::{AnyProof, VerifiedFile, verify_file};
use ledger_protocol::{Height, Suite};

/// Flips these bits of a file, one at a time; returns how many flips verified to another true statement.
fn flip(
    name: &str,
    file: &[u8],
    verify: impl Fn(&[u8]) -> Option<VerifiedFile>,
    bits: impl Iterator<Item = usize>,
) -> usize {
    let original = verify(file).unwrap_or_else(|| panic!("{name} does not verify"));
    let mut others = 0;
    let mut flipped = file.to_vec();
    for bit in bits {
        flipped[bit / 8] ^= 1 << (bit % 8);
        if let Some(verified) = verify(&flipped) {
            assert_ne!(verified, original, "{name}: bit {bit} has no meaning");
            others += 1;
        }
        flipped[bit / 8] ^= 1 << (bit % 8);
    }
    others
}

/// Bytes of the header proof with which a proof begins; the forms of header proofs are walked for themselves.
fn header_bytes(proof: &AnyProof) -> usize {
    let header = match proof {
        AnyProof::Header(_) | AnyProof::Consistency(_) => return 0,
        AnyProof::Transaction(proof) => &proof.header,
        AnyProof::Event(proof) => &proof.header,
        AnyProof::Change(proof) => &proof.header,
        AnyProof::Unchanged(proof) => &proof.header,
        AnyProof::LedgerState(proof) => &proof.header,
        AnyProof::Value(proof) => &proof.header,
        AnyProof::Message(proof) => &proof.header,
        AnyProof::Record(proof) => &proof.header,
    };
    encode(header).len()
}

/// Every bit; of a header proof in front of something else every 61st, and in the guomi suite, whose signatures cost
/// more, of all header proofs.
fn walk(suite: Suite) {
    for (name, checkpoint, proof) in all(&rich(suite)) {
        let file = proof.to_file();
        let sparse = 88..88 + 8 * header_bytes(&proof);
        let is_header = matches!(proof, AnyProof::Header(_));
        let wanted = |bit: &usize| match suite {
            Suite::Guomi if is_header => bit.is_multiple_of(7),
            _ => !sparse.contains(bit) || bit.is_multiple_of(61),
        };
        let verify = |bytes: &[u8]| verify_file(bytes, &checkpoint).ok();
        let others = flip(name, &file, verify, (0..file.len() * 8).filter(wanted));
        let may_say_else = name.contains("absent") || name.contains("unchanged");
        assert!(others == 0 || may_say_else, "{suite} {name}: {others} flips verify");
    }
}

#[test]
fn every_single_bit_flip_of_every_standard_form_is_refused_or_says_something_else() {
    walk(Suite::Standard);
}

#[test]
fn every_single_bit_flip_of_every_guomi_form_is_refused_or_says_something_else() {
    walk(Suite::Guomi);
}

#[test]
fn every_single_bit_flip_of_a_bundle_is_refused() {
    let network = Network::new(Suite::Standard, &[Suite::Standard, Suite::Guomi], false, Story::Committed);
    let checkpoint = network.relay.checkpoint(Height(2));
    let file = network.bundle(Height(2)).to_file();
    assert_eq!(flip("bundle", &file, |bytes| verify_file(bytes, &checkpoint).ok(), 0..file.len() * 8), 0);
}
