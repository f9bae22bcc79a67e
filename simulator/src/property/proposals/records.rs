//! Records of proposals on the relay: what they may become, and when (A2, A3, A5, R1 to R3).

use super::{Choice, DecisionVerdict, Observation, ProposalRecord, ProposalState, Proposals, Rule, Verdict};
use super::{accounts, reading};
use ledger_protocol::system::LegPhase;
use ledger_protocol::{ChainId, Code, Height};

impl Proposals {
    pub(super) fn on_relay(&mut self, observation: &Observation<'_>, height: Height) -> Verdict {
        for submit in reading::submits(observation)? {
            let seen = self.seen.entry(submit.body.id()).or_default();
            seen.submit.get_or_insert_with(|| Box::new(submit));
        }
        for (_, record) in reading::records::<ProposalRecord>(observation, accounts::PROPOSALS)? {
            self.proposal_moved(height, record)?;
        }
        self.note_lost(observation, height)?;
        self.overdue(height)
    }

    pub(super) fn proposal_moved(&mut self, height: Height, record: ProposalRecord) -> Verdict {
        let id = record.id;
        if matches!(record.state, ProposalState::Queued | ProposalState::Preparing) {
            self.waiting.insert(id);
        } else {
            self.waiting.remove(&id);
        }
        let seen = self.seen.entry(id).or_default();
        let before = seen.record.replace(record.clone());
        seen.since_on_relay = height;
        if let Some(before) = &before {
            self.rules.count(Rule::R2);
            self.rules.count(Rule::R3);
            // A queued record is replaced by a started one; nothing else ever goes back.
            if before.state != ProposalState::Queued && before.started_at != record.started_at {
                return Rule::R3.against(
                    format!("{id} began at relay height {}", before.started_at),
                    format!("at {height} it began at {}", record.started_at),
                );
            }
            if before.decision != Choice::None && before.decision != record.decision {
                return Rule::R2.against(
                    format!("{id} was decided {:?}", before.decision),
                    format!("at relay height {height} it is decided {:?}", record.decision),
                );
            }
            let allowed = before.state == record.state
                || matches!(
                    (before.state, record.state),
                    (ProposalState::Queued, _)
                        | (ProposalState::Preparing, ProposalState::Committing | ProposalState::Aborting)
                        | (ProposalState::Preparing, ProposalState::Committed | ProposalState::Aborted)
                        | (ProposalState::Committing, ProposalState::Committed)
                        | (ProposalState::Aborting, ProposalState::Aborted)
                );
            if !allowed {
                return Rule::R3.against(
                    format!("{id} was {:?}", before.state),
                    format!("at relay height {height} it is {:?}", record.state),
                );
            }
        }
        let is_new_decision = before.is_none_or(|before| before.decision == Choice::None);
        if let (Choice::Some(verdict), true) = (&record.decision, is_new_decision) {
            let was_committed = self.seen.get(&id).is_some_and(|seen| seen.lost.was_committed(record.started_at));
            self.decided(height, &record, verdict, was_committed)?;
        }
        self.compare(&id)
    }

    /// Where a lost branch had decided COMMIT, the last YES and the Outcome after it may come in one block.
    fn decided(
        &mut self,
        height: Height,
        record: &ProposalRecord,
        verdict: &DecisionVerdict,
        was_committed: bool,
    ) -> Verdict {
        let id = record.id;
        // One that never began has no deadline: it leaves the queue by its valid_until.
        let began = record.state != ProposalState::Rejected;
        let last = if began { record.deadline } else { record.valid_until }.saturating_add(1);
        self.rules.count(Rule::A5);
        if height > last {
            return Rule::A5
                .against(format!("{id} is decided by relay height {last}"), format!("it is decided at {height}"));
        }
        if !began {
            return Ok(());
        }
        let missing: Vec<&ChainId> = record
            .legs
            .iter()
            .filter(|leg| leg.mode.votes() && !matches!(leg.phase, LegPhase::VotedYes { .. }))
            .filter(|leg| !(was_committed && matches!(leg.phase, LegPhase::ClosedByOutcome { .. })))
            .map(|leg| &leg.chain)
            .collect();
        match verdict {
            DecisionVerdict::Commit { .. } => {
                self.rules.count(Rule::A2);
                if !missing.is_empty() {
                    return Rule::A2
                        .against(format!("{id} is decided COMMIT"), format!("no proven YES of {missing:?}"));
                }
            }
            DecisionVerdict::Abort { code, .. } => {
                self.rules.count(Rule::A3);
                // A freeze or a pause counts before the votes of its block, a cancel after them (R1).
                if missing.is_empty() && *code != Code::CHAIN_LOST {
                    return Rule::A3.against(
                        format!("{id} has every YES by its deadline"),
                        format!("it is decided ABORT ({code})"),
                    );
                }
                self.rules.count(Rule::R1);
                if *code == Code::TIMEOUT && height <= record.deadline {
                    return Rule::R1.against(
                        format!("a vote for {id} counts until relay height {}", record.deadline),
                        format!("it is aborted for its deadline at {height}"),
                    );
                }
            }
        }
        Ok(())
    }

    /// A5 for those that nothing decides: by the block after the deadline they are decided (R4).
    pub(super) fn overdue(&mut self, height: Height) -> Verdict {
        for id in &self.waiting {
            let Some(record) = self.seen.get(id).and_then(|seen| seen.record.as_ref()) else { continue };
            let last = if record.state == ProposalState::Queued { record.valid_until } else { record.deadline };
            self.rules.count(Rule::A5);
            if height > last {
                return Rule::A5.against(
                    format!("{id} does not stay {:?} beyond relay height {last}", record.state),
                    format!("it does at {height}"),
                );
            }
        }
        Ok(())
    }
}
