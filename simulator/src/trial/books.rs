//! What the books must say when all is over: amounts, and what became of chains that were found out.
//!
//! Every honest chain holds what it began with and what was committed, asked alone, so that two opposite errors do not
//! make one another good. Where no chain is bad, nothing is made or lost over all of them either. A bad chain's own books
//! are its own affair. Where a chain went back to a backup, a leg that it forgot counts if it is applied nevertheless, and
//! so does one of a COMMIT that only a lost branch of the relay knew.

use super::chronicle::Fates;
use crate::failure::Contradiction;
use crate::fixture::{Member, Network};
use crate::scenario::{BALANCE, LocalKind, Scenario, TILL};
use crate::world::World;
use ledger_protocol::system::ChainStatus;
use ledger_protocol::transaction::Choice;
use ledger_protocol::{ChainId, ProposalId};
use std::collections::{BTreeMap, BTreeSet};

/// What every proposal moves on whom it names, by position of the subchain; NOTIFY legs and records move 0.
pub(super) type Amounts = BTreeMap<ProposalId, Vec<(usize, i64)>>;

/// Whether a proposal names one of these chains. The relay may never have taken it.
pub(super) fn names_any(network: &Network, amounts: &Amounts, id: &ProposalId, chains: &BTreeSet<ChainId>) -> bool {
    let named = amounts.get(id).into_iter().flatten();
    let mut ids = named.filter_map(|(position, _)| network.subchains.get(*position)).map(|subchain| subchain.id);
    ids.any(|id| chains.contains(&id))
}

/// Whether nothing more is asked of a proposal: it has ended, or it names a bad chain and is decided (A6).
pub(super) fn is_over(world: &World, network: &Network, id: &ProposalId, bad: &BTreeSet<ChainId>) -> bool {
    let Some(record) = network.proposal(world, id) else { return false };
    let names_bad = record.legs.iter().any(|leg| bad.contains(&leg.chain));
    record.state.is_terminal() || (names_bad && record.decision != Choice::None)
}

/// What is known of the amounts.
pub(super) struct Books<'a> {
    pub(super) amounts: &'a Amounts,
    pub(super) fates: &'a Fates,
}

type Verdict = Result<(), (&'static str, Contradiction)>;

impl Books<'_> {
    /// Conservation, and the freeze of whoever was seen to fork.
    pub(super) fn check(&self, world: &World, network: &Network, scenario: &Scenario) -> Verdict {
        let bad: BTreeSet<ChainId> = world.blamed().bad_chains().collect();
        if scenario.checks("conservation") {
            self.check_amounts(world, network, scenario, &bad)?;
        }
        if scenario.checks("A6 who is seen to fork is frozen") { forked_are_frozen(world, network) } else { Ok(()) }
    }

    /// What was asked, a line per question.
    pub(super) fn report(&self, world: &World, network: &Network) -> [String; 2] {
        let bad = world.blamed().bad_chains().count();
        let legs: usize = self.amounts.values().map(Vec::len).sum();
        let honest = network.subchains.len().saturating_sub(bad);
        [
            format!("conservation: {honest} subchains, {legs} amounts of {} proposals", self.amounts.len()),
            format!("A6 who is seen to fork is frozen: {} chains shown to fork", world.reported().count()),
        ]
    }

    /// Whether a proposal's amount belongs to the books of a chain.
    fn counts(&self, network: &Network, id: &ProposalId, position: usize) -> bool {
        let Fates { committed, committed_on_lost, forgotten, applied } = self.fates;
        let leg = (*id, network.index(Member::Subchain(position)).0);
        if applied.contains(&leg) && (committed.contains(id) || committed_on_lost.contains(id)) {
            return true;
        }
        committed.contains(id) && !forgotten.contains(&leg)
    }

    fn check_amounts(&self, world: &World, network: &Network, scenario: &Scenario, bad: &BTreeSet<ChainId>) -> Verdict {
        let counters: &[&str] = match scenario.workload.local_kind {
            LocalKind::Records => &[BALANCE],
            LocalKind::Transfers => &[BALANCE, TILL],
        };
        let opening = i64::try_from(counters.len()).unwrap_or(0) * scenario.workload.opening_balance;
        let amount =
            |position| -> i64 { counters.iter().filter_map(|name| network.counter(world, position, name)).sum() };
        if bad.is_empty() && world.restored().next().is_none() {
            let chains = network.subchains.len();
            let expected = i64::try_from(chains).unwrap_or(0) * opening;
            let found: i64 = (0..chains).map(amount).sum();
            if found != expected {
                let promised =
                    format!("the {counters:?} of {chains} subchains sum up to {expected}, as they did at the start");
                return Err(("conservation", Contradiction::new(promised, format!("they sum up to {found}"))));
            }
        }
        let mut moved: BTreeMap<usize, i64> = BTreeMap::new();
        for (id, legs) in self.amounts {
            for (position, amount) in legs.iter().filter(|(position, _)| self.counts(network, id, *position)) {
                *moved.entry(*position).or_default() += amount;
            }
        }
        for (position, subchain) in network.subchains.iter().enumerate() {
            let (expected, found) = (opening + moved.get(&position).copied().unwrap_or(0), amount(position));
            if !bad.contains(&subchain.id) && found != expected {
                let promised = format!("what was committed makes {expected} of the {counters:?} of {}", subchain.name);
                return Err(("conservation", Contradiction::new(promised, format!("they sum up to {found}"))));
            }
        }
        Ok(())
    }
}

/// Whoever was seen to fork is frozen once that was shown to the relay: a trial waits for it until its time is over.
///
/// # Errors
/// The property, with a chain that is not frozen.
pub(super) fn forked_are_frozen(world: &World, network: &Network) -> Verdict {
    for chain in world.reported() {
        let position =
            (0..network.subchains.len()).find(|position| network.index(Member::Subchain(*position)) == chain);
        let status = position.and_then(|position| network.chain_record(world, position)).map(|record| record.status);
        if status != Some(ChainStatus::Frozen) {
            return Err((
                "A6 who is seen to fork is frozen",
                Contradiction::new(
                    format!("two certified headers of one height of chain {} were shown to the relay", chain.0),
                    format!("it is {status:?} there"),
                ),
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
