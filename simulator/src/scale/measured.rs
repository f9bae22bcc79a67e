//! Points of the simulated world: the real engine, consensus, state machines and couriers, with the profile's costs.
//!
//! The closed loop is the model's: the same clients look at the same times, and the same share of what they begin are
//! proposals of the same number of legs. Every property of the simulator is on. What is measured is what the world's
//! blocks say, and what its price list has charged.

use super::plan::{CLIENT_MS, Partners, Plan, Point, Timing, median};
use super::prices::{Prices, Spent};
use super::profile::Profile;
use super::watch::{Admitted, Seen, Sightings, Watch};
use crate::failure::{Contradiction, Failure};
use crate::fixture::{FixtureKind, LegDraft, Network, NetworkPlan, SubchainPlan};
use crate::random::Seed;
use crate::world::{Charge, Costs, Step, StepKind, World, WorldConfig};
use ledger_protocol::ProposalId;
use ledger_protocol::codec::{BoundedBytes, Text};
use ledger_protocol::transaction::{Expectation, Operation, SetKey};
use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

/// Relay blocks in which all votes must come.
const T_PREP: u32 = 400;
/// Members of the consortium, who propose in turn.
const MEMBERS: usize = 3;
/// Proposals of the calm part of [`calibrate`], one after the other.
const CALM: usize = 10;
/// Time between them.
const CALM_MS: u64 = 2_500;

struct Running {
    world: World,
    network: Network,
    seen: Rc<RefCell<Seen>>,
    number: u64,
    partners: Partners,
}

impl Running {
    fn new(profile: &Profile, subchains: usize) -> Result<Self, Box<Failure>> {
        // `Profile::parse` has refused any other.
        let Ok(suite) = profile.machine.chain_suite() else { panic!("no suite {}", profile.machine.suite) };
        let validators = usize::from(profile.machine.validators);
        let mut world = World::new(Seed(1), WorldConfig { is_test: false, ..WorldConfig::smooth("scale") });
        let named = |number: usize| SubchainPlan { validators, ..SubchainPlan::new(&format!("chain-{number}"), suite) };
        let plan = NetworkPlan {
            relay_suite: suite,
            relay_validators: validators,
            members: MEMBERS,
            subchains: (0..subchains).map(named).collect(),
        };
        let mut network = Network::build(&mut world, &plan);
        let seen = Rc::new(RefCell::new(Seen::default()));
        world.add_property(Box::new(Watch { relay: network.relay, seen: Rc::clone(&seen) }));
        network.register(&mut world)?;
        world.run_for(2_000)?;
        *seen.borrow_mut() = Seen::default();
        Ok(Self { world, network, seen, number: 0, partners: Partners::new() })
    }

    /// A proposal that writes a key of its own on each of its chains.
    fn propose(&mut self, home: usize, legs: usize) -> ProposalId {
        self.number += 1;
        let chains = self.partners.of(home, legs, self.network.subchains.len());
        let write = (format!("proposal/{}", self.number), "v".repeat(100));
        let draft = LegDraft { writes: vec![write], ..LegDraft::default() };
        let legs: Vec<(usize, LegDraft)> = chains.into_iter().map(|chain| (chain, draft.clone())).collect();
        let valid_until = self.network.relay_height(&self.world).saturating_add(1_500);
        let member = usize::try_from(self.number % MEMBERS as u64).unwrap_or(0);
        let (id, input) = self.network.draft_by(&self.world, member, &legs, T_PREP, valid_until);
        self.world.submit(self.network.relay, input);
        id
    }

    /// A transaction as `crosstie bench` makes them: one new key of 100 bytes.
    fn local(&mut self, home: usize) {
        self.number += 1;
        let key = format!("local/{}", self.number);
        let (Ok(account), Ok(key), Ok(value)) = (
            Text::new(FixtureKind::Records.account()),
            BoundedBytes::new(key.as_bytes()),
            BoundedBytes::new([b'v'; 100].as_slice()),
        ) else {
            return;
        };
        let set = Operation::SetKey(SetKey { account, key, value, expected: Expectation::Any });
        self.network.local(&mut self.world, home, vec![set]);
    }

    fn heights(&self) -> u64 {
        self.world.best_height(self.network.relay).0
    }
}

/// Runs a plan in a world with these costs.
///
/// # Errors
/// [`Failure`]: a property does not hold, or the network loses work.
///
/// # Panics
/// When the profile names an unknown suite, which [`Profile::parse`] refuses.
pub fn measure(profile: &Profile, plan: &Plan) -> Result<Point, Box<Failure>> {
    measure_counting(profile, plan).map(|(point, _)| point)
}

/// As [`measure`]; also how often a validator of the relay executed a block, for each block that it made.
pub(super) fn measure_counting(profile: &Profile, plan: &Plan) -> Result<(Point, f64), Box<Failure>> {
    let mut running = Running::new(profile, plan.subchains)?;
    let relay = running.network.relay;
    let spent = Rc::new(RefCell::new(Spent::default()));
    running.world.set_costs(Box::new(Prices {
        profile: profile.clone(),
        relay,
        slowness: (plan.relay_slowness, plan.subchain_slowness),
        spent: Rc::clone(&spent),
    }));
    let mut loops = Loop::new(plan);
    let began_ms = running.world.now_ms();
    let (warm_ms, end_ms) = (began_ms + plan.warm_up_ms, began_ms + plan.warm_up_ms + plan.measured_ms);
    let mut at_warm = (Spent::default(), 0, 0);
    while running.world.now_ms() < end_ms {
        if running.world.now_ms() == warm_ms {
            at_warm = (*spent.borrow(), running.heights(), running.seen.borrow().relay_worked_ms);
        }
        loops.look(&mut running, began_ms, warm_ms);
        running.world.run_for(CLIENT_MS)?;
    }
    let ends = Spent { ..*spent.borrow() };
    let blocks = running.heights() - at_warm.1;
    if running.seen.borrow().in_vain > 0 || loops.done.is_empty() && plan.cross_percent > 0 {
        let got = format!("{} ended otherwise, {} ended", running.seen.borrow().in_vain, loops.done.len());
        return Err(running.world.contradicted("scale", Contradiction::new("every proposal commits", got)));
    }
    let seconds = plan.measured_ms as f64 / 1_000.0;
    let cores = seconds * 1e6 * f64::from(profile.machine.validators);
    let relay_us = ends.relay_us - at_warm.0.relay_us;
    let advances_us = ends.advances_us - at_warm.0.advances_us;
    let subchains_us = ends.subchains_us - at_warm.0.subchains_us;
    let proposals = loops.done.len() as f64;
    let worked_ms = running.seen.borrow().relay_worked_ms - at_warm.2;
    let executions = (ends.relay_executions - at_warm.0.relay_executions) as f64;
    let point = Point {
        subchains: plan.subchains,
        cross_percent: plan.cross_percent,
        items_per_s: (loops.locals as f64 + proposals) / seconds,
        proposals_per_s: proposals / seconds,
        relay_cpu: relay_us / cores,
        relay_at_work: (worked_ms as f64 / plan.measured_ms as f64).min(1.0),
        relay_block_ms: plan.measured_ms as f64 / blocks.max(1) as f64,
        subchain_cpu: subchains_us / cores / plan.subchains.max(1) as f64,
        relay_on_advances: if relay_us > 0.0 { advances_us / relay_us } else { 0.0 },
        p50_ms: median(&mut loops.done),
    };
    Ok((point, executions / (blocks.max(1) as f64 * f64::from(profile.machine.validators))))
}

/// The clients of all chains.
struct Loop<'a> {
    plan: &'a Plan,
    /// Of each chain's clients: transactions, proposals.
    under_way: Vec<[u64; 2]>,
    begun: Vec<u64>,
    open: BTreeMap<ProposalId, (usize, u64)>,
    /// Whose clients hold a proposal back, in order.
    held: VecDeque<usize>,
    unordered: usize,
    /// Local transactions that ended in the measured time, and how long proposals took that did.
    locals: u64,
    done: Vec<u64>,
}

impl<'a> Loop<'a> {
    fn new(plan: &'a Plan) -> Self {
        let (under_way, begun) = (vec![[0; 2]; plan.subchains], vec![0; plan.subchains]);
        let (open, held) = (BTreeMap::new(), VecDeque::new());
        Self { plan, under_way, begun, open, held, unordered: 0, locals: 0, done: Vec::new() }
    }

    fn look(&mut self, running: &mut Running, began_ms: u64, warm_ms: u64) {
        let now_ms = running.world.now_ms();
        let (ended, locals, ordered) = {
            let mut seen = running.seen.borrow_mut();
            let ended = std::mem::take(&mut seen.ended);
            (ended, std::mem::take(&mut seen.locals), std::mem::take(&mut seen.ordered))
        };
        self.unordered -= ordered;
        for (id, at_ms) in ended {
            let Some((home, since_ms)) = self.open.remove(&id) else { continue };
            self.under_way[home][1] -= 1;
            if at_ms >= warm_ms {
                self.done.push(at_ms - since_ms);
            }
        }
        for home in 0..self.plan.subchains {
            let index = running.network.subchains.get(home).map(|subchain| subchain.index);
            let finished = index.and_then(|index| locals.get(&index)).copied().unwrap_or(0);
            self.under_way[home][0] -= finished;
            if now_ms > warm_ms {
                self.locals += finished;
            }
            while self.plan.may_begin(self.begun[home], self.under_way[home], now_ms - began_ms) {
                self.begun[home] += 1;
                let is_cross = self.plan.is_cross(self.begun[home]);
                self.under_way[home][usize::from(is_cross)] += 1;
                if is_cross {
                    self.held.push_back(home);
                } else {
                    running.local(home);
                }
            }
        }
        while let Some(home) = self.held.pop_front_if(|_| self.unordered < self.plan.unordered) {
            self.unordered += 1;
            let id = running.propose(home, self.plan.legs);
            self.open.insert(id, (home, now_ms));
        }
    }
}

/// Watches admissions, and charges nothing.
struct Admissions(Rc<RefCell<Vec<Admitted>>>);

impl Costs for Admissions {
    fn charge(&mut self, run: &mut dyn FnMut() -> Step) -> Charge {
        let Step { at_ms, process, chain, kind, proposals, messages, .. } = run();
        if kind == StepKind::Admit {
            self.0.borrow_mut().push(Admitted { at_ms, process: process.0, chain, messages, proposals });
        }
        Charge::default()
    }
}

/// Measures timing and sizes: proposals of so many legs, first one at a time, then in bursts, in a world of two
/// subchains or as many as there are legs, in which no step costs CPU time.
///
/// # Errors
/// [`Failure`]: a property does not hold.
///
/// # Panics
/// When the profile names an unknown suite, which [`Profile::parse`] refuses.
pub fn calibrate(profile: &Profile, legs: usize) -> Result<Timing, Box<Failure>> {
    let subchains = legs.max(2);
    let mut running = Running::new(profile, subchains)?;
    let admitted = Rc::new(RefCell::new(Vec::new()));
    running.world.set_costs(Box::new(Admissions(Rc::clone(&admitted))));
    running.seen.borrow_mut().keeps_blocks = true;
    let mut submitted_ms = Vec::new();
    for number in 0..CALM {
        submitted_ms.push(running.world.now_ms());
        running.propose(number % subchains, legs);
        running.world.run_for(CALM_MS)?;
    }
    let calm_until_ms = running.world.now_ms();
    for burst in [1, 20, 5, 30, 10, 2] {
        for number in 0..burst {
            running.propose(number % subchains, legs);
        }
        running.world.run_for(600)?;
    }
    running.world.run_for(5_000)?;
    let ids = running.network.subchains.iter().map(|subchain| (subchain.id, subchain.index));
    let seen = running.seen.borrow();
    let sightings = Sightings {
        relay: running.network.relay,
        ids: ids.chain([(running.network.relay_id, running.network.relay)]).collect(),
        blocks: &seen.blocks,
        admitted: &admitted.borrow(),
        submitted_ms: &submitted_ms,
        validators: usize::from(profile.machine.validators),
        calm_until_ms,
    };
    let timing = sightings.timing();
    drop(sightings);
    drop(seen);
    timing.ok_or_else(|| {
        let nothing = Contradiction::new("lists travel and proposals are admitted", "too few were seen");
        running.world.contradicted("scale", nothing)
    })
}
