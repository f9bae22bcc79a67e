//! What the relay and its subchains pay for cross-chain work: the real code in a world, watched with a stopwatch.
//!
//! The stopwatch is the caller's, for nothing here reads a clock. Executions of many blocks of different contents are
//! set against what was in them; least squares with no negative cost gives the price of each part.

use super::profile::{BlockCosts, CrossCosts};
use crate::failure::Failure;
use crate::fixture::{LegDraft, Network, NetworkPlan, SubchainPlan};
use crate::random::Seed;
use crate::world::{ChainIndex, Charge, Costs, Step, StepKind, World, WorldConfig};
use ledger_protocol::Suite;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

/// CPU microseconds that something took.
pub trait Stopwatch {
    /// Runs it once and says how long it took.
    fn time(&mut self, run: &mut dyn FnMut()) -> f64;
}

/// One step as it was watched: what was in it, and CPU microseconds.
pub type Reading = (Step, f64);

/// What a network cost.
#[derive(Debug, Clone)]
pub struct Metered {
    /// Of a block.
    pub block: BlockCosts,
    /// Of a relay validator.
    pub relay: CrossCosts,
    /// Of a subchain's.
    pub subchain: CrossCosts,
    /// Proposals that were applied.
    pub proposals: usize,
    /// Blocks of the relay.
    pub relay_blocks: u64,
}

struct Watch<S> {
    stopwatch: S,
    readings: Rc<RefCell<Vec<Reading>>>,
}

impl<S: Stopwatch> Costs for Watch<S> {
    fn charge(&mut self, run: &mut dyn FnMut() -> Step) -> Charge {
        let mut came_to = None;
        let took_us = self.stopwatch.time(&mut || came_to = Some(run()));
        self.readings.borrow_mut().extend(came_to.map(|step| (step, took_us)));
        Charge::default()
    }
}

/// Runs so many proposals over two subchains, in waves of different sizes, and prices their parts.
///
/// # Errors
/// [`Failure`]: a property does not hold, or they do not end.
pub fn meter_network<S: Stopwatch + 'static>(
    stopwatch: S,
    suite: Suite,
    validators: usize,
    proposals: usize,
) -> Result<Metered, Box<Failure>> {
    let mut world = World::new(Seed(1), WorldConfig { is_test: false, ..WorldConfig::smooth("bench") });
    let chains = ["one", "two"];
    let plans = chains.map(|name| SubchainPlan { validators, ..SubchainPlan::new(name, suite) });
    let plan = NetworkPlan { relay_suite: suite, relay_validators: validators, ..NetworkPlan::new(plans.to_vec()) };
    let mut network = Network::build(&mut world, &plan);
    network.register(&mut world)?;
    world.run_for(2_000)?;
    let readings = Rc::new(RefCell::new(Vec::new()));
    world.set_costs(Box::new(Watch { stopwatch, readings: Rc::clone(&readings) }));
    let before = world.best_height(network.relay).0;
    let heights = |world: &World| (0..=chains.len()).map(|chain| world.best_height(ChainIndex(chain)).0).sum::<u64>();
    let blocks_before = heights(&world);
    let mut ids = Vec::new();
    // Waves of 1 to 40, so that no two parts of a block grow together.
    for wave in 0.. {
        for _ in 0..(wave * 17 % 40 + 1) {
            let number = ids.len();
            let amount = if number % 2 == 0 { 1 } else { -1 };
            let draft = |amount| LegDraft { deltas: vec![("balance".to_owned(), amount)], ..LegDraft::default() };
            ids.push(network.propose(&mut world, &[(0, draft(amount)), (1, draft(-amount))], 200));
        }
        world.run_for(250 + wave % 3 * 300)?;
        if ids.len() >= proposals {
            break;
        }
    }
    world.run_until(|world| ids.iter().all(|id| network.is_over(world, id)), 240_000)?;
    // At rest: empty blocks.
    world.run_for(60_000)?;
    let relay_blocks = world.best_height(network.relay).0 - before;
    let blocks = (heights(&world) - blocks_before) as f64 * validators as f64;
    let readings = readings.take();
    Ok(priced(&readings, network.relay, blocks, ids.len(), relay_blocks))
}

fn priced(readings: &[Reading], relay: ChainIndex, blocks: f64, proposals: usize, relay_blocks: u64) -> Metered {
    let of = |kind: StepKind| readings.iter().filter(move |(step, _)| step.kind == kind);
    let sum = |kind: StepKind| of(kind).map(|(_, us)| us).sum::<f64>();
    let votes = of(StepKind::Vote).count() as f64;
    let (relay_execute, relay_cross) = side(readings, |chain| chain == relay);
    let (subchain_execute, subchain_cross) = side(readings, |chain| chain != relay);
    Metered {
        block: BlockCosts {
            relay_execute,
            subchain_execute,
            consensus: sum(StepKind::Event) / blocks.max(1.0),
            vote: sum(StepKind::Vote) / votes.max(1.0),
            votes: votes / blocks.max(1.0),
        },
        relay: relay_cross,
        subchain: subchain_cross,
        proposals,
        relay_blocks,
    }
}

fn parts(step: &Step) -> [f64; 4] {
    [1.0, step.proposals as f64, step.advances as f64, step.messages as f64]
}

/// Prices of an empty block, and of cross-chain work, on one kind of chain.
fn side(readings: &[Reading], is_here: impl Fn(ChainIndex) -> bool) -> (f64, CrossCosts) {
    let here = || readings.iter().filter(|(step, _)| is_here(step.chain));
    let executions: Vec<([f64; 4], f64)> =
        here().filter(|(step, _)| step.kind == StepKind::Execute).map(|(step, us)| (parts(step), *us)).collect();
    let [empty, proposal_execute, advance_execute, message_execute] = least_squares(&executions);
    let admits = || here().filter(|(step, _)| step.kind == StepKind::Admit);
    let admissions: Vec<([f64; 4], f64)> =
        admits().map(|(step, us)| ([1.0, step.proposals as f64, step.advances as f64, 0.0], *us)).collect();
    let [_, admit_proposal, advance_admit, _] = least_squares(&admissions);
    let verified: f64 = here().filter(|(step, _)| step.kind == StepKind::Verify).map(|(_, us)| us).sum();
    let admitted: u64 = admits().map(|(step, _)| step.proposals).sum();
    let proposal_admit = if admitted == 0 { 0.0 } else { admit_proposal + verified / admitted as f64 };
    (empty, CrossCosts { proposal_admit, proposal_execute, advance_admit, advance_execute, message_execute })
}

/// Least squares with no negative price: a part that would have one is left out, and the rest is solved again. Of
/// readings with the same contents only the median counts, by its weight: a thread that was interrupted is no price.
pub(super) fn least_squares(readings: &[([f64; 4], f64)]) -> [f64; 4] {
    let mut by_contents: BTreeMap<[u64; 4], Vec<f64>> = BTreeMap::new();
    for (parts, us) in readings {
        by_contents.entry(parts.map(|part| part as u64)).or_default().push(*us);
    }
    let medians: Vec<([f64; 4], f64, f64)> = by_contents
        .into_iter()
        .map(|(parts, mut times)| {
            times.sort_by(f64::total_cmp);
            (parts.map(|part| part as f64), times[times.len() / 2], times.len() as f64)
        })
        .collect();
    let mut left: Vec<usize> = (0..4).filter(|part| medians.iter().any(|(parts, ..)| parts[*part] > 0.0)).collect();
    while !left.is_empty() {
        let solution = solve(&medians, &left);
        let worst = left.iter().copied().min_by(|one, other| solution[*one].total_cmp(&solution[*other]));
        match worst.filter(|part| solution[*part] < 0.0) {
            None => return solution,
            Some(part) => left.retain(|other| *other != part),
        }
    }
    [0.0; 4]
}

/// The normal equations, by Gauss–Jordan with a ridge far below what a stopwatch sees.
fn solve(readings: &[([f64; 4], f64, f64)], left: &[usize]) -> [f64; 4] {
    let size = left.len();
    let mut rows = vec![vec![0.0; size + 1]; size];
    for (parts, us, weight) in readings {
        for (row, one) in rows.iter_mut().zip(left) {
            for (cell, other) in row.iter_mut().zip(left) {
                *cell += weight * parts[*one] * parts[*other];
            }
            row[size] += weight * parts[*one] * us;
        }
    }
    for pivot in 0..size {
        rows[pivot][pivot] += 1e-9;
        let best = (pivot..size).max_by(|one, other| rows[*one][pivot].abs().total_cmp(&rows[*other][pivot].abs()));
        rows.swap(pivot, best.unwrap_or(pivot));
        let head = rows[pivot].clone();
        for (number, row) in rows.iter_mut().enumerate() {
            let factor = if number == pivot { 1.0 - 1.0 / head[pivot] } else { row[pivot] / head[pivot] };
            row.iter_mut().zip(&head).for_each(|(cell, of_head)| *cell -= factor * of_head);
        }
    }
    let mut solution = [0.0; 4];
    for (row, part) in rows.iter().zip(left) {
        solution[*part] = row[size];
    }
    solution
}
