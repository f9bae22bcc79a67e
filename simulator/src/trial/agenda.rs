//! What people do while a trial runs: proposals and transactions, those that are submitted once more or taken back, and
//! changes of validators.

use super::books::Amounts;
use super::submitted::Submitted;
use crate::fixture::{FixtureKind, LegDraft, Member, Network};
use crate::scenario::{Arrival, BALANCE, HOT, HandoffPlan, Scenario, TILL, WorkloadKind};
use crate::world::{ChainIndex, World};
use ledger_protocol::chain::Input;
use ledger_protocol::codec::{BoundedBytes, Text};
use ledger_protocol::transaction::{AddToCounter, Expectation, Operation, SetKey};
use ledger_protocol::{ProposalId, Version};
use std::collections::VecDeque;

/// After so long a client that repeats submits once more.
const REPEATED_AFTER_MS: u64 = 3_000;

/// What is still to be done.
#[derive(Debug)]
pub(super) struct Agenda<'s> {
    scenario: &'s Scenario,
    repeats: VecDeque<(u64, ChainIndex, Input)>,
    handoffs: VecDeque<HandoffPlan>,
    /// Proposals that are to be taken back, by time.
    cancels: VecDeque<(u64, ProposalId)>,
}

impl<'s> Agenda<'s> {
    pub(super) fn new(scenario: &'s Scenario) -> Self {
        let mut handoffs = scenario.handoffs.clone();
        handoffs.sort_by_key(|handoff| handoff.at_ms);
        Self { scenario, repeats: VecDeque::new(), handoffs: handoffs.into(), cancels: VecDeque::new() }
    }

    /// The next time at which something is due.
    pub(super) fn next_ms(&self) -> Option<u64> {
        let repeat = self.repeats.front().map(|(at_ms, _, _)| *at_ms);
        let cancel = self.cancels.front().map(|(at_ms, _)| *at_ms);
        [repeat, cancel, self.handoffs.front().map(|handoff| handoff.at_ms)].into_iter().flatten().min()
    }

    /// Does what is due.
    pub(super) fn advance(&mut self, world: &mut World, network: &mut Network, now_ms: u64) {
        while let Some((_, chain, input)) = self.repeats.pop_front_if(|(at_ms, _, _)| *at_ms <= now_ms) {
            world.submit(chain, input);
        }
        while let Some((_, id)) = self.cancels.pop_front_if(|(at_ms, _)| *at_ms <= now_ms) {
            network.cancel(world, id);
        }
        while let Some(handoff) = self.handoffs.pop_front_if(|handoff| handoff.at_ms <= now_ms) {
            let Some(member) = super::casting::member(network, &handoff.chain) else {
                panic!("no chain {} hands over: scenarios are checked when they are read", handoff.chain)
            };
            network.rotate(world, member);
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
            let drafts = self.legs(world, network, arrival);
            let valid_until = network.relay_height(world).saturating_add(self.scenario.workload.valid_blocks);
            let (id, input) = network.draft_until(world, &drafts, self.scenario.workload.t_prep, valid_until);
            submitted.submit(world, network, id, input.clone());
            if let Some(after_ms) = arrival.cancelled_after_ms {
                self.cancels.push_back((now_ms + after_ms, id));
                self.cancels.make_contiguous().sort_unstable();
            }
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

    fn legs(&self, world: &World, network: &Network, arrival: &Arrival) -> Vec<(usize, LegDraft)> {
        let look = |position: usize| hot_record(world, network, arrival, position);
        let notified = arrival.parties.len().checked_sub(1).filter(|_| arrival.notifies);
        let voting = arrival.parties.len() - usize::from(notified.is_some());
        let others = i64::try_from(voting).unwrap_or(1) - 1;
        let leg = |(place, position): (usize, &usize)| {
            let record = || vec![record(arrival)];
            if Some(place) == notified {
                return (*position, LegDraft { writes: record(), notify: true, ..LegDraft::default() });
            }
            let share = arrival.amount.map(|amount| if place == 0 { -amount * others } else { amount });
            let deltas = share.filter(|share| *share != 0).map(|share| (BALANCE.to_owned(), share));
            let writes = match self.scenario.workload.kind {
                // A hot transfer writes the record beside what it moves. A proposal of one voting leg moves nothing, and
                // writes a record instead.
                WorkloadKind::Transfers if others > 0 && arrival.reference != HOT => Vec::new(),
                WorkloadKind::Transfers | WorkloadKind::Records | WorkloadKind::Csv => record(),
            };
            let reads = if arrival.shares { vec![look(*position)] } else { Vec::new() };
            (*position, LegDraft { writes, deltas: deltas.into_iter().collect(), reads, ..LegDraft::default() })
        };
        let mut legs: Vec<(usize, LegDraft)> = arrival.parties.iter().enumerate().map(leg).collect();
        if let Some(position) = arrival.reader {
            let (scans, reads) =
                if arrival.scans { (vec![look(position)], vec![]) } else { (vec![], vec![look(position)]) };
            legs.push((position, LegDraft { reads, scans, ..LegDraft::default() }));
        }
        legs
    }
}

/// The hot record of a chain, with the version that its client has just read and asserts, if it does.
fn hot_record(world: &World, network: &Network, arrival: &Arrival, position: usize) -> (String, Option<Version>) {
    let read = || network.value(world, position, FixtureKind::Records, HOT).map(|value| value.version);
    (HOT.to_owned(), arrival.asserts.then(read).flatten())
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
