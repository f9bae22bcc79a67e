//! The model: block by block in virtual microseconds.
//!
//! A chain's validators are alike, so one core stands for them: it does what arrives in the order of arrival, and a
//! block's execution waits for it. A block takes what the pool has when its time is set, up to the protocol's limits;
//! the proposer executes it, then the others do, then the votes go round. The next one begins when the interval is over
//! and this one is published. [`Timing`](super::plan::Timing) says what everything takes that is no CPU time.

mod core;
mod relay;
mod subchain;

use self::core::Core;
use super::plan::{CLIENT_MS, Partners, Plan, Point, median};
use super::profile::Profile;
use std::collections::{BTreeMap, VecDeque};

/// How soon an idle chain looks again whether there is something to do.
const IDLE_US: u64 = 2_000;

#[derive(Debug, Clone, Copy, PartialEq)]
enum Say {
    Prepare,
    Vote,
    Decision,
    Outcome,
}

type Message = (usize, Say);

/// Lists of one direction, in order: when the pools have each, and what is in it.
type Lane = VecDeque<(u64, Vec<Message>)>;

struct Proposal {
    home: usize,
    legs: Vec<usize>,
    votes: usize,
    outcomes: usize,
    born_us: u64,
}

/// A subchain.
#[derive(Default)]
struct Chain {
    core: Core,
    /// Transactions and proposals that its clients have under way.
    under_way: [u64; 2],
    begun: u64,
    /// Transactions that clients have sent: when the core has admitted them, and how many.
    local: VecDeque<(u64, u64)>,
    in_flight: usize,
    /// Answers that no list had room for.
    to_relay: VecDeque<Message>,
    from_relay: Lane,
    on_relay: Lane,
    /// When the relay last heard of it.
    heard_us: u64,
}

/// The relay.
#[derive(Default)]
struct Relay {
    core: Core,
    /// Proposals that clients have sent: when the core has admitted them.
    submits: VecDeque<(u64, usize)>,
    /// Ordered, and waiting for a place among those in flight.
    queue: VecDeque<usize>,
    /// Messages that a full block has postponed.
    postponed: VecDeque<Message>,
    /// For each subchain, what no list had room for.
    outbox: Vec<VecDeque<Message>>,
}

/// What happens, in order of time.
#[derive(Debug)]
enum Next {
    /// The relay's next block, if it has work.
    Relay,
    /// A subchain's.
    Subchain(usize),
    /// Clients look what has ended.
    Clients,
    /// Transactions and proposals of a subchain's clients have ended.
    Ended(usize, [u64; 2]),
    /// Proposals stand in a block.
    Ordered(usize),
    /// The first validator of a chain has it, and judges it before it passes it on.
    Enters(Arrival),
    /// All have it.
    Arrives(Arrival),
}

/// What arrives at a chain.
#[derive(Debug)]
enum Arrival {
    /// Transactions, at a subchain.
    Local(usize, u64),
    /// A proposal, at the relay.
    Submitted(usize),
    /// A list of a subchain, at the relay.
    AtRelay(usize, Vec<Message>),
    /// A list of the relay, at a subchain.
    AtSubchain(usize, Vec<Message>),
}

struct Model<'a> {
    profile: &'a Profile,
    plan: &'a Plan,
    agenda: BTreeMap<(u64, u64), Next>,
    number: u64,
    relay: Relay,
    chains: Vec<Chain>,
    proposals: BTreeMap<usize, Proposal>,
    next: usize,
    partners: Partners,
    warm_us: u64,
    locals: u64,
    done: Vec<u64>,
    relay_us: f64,
    advances_us: f64,
    subchains_us: f64,
    relay_blocks: f64,
    relay_worked_us: u64,
    /// Whose clients hold a proposal back, in order.
    held: VecDeque<usize>,
    unordered: usize,
}

fn micros(value: f64) -> u64 {
    value.max(0.0).round() as u64
}

/// Runs a plan.
pub fn run(profile: &Profile, plan: &Plan) -> Point {
    let none = || 0..plan.subchains;
    let mut model = Model {
        profile,
        plan,
        agenda: BTreeMap::new(),
        number: 0,
        relay: Relay { outbox: none().map(|_| VecDeque::new()).collect(), ..Relay::default() },
        chains: none().map(|_| Chain::default()).collect(),
        proposals: BTreeMap::new(),
        next: 0,
        partners: Partners::new(),
        warm_us: plan.warm_up_ms * 1_000,
        locals: 0,
        done: Vec::new(),
        relay_us: 0.0,
        advances_us: 0.0,
        subchains_us: 0.0,
        relay_blocks: 0.0,
        relay_worked_us: 0,
        held: VecDeque::new(),
        unordered: 0,
    };
    model.go();
    model.point()
}

impl Model<'_> {
    fn go(&mut self) {
        let end_us = (self.plan.warm_up_ms + self.plan.measured_ms) * 1_000;
        self.at(0, Next::Clients);
        self.at(0, Next::Relay);
        for chain in 0..self.plan.subchains {
            // They begin at different moments of their interval.
            self.at(chain as u64 * 977 % (self.plan.subchain_interval_ms * 1_000).max(1), Next::Subchain(chain));
        }
        while let Some(((now_us, _), next)) = self.agenda.pop_first() {
            if now_us >= end_us {
                break;
            }
            match next {
                Next::Relay => self.relay_turn(now_us),
                Next::Subchain(place) => self.subchain_turn(place, now_us),
                Next::Clients => self.clients(now_us),
                Next::Ended(place, [locals, proposals]) => {
                    if let Some(chain) = self.chains.get_mut(place) {
                        chain.under_way[0] -= locals;
                        chain.under_way[1] -= proposals;
                    }
                }
                Next::Ordered(count) => self.unordered -= count,
                Next::Enters(arrival) => self.enters(now_us, arrival),
                Next::Arrives(arrival) => match arrival {
                    Arrival::Local(place, count) => self.admit_locals(place, now_us, count),
                    Arrival::Submitted(id) => self.admit_submit(id, now_us),
                    Arrival::AtRelay(place, list) => self.admit_at_relay(place, now_us, list),
                    Arrival::AtSubchain(place, list) => self.admit_at_subchain(place, now_us, list),
                },
            }
        }
    }

    fn at(&mut self, at_us: u64, next: Next) {
        self.number += 1;
        self.agenda.insert((at_us, self.number), next);
    }

    /// Something is sent; all of its chain's validators have it `after_ms` later, if the first one finds its core free.
    fn send(&mut self, now_us: u64, after_ms: f64, arrival: Arrival) {
        let first_ms = after_ms - self.plan.timing.gossip_ms;
        self.at(now_us + micros(first_ms * 1_000.0), Next::Enters(arrival));
    }

    fn enters(&mut self, now_us: u64, arrival: Arrival) {
        let (profile, plan) = (self.profile, self.plan);
        let (core, cost_us) = match &arrival {
            Arrival::Submitted(_) => (Some(&self.relay.core), profile.relay.proposal_admit * plan.relay_slowness),
            Arrival::AtRelay(..) => (Some(&self.relay.core), profile.relay.advance_admit * plan.relay_slowness),
            Arrival::Local(place, count) => {
                let verify_us = *count as f64 * profile.transaction.verify * plan.subchain_slowness;
                (self.chains.get(*place).map(|chain| &chain.core), verify_us)
            }
            Arrival::AtSubchain(place, _) => {
                let admit_us = profile.subchain.advance_admit * plan.subchain_slowness;
                (self.chains.get(*place).map(|chain| &chain.core), admit_us)
            }
        };
        let judged_us = core.map_or(now_us, |core| core.would_end(now_us, cost_us));
        self.at(judged_us + micros(plan.timing.gossip_ms * 1_000.0), Next::Arrives(arrival));
    }

    fn is_counted(&self, at_us: u64) -> bool {
        at_us >= self.warm_us
    }

    fn spend_on_relay(&mut self, at_us: u64, cost_us: f64, on_advances_us: f64) {
        if self.is_counted(at_us) {
            self.relay_us += cost_us;
            self.advances_us += on_advances_us;
        }
    }

    fn spend_on_subchain(&mut self, at_us: u64, cost_us: f64) {
        if self.is_counted(at_us) {
            self.subchains_us += cost_us;
        }
    }

    /// What every block costs a validator beside its execution.
    fn overhead_us(&self) -> f64 {
        let block = &self.profile.block;
        block.consensus + block.votes * block.vote
    }

    /// Every chain's clients begin as many items as their window has room for.
    fn clients(&mut self, now_us: u64) {
        let plan = self.plan;
        for home in 0..self.chains.len() {
            let mut locals = 0;
            let may_begin = |chain: &&mut Chain| plan.may_begin(chain.begun, chain.under_way, now_us / 1_000);
            while let Some(chain) = self.chains.get_mut(home).filter(may_begin) {
                chain.begun += 1;
                let is_cross = plan.is_cross(chain.begun);
                chain.under_way[usize::from(is_cross)] += 1;
                if is_cross {
                    self.held.push_back(home);
                } else {
                    locals += 1;
                }
            }
            if locals > 0 {
                self.send(now_us, plan.timing.submit_ms, Arrival::Local(home, locals));
            }
        }
        while let Some(home) = self.held.pop_front_if(|_| self.unordered < self.plan.unordered) {
            self.unordered += 1;
            let legs = self.partners.of(home, self.plan.legs, self.chains.len());
            let id = self.next;
            self.next += 1;
            self.proposals.insert(id, Proposal { home, legs, votes: 0, outcomes: 0, born_us: now_us });
            self.send(now_us, plan.timing.submit_ms, Arrival::Submitted(id));
        }
        self.at(now_us + CLIENT_MS * 1_000, Next::Clients);
    }

    fn point(mut self) -> Point {
        let plan = self.plan;
        let seconds = plan.measured_ms as f64 / 1_000.0;
        let proposals = self.done.len() as f64;
        Point {
            subchains: plan.subchains,
            cross_percent: plan.cross_percent,
            items_per_s: (self.locals as f64 + proposals) / seconds,
            proposals_per_s: proposals / seconds,
            relay_cpu: self.relay_us / (seconds * 1e6 * plan.relay_cores),
            relay_at_work: self.relay_worked_us as f64 / (seconds * 1e6),
            relay_block_ms: seconds * 1e3 / self.relay_blocks.max(1.0),
            subchain_cpu: self.subchains_us / (seconds * 1e6 * plan.subchain_cores * plan.subchains.max(1) as f64),
            relay_on_advances: if self.relay_us > 0.0 { self.advances_us / self.relay_us } else { 0.0 },
            p50_ms: median(&mut self.done) / 1_000.0,
        }
    }
}

/// What an Advance can take of a lane: whole lists that the pools have, at most so many messages, but one list always.
fn take(lane: &mut Lane, now_us: u64, most: usize) -> Vec<Message> {
    let mut taken = Vec::new();
    while let Some((ready_us, list)) = lane.front() {
        if *ready_us > now_us || !taken.is_empty() && taken.len() + list.len() > most {
            break;
        }
        taken.extend(lane.pop_front().into_iter().flat_map(|(_, list)| list));
    }
    taken
}
