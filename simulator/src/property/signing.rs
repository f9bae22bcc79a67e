//! One signature: no two different consensus messages of one validator for one (height, round, type) leave it.

use super::{Fact, Observation, Property};
use crate::failure::Contradiction;
use crate::signer::{SignedKind, SignedMessage};
use crate::world::{ChainIndex, ProcessId};
use ledger_protocol::{Height, Round};
use std::collections::BTreeMap;

type Place = (ProcessId, ChainIndex, Height, Round, SignedKind);

/// A validator says one thing per (height, round, type), across all crashes.
#[derive(Debug, Default)]
pub struct OneSignature {
    left: BTreeMap<Place, SignedMessage>,
}

impl Property for OneSignature {
    fn name(&self) -> &'static str {
        "one signature per height, round and type"
    }

    fn observe(&mut self, observation: &Observation<'_>) -> Result<(), Contradiction> {
        let Fact::SignatureLeft(message) = &observation.fact else { return Ok(()) };
        let (height, round, kind) = message.place;
        let place = (observation.process, observation.index, height, round, kind);
        let first = self.left.entry(place).or_insert(**message);
        if *first == **message {
            return Ok(());
        }
        let say = |message: &SignedMessage| {
            format!(
                "{} signed {kind:?} of {:?} (valid round {:?}) at height {height}, round {round} of chain {}",
                observation.process, message.header_hash, message.valid_round, observation.index.0
            )
        };
        Err(Contradiction::new(say(first), say(message)))
    }
}
