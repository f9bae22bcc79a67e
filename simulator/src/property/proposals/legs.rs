//! Legs on their chains: how they end, and what they hold until then (A1, A4, S1).

use super::{DecisionVerdict, LegSeen, Observation, ProposalId, Proposals, Rule, Verdict, reading};
use ledger_protocol::proposal::{AccessKind, LockKey, ScopeEntry};
use ledger_protocol::transaction::Change;
use ledger_protocol::{ChainId, Height, LedgerId};
use std::collections::BTreeSet;
use subchain::participant::LegId;
use subchain::participant::table::LegState;

impl Proposals {
    pub(super) fn on_subchain(&mut self, observation: &Observation<'_>, height: Height) -> Verdict {
        for (leg, record) in reading::legs(observation)? {
            self.leg_moved(observation.chain, height, leg, record.state)?;
        }
        for change in reading::changes(observation)?.iter().filter(|change| change.ledger != LedgerId::SYSTEM) {
            self.written(observation.chain, height, change)?;
        }
        Ok(())
    }

    /// A4: between lock and end nobody else writes a key that a leg writes, or has read by itself or with a prefix. In
    /// the block of the lock another may have written before it.
    pub(super) fn written(&mut self, chain: ChainId, height: Height, change: &Change) -> Verdict {
        self.rules.count(Rule::A4);
        let key = LockKey { ledger: change.ledger, account: change.account.clone(), key: change.key.clone() };
        let write = ScopeEntry { key, access: AccessKind::Exclusive };
        let held = self.locked.get(&chain).into_iter().flatten().filter(|(_, locked)| locked.since < height);
        for (id, locked) in held {
            if let Some(entry) = locked.entries.iter().find(|entry| entry.overlaps(&write)) {
                return Rule::A4.against(
                    format!(
                        "{id} holds {:?} of {} of {chain:?} since height {}",
                        entry.access,
                        change.account.as_str(),
                        locked.since
                    ),
                    format!("another writes version {} of it at height {height}", change.version),
                );
            }
        }
        Ok(())
    }

    pub(super) fn leg_moved(&mut self, chain: ChainId, height: Height, leg: LegId, state: LegState) -> Verdict {
        let id = leg.id;
        let seen = self.seen.entry(id).or_default();
        let place = (chain, leg.started_at_on_relay);
        let before = seen.legs.insert(place, LegSeen { state, since_on_subchain: height });
        self.rules.count(Rule::Ends);
        if let Some(before) = before
            && before.state != state
            && !matches!(before.state, LegState::Locked | LegState::Waiting)
        {
            return Rule::Ends.against(
                format!("{id} ended {:?} on its chain at height {}", before.state, before.since_on_subchain),
                format!("at height {height} it is {state:?}"),
            );
        }
        let locked = self.locked.entry(chain).or_default();
        if state == LegState::Locked {
            locked.insert(id, seen.locks(&chain, height));
        } else {
            locked.remove(&id);
        }
        self.compare(&id)
    }

    /// A1 and S1: what a leg did is what was decided, and what every other leg did. Where the relay has lost a decision,
    /// a leg may have heard it.
    pub(super) fn compare(&mut self, id: &ProposalId) -> Verdict {
        let Some(seen) = self.seen.get(id) else { return Ok(()) };
        let starts: BTreeSet<Height> = seen.legs.keys().map(|(_, started_at)| *started_at).collect();
        for started_at in starts {
            let decision = seen.decision(started_at);
            let said = seen.said(started_at);
            let mut applied = None;
            let mut dropped = None;
            let legs = || seen.legs.iter().filter(|((_, at), _)| *at == started_at);
            for ((chain, _), leg) in legs() {
                match leg.state {
                    LegState::Applied => applied = Some(chain),
                    LegState::Released | LegState::Tombstone => dropped = Some(chain),
                    _ => {}
                }
            }
            let notified = legs().find(|(_, leg)| matches!(leg.state, LegState::Noted | LegState::Waiting));
            if let Some(((chain, _), _)) = notified {
                self.rules.count(Rule::Notify);
                if !said.commit {
                    return Rule::Notify
                        .against(format!("a NOTIFY of {id} follows COMMIT"), format!("it came to {chain:?} without"));
                }
            }
            if applied.or(dropped).is_some() {
                self.rules.count(Rule::A1);
                self.rules.count(Rule::S1);
            }
            if let (Some(applied), Some(dropped)) = (applied, dropped)
                && !(said.commit && said.abort)
            {
                return Rule::A1
                    .against(format!("{id} is applied on {applied:?}"), format!("it is dropped on {dropped:?}"));
            }
            let unsaid = applied.filter(|_| !said.commit).map(|chain| (chain, "applied"));
            let unsaid = unsaid.or(dropped.filter(|_| !said.abort).map(|chain| (chain, "dropped")));
            if let Some((chain, how)) = unsaid {
                return match decision {
                    Some(DecisionVerdict::Commit { .. }) => {
                        Rule::A1.against(format!("{id} is decided COMMIT"), format!("it is {how} on {chain:?}"))
                    }
                    Some(DecisionVerdict::Abort { .. }) => {
                        Rule::A1.against(format!("{id} is decided ABORT"), format!("it is {how} on {chain:?}"))
                    }
                    None => Rule::S1.against(format!("{id} is not decided"), format!("its leg ended on {chain:?}")),
                };
            }
        }
        Ok(())
    }
}
