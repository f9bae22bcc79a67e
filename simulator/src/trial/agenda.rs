//! What people do while a trial runs: proposals and transactions, those that are submitted once more, and changes of
//! validators.

use super::books::Amounts;
use super::submitted::Submitted;
use crate::fixture::{FixtureKind, LegDraft, Member, Network};
use crate::scenario::{Arrival, BALANCE, HandoffPlan, Scenario, TILL, WorkloadKind};
use crate::world::{ChainIndex, World};
use ledger_protocol::chain::Input;
use ledger_protocol::codec::{BoundedBytes, Text};
use ledger_protocol::transaction::{AddToCounter, Expectation, Operation, SetKey};
use std::collections::VecDeque;

/// After so long a client that repeats submits once more.
const REPEATED_AFTER_MS: u64 = 3_000;

/// What is still to be done.
#[derive(Debug)]
pub(super) struct Agenda<'s> {
    scenario: &'s Scenario,
    repeats: VecDeque<(u64, ChainIndex, Input)>,
    handoffs: VecDeque<HandoffPlan>,
}

impl<'s> Agenda<'s> {
    pub(super) fn new(scenario: &'s Scenario) -> Self {
        let mut handoffs = scenario.handoffs.clone();
        handoffs.sort_by_key(|handoff| handoff.at_ms);
        Self { scenario, repeats: VecDeque::new(), handoffs: handoffs.into() }
    }

    /// The next time at which something is due.
    pub(super) fn next_ms(&self) -> Option<u64> {
        let repeat = self.repeats.front().map(|(at_ms, _, _)| *at_ms);
        [repeat, self.handoffs.front().map(|handoff| handoff.at_ms)].into_iter().flatten().min()
    }

    /// Does what is due.
    pub(super) fn advance(&mut self, world: &mut World, network: &mut Network, now_ms: u64) {
        while let Some((_, chain, input)) = self.repeats.pop_front_if(|(at_ms, _, _)| *at_ms <= now_ms) {
            world.submit(chain, input);
        }
        while let Some(handoff) = self.handoffs.pop_front_if(|handoff| handoff.at_ms <= now_ms) {
            let position = network.subchains.iter().position(|subchain| subchain.name == handoff.chain);
            network.rotate(world, position.map_or(Member::Relay, Member::Subchain));
        }
    }

    /// Submits a piece of work.
    pub(super) fn submit(
        &mut self,
        world: &mut World,
        network: &mut Network,
        arrival: &Arrival,
        now_ms: u64,
        submitted: &mut Submitted,
        amounts: &mut Amounts,
    ) {
        let (chain, input) = if arrival.is_local {
            let Some(position) = arrival.parties.first().copied() else { return };
            let Some(operations) = local_operations(arrival) else { return };
            let (chain, input) =
                (network.index(Member::Subchain(position)), network.draft_local(world, position, operations));
            world.submit(chain, input.clone());
            (chain, input)
        } else {
            let drafts = self.legs(arrival);
            let valid_until = network.relay_height(world).saturating_add(1_500);
            let (id, input) = network.draft_until(world, &drafts, self.scenario.workload.t_prep, valid_until);
            submitted.submit(world, network, id, input.clone());
            let moved = drafts.iter().map(|(position, draft)| {
                let amount = draft.deltas.iter().map(|(_, amount)| *amount).sum::<i64>();
                (*position, amount)
            });
            amounts.insert(id, moved.collect());
            (network.relay, input)
        };
        if arrival.repeats {
            self.repeats.push_back((now_ms + REPEATED_AFTER_MS, chain, input));
        }
    }

    fn legs(&self, arrival: &Arrival) -> Vec<(usize, LegDraft)> {
        let notified = arrival.parties.len().checked_sub(1).filter(|_| arrival.notifies);
        let voting = arrival.parties.len() - usize::from(notified.is_some());
        let others = i64::try_from(voting).unwrap_or(1) - 1;
        let leg = |(place, position): (usize, &usize)| {
            let record = || vec![record(arrival)];
            if Some(place) == notified {
                return (*position, LegDraft { writes: record(), deltas: Vec::new(), notify: true });
            }
            let share = arrival.amount.map(|amount| if place == 0 { -amount * others } else { amount });
            let deltas = share.filter(|share| *share != 0).map(|share| (BALANCE.to_owned(), share));
            let writes = match self.scenario.workload.kind {
                // A proposal of one voting leg moves nothing, and writes a record instead.
                WorkloadKind::Transfers if others > 0 => Vec::new(),
                WorkloadKind::Transfers | WorkloadKind::Records | WorkloadKind::Csv => record(),
            };
            (*position, LegDraft { writes, deltas: deltas.into_iter().collect(), notify: false })
        };
        arrival.parties.iter().enumerate().map(leg).collect()
    }
}

/// A record's key and text.
fn record(arrival: &Arrival) -> (String, String) {
    (arrival.reference.clone(), format!("at {}", arrival.at_ms))
}

fn local_operations(arrival: &Arrival) -> Option<Vec<Operation>> {
    let Some(amount) = arrival.amount else {
        let (key, value) = record(arrival);
        return Some(vec![Operation::SetKey(SetKey {
            account: Text::new(FixtureKind::Records.account()).ok()?,
            key: BoundedBytes::new(key.as_bytes()).ok()?,
            value: BoundedBytes::new(value.as_bytes()).ok()?,
            expected: Expectation::Any,
        })]);
    };
    let add = |counter: &str, amount: i64| {
        let account = Text::new(FixtureKind::Money.account()).ok()?;
        let key = BoundedBytes::new(counter.as_bytes()).ok()?;
        Some(Operation::AddToCounter(AddToCounter { account, key, amount }))
    };
    Some(vec![add(TILL, amount)?, add(BALANCE, -amount)?])
}
