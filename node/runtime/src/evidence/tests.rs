//! The folder of evidence on a real disk.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use super::*;
use ledger_protocol::chain::{CertificateKind, Contradiction, Signed, VoteChoice, VoteKind, vote_sign_bytes};
use ledger_protocol::suite::SecretKey;
use ledger_protocol::{ChainId, Hash, Height, Round, Suite};

fn equivocation(validator: u8, height: u64) -> Equivocation {
    let suite = Suite::Standard;
    let key = SecretKey::from_seed(suite, [validator; 32]);
    let (kind, chain, round) = (CertificateKind::Bft, ChainId { suite, hash: Hash([9; 32]) }, Round(0));
    let height = Height(height);
    let [one, other] = [VoteChoice::Nil, VoteChoice::Block(Hash([5; 32]))].map(|choice: VoteChoice| {
        let bytes = vote_sign_bytes(VoteKind::Prevote, kind, &chain, height, round, choice.header_hash());
        Signed { choice, signature: key.sign(&bytes) }
    });
    let contradiction = Contradiction::of_votes(VoteKind::Prevote, one, other);
    Equivocation { kind, chain, height, round, validator: key.public_key(), contradiction }
}

#[test]
fn what_is_kept_once_stays_and_can_be_read_again() {
    let home = tempfile::tempdir().unwrap();
    let folder = EvidenceFolder::of_node(home.path());
    assert!(folder.list().unwrap().is_empty());
    assert!(!home.path().join(EVIDENCE).exists(), "nothing to keep, no folder");
    let one = equivocation(1, 7);
    let Kept::New(file) = folder.keep(&one).unwrap() else { panic!("it is new") };
    assert_eq!(read(&file).unwrap(), one);
    let before = std::fs::metadata(&file).unwrap().modified().unwrap();
    assert_eq!(EvidenceFolder::of_node(home.path()).keep(&one).unwrap(), Kept::Known);
    assert_eq!(std::fs::metadata(&file).unwrap().modified().unwrap(), before);
    for other in [equivocation(1, 8), equivocation(2, 7)] {
        assert!(matches!(folder.keep(&other).unwrap(), Kept::New(_)));
    }
    assert_eq!(folder.list().unwrap().len(), 3);
}

#[test]
fn a_crash_while_writing_leaves_nothing_that_is_taken_for_evidence() {
    let home = tempfile::tempdir().unwrap();
    let folder = EvidenceFolder::of_node(home.path());
    let one = equivocation(1, 7);
    let Kept::New(file) = folder.keep(&one).unwrap() else { panic!("it is new") };
    std::fs::rename(&file, file.with_extension("equivocation.partial")).unwrap();
    assert!(folder.list().unwrap().is_empty());
    assert_eq!(folder.keep(&one).unwrap(), Kept::New(file));
}

#[test]
fn damaged_files_are_listed_as_such() {
    let home = tempfile::tempdir().unwrap();
    let folder = EvidenceFolder::of_node(home.path());
    let Kept::New(file) = folder.keep(&equivocation(1, 7)).unwrap() else { panic!("it is new") };
    let mut bytes = std::fs::read(&file).unwrap();
    bytes[60] ^= 1;
    std::fs::write(&file, &bytes).unwrap();
    let listed = folder.list().unwrap();
    assert!(listed[0].content.as_ref().unwrap_err().contains("damaged"), "{listed:?}");
    // Whole, and said of another round than it was signed in.
    let forged = Equivocation { round: Round(1), ..equivocation(1, 7) };
    std::fs::write(&file, forged.to_file()).unwrap();
    assert!(read(&file).unwrap_err().contains("signature"));
    std::fs::write(&file, vec![0; 1 << 20]).unwrap();
    assert!(read(&file).is_err());
}

#[test]
fn one_validator_does_not_fill_the_folder() {
    let home = tempfile::tempdir().unwrap();
    let folder = EvidenceFolder::of_node(home.path());
    let heights = u64::try_from(MAX_FILES_PER_VALIDATOR).unwrap();
    for height in 1..=heights {
        assert!(matches!(folder.keep(&equivocation(1, height)).unwrap(), Kept::New(_)));
    }
    assert_eq!(folder.keep(&equivocation(1, heights + 1)).unwrap(), Kept::Full);
    assert_eq!(folder.keep(&equivocation(1, 1)).unwrap(), Kept::Known);
    assert!(matches!(folder.keep(&equivocation(2, 1)).unwrap(), Kept::New(_)));
    for number in folder.list().unwrap().len()..MAX_FILES {
        std::fs::write(home.path().join(EVIDENCE).join(format!("{number}.{EXTENSION}")), b"").unwrap();
    }
    assert_eq!(folder.keep(&equivocation(3, 1)).unwrap(), Kept::Full);
}
