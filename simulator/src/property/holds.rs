//! Holds: what is LOCKED is held, what has ended holds nothing, and no counter can leave its bounds whichever of the
//! undecided proposals commit.
//!
//! The scope comes from the Submit as the relay ordered it, not from what the subchain remembers.

use super::{Fact, Observation, Property, reading};
use crate::failure::Contradiction;
use crate::world::ChainIndex;
use chain_state::{BlockState, Holder, Place, locks};
use ledger_protocol::proposal::{AccessKind, LockKey, ScopeEntry};
use ledger_protocol::transaction::StateContent;
use ledger_protocol::{ChainId, Height, LedgerId, ProposalId};
use std::collections::BTreeMap;
use subchain::participant::table::LegState;

/// Locks and reservations of one relay's subchains.
#[derive(Debug)]
pub struct Holds {
    relay: ChainIndex,
    scopes: BTreeMap<(ProposalId, ChainId), Vec<ScopeEntry>>,
    legs: u64,
    counters: u64,
}

type Verdict = Result<(), Contradiction>;

impl Holds {
    /// Watches all subchains of a relay.
    pub const fn new(relay: ChainIndex) -> Self {
        Self { relay, scopes: BTreeMap::new(), legs: 0, counters: 0 }
    }

    fn leg(&mut self, observation: &Observation<'_>, state: &BlockState<'_>, holder: Holder, leg: LegState) -> Verdict {
        let Some(scope) = self.scopes.get(&(holder.id, observation.chain)) else { return Ok(()) };
        self.legs += 1;
        for entry in scope {
            let holds = reading::answer(observation, locks::locks_of_key(state, &entry.key))?;
            let held = holds.iter().find(|(other, _)| *other == holder).map(|(_, access)| *access);
            let expected = (leg == LegState::Locked).then_some(entry.access);
            if held != expected {
                let (id, account, index) = (holder.id, entry.key.account.as_str(), observation.index.0);
                return Err(Contradiction::new(
                    format!("the leg of {id} on chain {index} is {leg:?}: of a key of {account} it holds {expected:?}"),
                    format!("it holds {held:?}"),
                ));
            }
        }
        Ok(())
    }

    fn counter(
        &mut self,
        observation: &Observation<'_>,
        state: &BlockState<'_>,
        key: &LockKey,
        height: Height,
    ) -> Verdict {
        let live = reading::answer(observation, state.live(&Place::from_lock_key(key)))?;
        let Some(value) = live else { return Ok(()) };
        let StateContent::Counter { value, min, max } = value.content else { return Ok(()) };
        self.counters += 1;
        let (mut least, mut most) = (i128::from(value), i128::from(value));
        for (_, access) in reading::answer(observation, locks::locks_of_key(state, key))? {
            if let AccessKind::Delta(amount) = access {
                least += i128::from(amount.min(0));
                most += i128::from(amount.max(0));
            }
        }
        if least >= i128::from(min) && most <= i128::from(max) {
            return Ok(());
        }
        Err(Contradiction::new(
            format!("a counter of {} stays between {min} and {max} whatever is decided", key.account.as_str()),
            format!("at height {height} it is {value}, and decisions can take it to {least} or {most}"),
        ))
    }
}

impl Property for Holds {
    fn name(&self) -> &'static str {
        "locks and reservations are those of undecided legs"
    }

    fn report(&self) -> String {
        format!("{} steps of legs, {} values of counters", self.legs, self.counters)
    }

    fn observe(&mut self, observation: &Observation<'_>) -> Verdict {
        let Fact::Published { block, is_first: true } = observation.fact else { return Ok(()) };
        if observation.blame.is_bad_chain(observation.index) {
            return Ok(());
        }
        let height = block.header.height;
        if observation.index == self.relay {
            for submit in reading::submits(observation)? {
                let id = submit.body.id();
                for leg in submit.body.legs.iter().filter(|leg| leg.mode.votes()) {
                    self.scopes.insert((id, leg.chain), leg.scope.iter().cloned().collect());
                }
            }
            return Ok(());
        }
        let state = reading::state(observation, height)?;
        for (leg, record) in reading::legs(observation)? {
            let holder = Holder { id: leg.id, started_at_on_relay: leg.started_at_on_relay };
            self.leg(observation, &state, holder, record.state)?;
            for entry in self.scopes.get(&(leg.id, observation.chain)).cloned().unwrap_or_default() {
                self.counter(observation, &state, &entry.key, height)?;
            }
        }
        for change in reading::changes(observation)? {
            if change.ledger != LedgerId::SYSTEM {
                let key = LockKey { ledger: change.ledger, account: change.account.clone(), key: change.key.clone() };
                self.counter(observation, &state, &key, height)?;
            }
        }
        Ok(())
    }
}
