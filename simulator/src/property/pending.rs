//! Pending (A4): until a leg is decided, whoever asks its chain for a key that the leg will write is told the old value,
//! and the proposal beside it; nobody else is named, and nobody is named any longer.
//!
//! Asked of the chain's own query, for every key that a block changes or that a leg whose record it sets will write. Who
//! writes what is known from the Submits as the relay ordered them. Bounded by the run: a record per leg.

use super::{Fact, Observation, Property, reading};
use crate::failure::Contradiction;
use crate::world::ChainIndex;
use chain_engine::ChainReader;
use chain_ledger::query;
use chain_state::{BlockState, Place};
use ledger_protocol::proposal::{AccessKind, LockKey};
use ledger_protocol::transaction::StateValue;
use ledger_protocol::{ChainId, Height, LedgerId, ProposalId};
use std::collections::{BTreeMap, BTreeSet};
use subchain::participant::LegId;
use subchain::participant::table::LegState;

/// What a locked leg will do to a key.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Will {
    /// It adds to the counter: others may as well.
    Add,
    /// It writes the key, which was this when the leg was locked, and nobody else does.
    Write(Option<StateValue>),
}

/// The legs of one subchain.
#[derive(Debug, Default)]
struct Legs {
    /// All that were seen.
    seen: BTreeSet<LegId>,
    /// Locked ones whose Submit nobody has published yet: what they hold is not known.
    unknown: BTreeSet<LegId>,
    writes: BTreeMap<LockKey, BTreeMap<LegId, Will>>,
}

/// The queries of one relay's subchains.
#[derive(Debug)]
pub struct Pending {
    relay: ChainIndex,
    /// What the voting leg of a proposal on a chain writes.
    scopes: BTreeMap<(ProposalId, ChainId), Vec<(LockKey, bool)>>,
    chains: BTreeMap<ChainIndex, Legs>,
    asked: u64,
    pending: u64,
}

type Verdict = Result<(), Contradiction>;

impl Legs {
    /// Judges the answer about one key.
    fn judge(&self, key: &LockKey, answer: &query::ValueAnswer, place: &str) -> Verdict {
        let writers = self.writes.get(key);
        let expected: BTreeSet<ProposalId> = writers.into_iter().flat_map(BTreeMap::keys).map(|leg| leg.id).collect();
        let expected: Vec<ProposalId> = expected.into_iter().collect();
        let name = format!("{}/{}", key.account.as_str(), String::from_utf8_lossy(&key.key));
        if answer.pending != expected {
            return Err(Contradiction::new(
                format!("A4: at {place} undecided legs of {expected:?} will write {name}"),
                format!("a query is told that {:?} may", answer.pending),
            ));
        }
        for (leg, will) in writers.into_iter().flatten() {
            let Will::Write(old) = will else { continue };
            if answer.value != *old {
                return Err(Contradiction::new(
                    format!("A4: {name} was {old:?} when the leg of {} was locked, which is not decided", leg.id),
                    format!("at {place} a query is told {:?}", answer.value),
                ));
            }
        }
        Ok(())
    }

    /// A leg is locked from now on, or is not; the keys that this is about.
    fn turn(&mut self, leg: LegId, is_locked: bool, scope: &[(LockKey, Will)]) {
        for (key, will) in scope {
            let writers = self.writes.entry(key.clone()).or_default();
            if is_locked {
                writers.entry(leg).or_insert_with(|| will.clone());
            } else {
                writers.remove(&leg);
            }
            if writers.is_empty() {
                self.writes.remove(key);
            }
        }
    }
}

impl Pending {
    /// Watches all subchains of a relay.
    pub const fn new(relay: ChainIndex) -> Self {
        Self { relay, scopes: BTreeMap::new(), chains: BTreeMap::new(), asked: 0, pending: 0 }
    }

    fn ordered(&mut self, observation: &Observation<'_>) -> Verdict {
        for submit in reading::submits(observation)? {
            let id = submit.body.id();
            for leg in submit.body.legs.iter().filter(|leg| leg.mode.votes()) {
                let writes = leg.scope.iter().filter_map(|entry| match entry.access {
                    AccessKind::Exclusive => Some((entry.key.clone(), true)),
                    AccessKind::Delta(_) => Some((entry.key.clone(), false)),
                    AccessKind::Shared | AccessKind::PrefixShared => None,
                });
                self.scopes.insert((id, leg.chain), writes.collect());
            }
        }
        Ok(())
    }

    /// Takes in where a leg stands; the keys that it writes.
    fn leg(
        &mut self,
        observation: &Observation<'_>,
        state: &BlockState<'_>,
        leg: LegId,
        is_locked: bool,
    ) -> Result<Vec<LockKey>, Contradiction> {
        let legs = self.chains.entry(observation.index).or_default();
        legs.seen.insert(leg);
        let Some(scope) = self.scopes.get(&(leg.id, observation.chain)) else {
            if is_locked {
                legs.unknown.insert(leg);
            } else {
                legs.unknown.remove(&leg);
            }
            return Ok(Vec::new());
        };
        legs.unknown.remove(&leg);
        let mut wills = Vec::with_capacity(scope.len());
        for (key, is_written) in scope {
            let will = if *is_written {
                Will::Write(reading::answer(observation, state.value(&Place::from_lock_key(key)))?)
            } else {
                Will::Add
            };
            wills.push((key.clone(), will));
        }
        legs.turn(leg, is_locked, &wills);
        Ok(wills.into_iter().map(|(key, _)| key).collect())
    }

    fn block(&mut self, observation: &Observation<'_>, height: Height) -> Verdict {
        let index = observation.index;
        let state = reading::state(observation, height)?;
        let mut touched: BTreeSet<LockKey> = BTreeSet::new();
        let late: Vec<LegId> =
            self.chains.get(&index).map_or_else(Vec::new, |legs| legs.unknown.iter().copied().collect());
        for leg in late {
            touched.extend(self.leg(observation, &state, leg, true)?);
        }
        for (leg, record) in reading::legs(observation)? {
            touched.extend(self.leg(observation, &state, leg, record.state == LegState::Locked)?);
        }
        let tip = ChainReader::new(observation.store, observation.chain.suite).tip().ok().flatten();
        let legs = self.chains.entry(index).or_default();
        // A store that is ahead of this block answers for a later one: that is asked when it is published.
        if tip.is_none_or(|tip| tip.header.height != height) || !legs.unknown.is_empty() {
            return Ok(());
        }
        for change in reading::changes(observation)?.iter().filter(|change| change.ledger != LedgerId::SYSTEM) {
            let (ledger, account, key) = (change.ledger, change.account.clone(), change.key.clone());
            touched.insert(LockKey { ledger, account, key });
        }
        let place = format!("height {height} of chain {}", index.0);
        for key in touched {
            let answer = reading::answer(observation, query::value(&state, &Place::from_lock_key(&key)))?;
            self.asked += 1;
            self.pending += u64::from(!answer.pending.is_empty());
            legs.judge(&key, &answer, &place)?;
        }
        Ok(())
    }

    /// Every leg stands as the kept block has it.
    fn restored(&mut self, observation: &Observation<'_>, kept: Height) -> Verdict {
        let state = reading::state(observation, kept)?;
        let before = self.chains.insert(observation.index, Legs::default()).unwrap_or_default();
        for leg in before.seen {
            let record = reading::answer(observation, leg.record(&state))?;
            self.leg(observation, &state, leg, record.is_some_and(|record| record.state == LegState::Locked))?;
        }
        Ok(())
    }
}

impl Property for Pending {
    fn name(&self) -> &'static str {
        "A4 a query names what is undecided"
    }

    fn report(&self) -> String {
        format!("{} queries, {} of them with a proposal beside the value", self.asked, self.pending)
    }

    fn observe(&mut self, observation: &Observation<'_>) -> Verdict {
        if observation.blame.is_bad_chain(observation.index) {
            return Ok(());
        }
        match observation.fact {
            Fact::Published { is_first: true, .. } if observation.index == self.relay => self.ordered(observation),
            Fact::Published { block, is_first: true } => self.block(observation, block.header.height),
            Fact::Restored(restoration) if observation.index != self.relay => {
                self.restored(observation, restoration.kept)
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
