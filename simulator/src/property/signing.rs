//! One signature: no two different consensus messages of one validator for one (height, round, type) leave it.
//!
//! A validator that lost its disk no longer knows what it signed: for the height that is under way by then it is not
//! held to it, because there it is one of the faults that the chain tolerates; from the next height on it is.
//! When a whole chain went back to a backup, its validators no longer know what they signed since then, and only since
//! then: what left them before stands in the log that came back.

use super::{Fact, Observation, Property};
use crate::failure::Contradiction;
use crate::signer::{SignedKind, SignedMessage};
use crate::world::{BackupId, ChainIndex, ProcessId};
use ledger_protocol::{Height, Round};
use std::collections::BTreeMap;

type Place = (ProcessId, ChainIndex, Height, Round, SignedKind);

/// A validator says one thing per (height, round, type), across all crashes.
#[derive(Debug, Default)]
pub struct OneSignature {
    /// The message, and how many had left before it.
    left: BTreeMap<Place, (SignedMessage, u64)>,
    count: u64,
    /// How many had left when a backup was taken.
    backups: BTreeMap<BackupId, u64>,
    best: BTreeMap<ChainIndex, Height>,
    /// Heights up to here are not held against a validator that was wiped.
    forgiven: BTreeMap<(ProcessId, ChainIndex), Height>,
}

impl Property for OneSignature {
    fn name(&self) -> &'static str {
        "one signature per height, round and type"
    }

    fn report(&self) -> String {
        format!("{} signed messages left", self.left.len())
    }

    fn observe(&mut self, observation: &Observation<'_>) -> Result<(), Contradiction> {
        let here = (observation.process, observation.index);
        if observation.blame.is_bad_seat(here.0, here.1) && matches!(observation.fact, Fact::SignatureLeft(_)) {
            return Ok(());
        }
        let message = match &observation.fact {
            Fact::SignatureLeft(message) => message,
            Fact::Published { block, is_first: true } => {
                self.best.insert(observation.index, block.header.height);
                return Ok(());
            }
            Fact::Opened { wiped: true, .. } => {
                let best = self.best.get(&observation.index).copied().unwrap_or_default();
                self.forgiven.insert(here, best.saturating_add(1));
                return Ok(());
            }
            Fact::BackedUp(backup) => {
                self.backups.insert(*backup, self.count);
                return Ok(());
            }
            Fact::Restored(restoration) => {
                let known = self.backups.get(&restoration.backup).copied().unwrap_or(u64::MAX);
                self.left.retain(|place, (_, before)| place.1 != observation.index || *before < known);
                self.best.insert(observation.index, restoration.kept);
                // A height that was under way on the lost branch is one of the future again.
                let under_way = restoration.kept.saturating_add(1);
                let own = self.forgiven.iter_mut().filter(|((_, chain), _)| *chain == observation.index);
                own.for_each(|(_, forgiven)| *forgiven = under_way.min(*forgiven));
                return Ok(());
            }
            _ => return Ok(()),
        };
        let (height, round, kind) = message.place;
        if self.forgiven.get(&here).is_some_and(|forgiven| height <= *forgiven) {
            return Ok(());
        }
        let place = (observation.process, observation.index, height, round, kind);
        let (first, _) = self.left.entry(place).or_insert((**message, self.count));
        self.count += 1;
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

#[cfg(test)]
mod tests;
