//! What a validator is forgiven, and what it is not.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use super::*;
use crate::actors::Blame;
use crate::property::Restoration;
use chain_state::MemoryStore;
use ledger_protocol::{ChainId, Hash, Suite};

fn tell(property: &mut OneSignature, fact: &Fact<'_>) -> Result<(), Contradiction> {
    property.observe(&Observation {
        now_ms: 0,
        process: ProcessId(0),
        index: ChainIndex(0),
        chain: ChainId { suite: Suite::Standard, hash: Hash([1; 32]) },
        store: &MemoryStore::default(),
        blame: &Blame::default(),
        contents: crate::property::reading::Contents::default(),
        fact,
    })
}

fn vote(height: u64, header: u8) -> SignedMessage {
    let place = (Height(height), Round(0), SignedKind::Prevote);
    SignedMessage { place, header_hash: Some(Hash([header; 32])), valid_round: None }
}

/// A validator lost its disk, and its chain went back further than that: it is forgiven the height that is under way
/// on the new branch, and not all those that the lost one had.
#[test]
fn what_a_wiped_validator_is_forgiven_goes_back_with_its_chain() {
    let mut property = OneSignature::default();
    property.best.insert(ChainIndex(0), Height(9));
    tell(&mut property, &Fact::BackedUp(BackupId(0))).unwrap();
    tell(&mut property, &Fact::Opened { height: Height(0), wiped: true }).unwrap();
    let restoration = Restoration { backup: BackupId(0), kept: Height(4), heights: BTreeMap::new() };
    tell(&mut property, &Fact::Restored(&restoration)).unwrap();
    for header in [1, 2] {
        tell(&mut property, &Fact::SignatureLeft(&vote(5, header))).expect("that height was under way");
    }
    tell(&mut property, &Fact::SignatureLeft(&vote(6, 1))).unwrap();
    tell(&mut property, &Fact::SignatureLeft(&vote(6, 2))).expect_err("it signed twice at a height that came later");
}
