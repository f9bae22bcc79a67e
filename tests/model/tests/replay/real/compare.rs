//! Whether the machines stand where the model stands.

use super::words::{Known, Word};
use super::{Real, name};
use crate::fixture::place;
use ledger_protocol::system::{LegPhase, ProposalState};
use ledger_protocol::transaction::StateContent;
use ledger_protocol::{Height, ProposalId};
use proposal_model::model::{DI, LO, M, R, St};
use relay::coordinator;
use subchain::participant::LegId;
use subchain::participant::table::LegState;

impl Real {
    /// Whether everything the model shows is so.
    pub fn compare(&self, model: &M, after: &St) -> Result<(), String> {
        for (proposal, known) in &self.known {
            self.compare_proposal(model, after, *proposal, known)?;
        }
        for (chain, sub) in self.subs.iter().enumerate() {
            for key_number in 0..2 {
                let at_key = place(&name(key_number));
                let content = sub.read(|state| state.live(&at_key).unwrap().unwrap().content);
                let StateContent::Counter { value, .. } = content else { unreachable!() };
                let expected = i64::from(after.val[chain][key_number]);
                if value != expected {
                    return Err(format!("chain {chain} key {key_number} holds {value}, not {expected}"));
                }
            }
        }
        Ok(())
    }

    fn compare_proposal(&self, model: &M, after: &St, proposal: usize, known: &Known) -> Result<(), String> {
        let record = self.relay.read(|state| coordinator::find(state, &known.id).unwrap());
        let expected = &after.r[proposal];
        if expected.st == LO {
            self.compare_lost(expected, proposal, known)?;
            let began = Height(u64::from(expected.h0));
            let mut legs = model.c.props[proposal].legs.iter().enumerate();
            return legs.try_for_each(|(g, leg)| self.compare_leg(after, (proposal, g), leg.c, &known.id, began));
        }
        let shown = match record.as_ref().map(|record| record.state) {
            // Refused at once, where the model writes a rejection.
            None | Some(ProposalState::Rejected) => 7,
            Some(ProposalState::Queued) => 1,
            Some(ProposalState::Preparing) => 2,
            Some(ProposalState::Committing) => 3,
            Some(ProposalState::Aborting) => 4,
            Some(ProposalState::Committed) => 5,
            Some(ProposalState::Aborted) => 6,
        };
        if shown != expected.st {
            return Err(format!("P{} is {record:?}, not {}", proposal + 1, expected.st));
        }
        let Some(record) = record else { return Ok(()) };
        for (g, model_leg) in model.c.props[proposal].legs.iter().enumerate() {
            let leg = record.legs.iter().find(|leg| leg.chain == known.chains[g]).unwrap();
            let is_closed = matches!(
                leg.phase,
                LegPhase::ClosedByOutcome { .. } | LegPhase::ClosedByNo { .. } | LegPhase::Disputed
            );
            if shown != 7 && is_closed != (expected.closed & (1 << g) != 0) {
                return Err(format!("P{} leg {g} is {:?}, closed mask {:b}", proposal + 1, leg.phase, expected.closed));
            }
            self.compare_leg(after, (proposal, g), model_leg.c, &known.id, record.started_at)?;
        }
        Ok(())
    }

    /// What the relay has decided of a proposal that began on a branch it has lost.
    fn compare_lost(&self, expected: &R, proposal: usize, known: &Known) -> Result<(), String> {
        let began = Height(u64::from(expected.h0));
        let (record, lost) = self.relay.read(|state| {
            (coordinator::find(state, &known.id).unwrap(), coordinator::find_lost(state, &known.id, began).unwrap())
        });
        let (mut shown, mut closed) = (0u8, 0u8);
        for (g, chain) in known.chains.iter().enumerate() {
            if let Some(leg) = lost.iter().flat_map(|it| &it.legs).find(|leg| leg.chain == *chain) {
                shown |= 1 << g;
                closed |= u8::from(matches!(leg.phase, LegPhase::ClosedByOutcome { .. })) << g;
            }
        }
        if record.is_some() || (shown, closed) != (expected.yes, expected.closed) {
            return Err(format!("P{} is {record:?} and {lost:?}, not {expected:?}", proposal + 1));
        }
        Ok(())
    }

    /// What a chain holds of a leg, and what was said of it.
    fn compare_leg(
        &self,
        after: &St,
        (proposal, g): (usize, usize),
        chain: usize,
        id: &ProposalId,
        started_at_on_relay: Height,
    ) -> Result<(), String> {
        let leg_id = LegId { id: *id, started_at_on_relay };
        let there = self.subs[chain].read(|state| leg_id.record(state).unwrap());
        let there = match there.map(|record| record.state) {
            // It hears nothing about the leg until the list comes, as if it were disputed already.
            None if self.awaits_dispute(chain) && after.st[proposal][g] == DI => DI,
            None => 0,
            Some(LegState::Locked) => 1,
            Some(LegState::Refused) => 2,
            Some(LegState::Tombstone) => 3,
            Some(LegState::Applied) => 4,
            Some(LegState::Released) => 5,
            Some(LegState::Disputed) => DI,
            Some(other) => return Err(format!("P{} leg {g} is {other:?}", proposal + 1)),
        };
        if there != after.st[proposal][g] {
            return Err(format!("P{} leg {g} stands at {there}, not {}", proposal + 1, after.st[proposal][g]));
        }
        for (bits, word, bit) in [
            (after.vote[proposal][g], Word::Yes, 1),
            (after.vote[proposal][g], Word::No, 2),
            (after.out[proposal][g], Word::Applied, 1),
            (after.out[proposal][g], Word::Released, 2),
            (after.out[proposal][g], Word::Refused, 4),
            (after.out[proposal][g], Word::Disputed, 8),
        ] {
            if word == Word::Disputed && self.awaits_dispute(chain) {
                continue;
            }
            if self.words.contains_key(&(proposal, g, word)) != (bits & bit != 0) {
                return Err(format!("P{} leg {g}: {word:?} differs", proposal + 1));
            }
        }
        Ok(())
    }
}
