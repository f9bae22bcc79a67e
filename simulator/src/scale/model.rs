//! The model: block by block in virtual microseconds.
//!
//! A block takes what has arrived, up to the protocol's bounds. It ends after the proposer has executed it, the others
//! have, and the votes have gone round; a chain's next block begins not before its interval is over, nor before one
//! core of a validator has done all work of the last.

use super::profile::{CrossCosts, Profile};
use ledger_protocol::chain::Parameters;
use ledger_protocol::interchain::{ChainLimits, MAX_LIST_MESSAGES};
use std::collections::{BTreeMap, VecDeque};

/// Proposals that may wait at the relay.
const MAX_QUEUED: usize = 8_192;

/// What is run.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// Subchains.
    pub subchains: usize,
    /// Share of items that are proposals, in percent.
    pub cross_percent: u32,
    /// Legs of a proposal; fewer when there are fewer subchains.
    pub legs: usize,
    /// Items under way per subchain.
    pub window: u64,
    /// Least time between blocks of the relay.
    pub relay_interval_ms: u64,
    /// Least time between blocks of a subchain.
    pub subchain_interval_ms: u64,
    /// Cores of a relay validator.
    pub relay_cores: f64,
    /// Cores of a subchain's validator.
    pub subchain_cores: f64,
    /// Share of the measured cost of carrying that the relay pays.
    pub relay_carried: f64,
    /// From the end of an execution until the block is published: three hops and three barriers.
    pub votes_ms: u64,
    /// From one chain's publication into the other's pool.
    pub courier_ms: u64,
    /// Time before anything is counted.
    pub warm_up_ms: u64,
    /// Time in which it is.
    pub measured_ms: u64,
}

impl Plan {
    /// The protocol's own intervals, a local network, validators of one core.
    pub fn new(subchains: usize, cross_percent: u32) -> Self {
        Self {
            subchains,
            cross_percent,
            legs: 2,
            window: 2_000,
            relay_interval_ms: u64::from(Parameters::relay().min_block_interval_ms),
            subchain_interval_ms: u64::from(Parameters::subchain().min_block_interval_ms),
            relay_cores: 1.0,
            subchain_cores: 1.0,
            relay_carried: 1.0,
            votes_ms: 22,
            courier_ms: 15,
            warm_up_ms: 10_000,
            measured_ms: 20_000,
        }
    }
}

/// What came out.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Point {
    /// Subchains.
    pub subchains: usize,
    /// Share of items that are proposals, in percent.
    pub cross_percent: u32,
    /// Items that came to their end per second: transactions, and proposals applied everywhere.
    pub items_per_s: f64,
    /// Proposals among them.
    pub proposals_per_s: f64,
    /// Of the relay's cores, what they were busy.
    pub relay_cpu: f64,
    /// The relay's mean time between blocks, in its interval.
    pub relay_pace: f64,
    /// Of a subchain's cores, the mean.
    pub subchain_cpu: f64,
    /// Of the relay's CPU time, what Advances took.
    pub relay_on_advances: f64,
    /// From submission to applied everywhere and known to the relay, half of the proposals.
    pub p50_ms: f64,
}

impl Point {
    /// Whether the relay can do no more: its cores are busy, or its blocks are late.
    pub fn is_full(&self) -> bool {
        self.relay_cpu >= super::FULL || self.relay_pace >= super::LATE
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Say {
    Prepare,
    Vote,
    Decision,
    Outcome,
}

type Message = (usize, Say);
/// Lists under way: when each can be taken, and what is in it.
type Lane = VecDeque<(u64, Vec<Message>)>;

struct Proposal {
    home: usize,
    legs: Vec<usize>,
    votes: usize,
    outcomes: usize,
    born_us: u64,
}

#[derive(Default)]
struct Chain {
    local: u64,
    /// Finished items whose successors were not begun yet.
    free: u64,
    begun: u64,
    waits: VecDeque<u64>,
    in_flight: usize,
    to_relay: VecDeque<Message>,
    from_relay: Lane,
    on_relay: Lane,
    for_relay_unsent: VecDeque<Message>,
    has_new_head: bool,
}

struct Model<'a> {
    profile: &'a Profile,
    plan: &'a Plan,
    chains: Vec<Chain>,
    proposals: BTreeMap<usize, Proposal>,
    next: usize,
    open: usize,
    submits: VecDeque<(u64, usize)>,
    turn: usize,
    counted: bool,
    locals: u64,
    done: Vec<u64>,
    relay_us: f64,
    advances_us: f64,
    subchain_us: f64,
    relay_blocks: u64,
    random: u64,
}

fn micros(value: f64) -> u64 {
    value.max(0.0).ceil() as u64
}

/// Runs a plan.
pub fn run(profile: &Profile, plan: &Plan) -> Point {
    let chains = (0..plan.subchains).map(|_| Chain { free: plan.window, ..Chain::default() }).collect();
    let mut model = Model {
        profile,
        plan,
        chains,
        proposals: BTreeMap::new(),
        next: 0,
        open: 0,
        submits: VecDeque::new(),
        turn: 0,
        counted: false,
        locals: 0,
        done: Vec::new(),
        relay_us: 0.0,
        advances_us: 0.0,
        subchain_us: 0.0,
        relay_blocks: 0,
        random: 0x9e37_79b9_7f4a_7c15,
    };
    model.go()
}

impl Model<'_> {
    fn go(&mut self) -> Point {
        let (warm_us, end_us) = (self.plan.warm_up_ms * 1_000, (self.plan.warm_up_ms + self.plan.measured_ms) * 1_000);
        // (time, chain): the relay after the subchains. Subchains begin at different moments of their interval.
        let mut agenda: BTreeMap<(u64, usize), ()> = BTreeMap::new();
        for chain in 0..=self.plan.subchains {
            agenda.insert((chain as u64 * 977 % 100_000, chain), ());
        }
        while let Some(((now_us, chain), ())) = agenda.pop_first() {
            if now_us >= end_us {
                break;
            }
            self.counted = now_us >= warm_us;
            let next_us =
                if chain == self.plan.subchains { self.relay_block(now_us) } else { self.block(chain, now_us) };
            agenda.insert((now_us + next_us.max(1), chain), ());
        }
        self.point()
    }

    fn point(&mut self) -> Point {
        let plan = self.plan;
        let seconds = plan.measured_ms as f64 / 1_000.0;
        self.done.sort_unstable();
        let p50 = self.done.get(self.done.len() / 2).copied().unwrap_or(0);
        let blocks = self.relay_blocks.max(1) as f64;
        Point {
            subchains: plan.subchains,
            cross_percent: plan.cross_percent,
            items_per_s: (self.locals + self.done.len() as u64) as f64 / seconds,
            proposals_per_s: self.done.len() as f64 / seconds,
            relay_cpu: self.relay_us / (seconds * 1e6 * plan.relay_cores),
            relay_pace: seconds * 1e3 / blocks / plan.relay_interval_ms as f64,
            subchain_cpu: self.subchain_us / (seconds * 1e6 * plan.subchain_cores * plan.subchains.max(1) as f64),
            relay_on_advances: if self.relay_us > 0.0 { self.advances_us / self.relay_us } else { 0.0 },
            p50_ms: p50 as f64 / 1_000.0,
        }
    }

    /// Fills the window of a chain: by the share, local or a proposal of this chain and others.
    fn refill(&mut self, home: usize, now_us: u64) {
        let share = u64::from(self.plan.cross_percent);
        let Some(chain) = self.chains.get_mut(home) else { return };
        for _ in 0..std::mem::take(&mut chain.free) {
            chain.begun += 1;
            if chain.begun * share / 100 > (chain.begun - 1) * share / 100 {
                chain.waits.push_back(now_us);
            } else {
                chain.local += 1;
            }
        }
    }

    /// Clients submit while the relay has room, in turn.
    fn submit(&mut self, now_us: u64) {
        let cap = ChainLimits::default().max_in_flight as usize;
        let count = self.chains.len();
        let mut idle = 0;
        while self.open < MAX_QUEUED && idle < count {
            let home = self.turn % count.max(1);
            self.turn += 1;
            idle += 1;
            let Some(born_us) = self.chains.get(home).and_then(|chain| chain.waits.front().copied()) else { continue };
            let mut legs = vec![home];
            while legs.len() < self.plan.legs.min(count) {
                self.random =
                    self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let mut other = (self.random >> 33) as usize % count;
                while legs.contains(&other) {
                    other = (other + 1) % count;
                }
                legs.push(other);
            }
            if legs.iter().any(|leg| self.chains.get(*leg).is_none_or(|chain| chain.in_flight >= cap)) {
                continue;
            }
            for leg in &legs {
                if let Some(chain) = self.chains.get_mut(*leg) {
                    chain.in_flight += 1;
                }
            }
            if let Some(chain) = self.chains.get_mut(home) {
                chain.waits.pop_front();
            }
            // A client's patience at home is not the network's latency: it counts from the submission on.
            let _waited_since = born_us;
            self.proposals.insert(self.next, Proposal { home, legs, votes: 0, outcomes: 0, born_us: now_us });
            self.submits.push_back((now_us, self.next));
            self.next += 1;
            self.open += 1;
            idle = 0;
        }
    }

    /// The lists that one Advance can take: whole blocks, at most 256 messages.
    fn take(lane: &mut Lane, now_us: u64) -> Vec<Message> {
        let mut taken = Vec::new();
        while let Some((ready_us, list)) = lane.front() {
            if *ready_us > now_us || taken.len() + list.len() > MAX_LIST_MESSAGES {
                break;
            }
            taken.extend(lane.pop_front().into_iter().flat_map(|(_, list)| list));
        }
        taken
    }

    fn overhead(&self, execute: f64) -> f64 {
        let block = &self.profile.block;
        execute + block.consensus + block.votes * block.vote
    }

    fn until_next(&self, now: (f64, f64, f64), cores: f64, interval_ms: u64) -> (u64, u64) {
        let (execute, stored, total) = now;
        let published = micros(2.0 * execute + stored) + self.plan.votes_ms * 1_000;
        (published, (interval_ms * 1_000).max(published).max(micros(total / cores)))
    }

    fn block(&mut self, place: usize, now_us: u64) -> u64 {
        self.refill(place, now_us);
        let (profile, plan) = (self.profile, self.plan);
        let most = u64::from(Parameters::subchain().max_block_transactions);
        let Some(chain) = self.chains.get_mut(place) else { return 1 };
        let messages = Self::take(&mut chain.from_relay, now_us);
        let local = chain.local.min(most);
        chain.local -= local;
        chain.free += local;
        for (id, say) in &messages {
            let answer = if *say == Say::Prepare { Say::Vote } else { Say::Outcome };
            chain.to_relay.push_back((*id, answer));
        }
        let sends = chain.to_relay.len().min(MAX_LIST_MESSAGES);
        let list: Vec<Message> = chain.to_relay.drain(..sends).collect();
        let advances = if messages.is_empty() { 0.0 } else { 1.0 };
        let (executes, cost) = cross(&profile.subchain, advances, messages.len() as f64);
        let tx = &profile.transaction;
        let base = profile.block.subchain_execute;
        let execute = base + local as f64 * tx.executed() + executes;
        let carried = tx.carried() * (advances + messages.len() as f64);
        let total = self.overhead(base) + local as f64 * tx.total() + cost + carried;
        let stored = tx.store * (local as f64 + messages.len() as f64);
        let (published, next) =
            self.until_next((execute, stored, total), plan.subchain_cores, plan.subchain_interval_ms);
        if let Some(chain) = self.chains.get_mut(place) {
            chain.has_new_head = true;
            if !list.is_empty() {
                chain.on_relay.push_back((now_us + published + plan.courier_ms * 1_000, list));
            }
        }
        if self.counted {
            self.locals += local;
            self.subchain_us += total;
        }
        next
    }

    fn relay_block(&mut self, now_us: u64) -> u64 {
        if self.plan.cross_percent == 0 {
            return self.heartbeat();
        }
        self.submit(now_us);
        let (profile, plan) = (self.profile, self.plan);
        let (mut advances, mut messages) = (0.0, 0.0);
        for place in 0..self.chains.len() {
            let Some(chain) = self.chains.get_mut(place) else { continue };
            let taken = Self::take(&mut chain.on_relay, now_us);
            // An Advance without a list rides in a block that is made anyway.
            if std::mem::take(&mut chain.has_new_head) {
                advances += 1.0;
            }
            messages += taken.len() as f64;
            for message in taken {
                self.hear(message, now_us);
            }
        }
        let most = Parameters::relay().max_block_transactions as usize;
        let ready = self.submits.iter().take(most).take_while(|(ready_us, _)| *ready_us <= now_us).count();
        for (_, id) in self.submits.drain(..ready).collect::<Vec<_>>() {
            self.tell_legs(id, Say::Prepare);
        }
        let tx = &profile.transaction;
        let base = profile.block.relay_execute;
        let (executes, cost) = cross(&profile.relay, advances, messages);
        let proposals = ready as f64;
        let execute = base + executes + proposals * profile.relay.proposal_execute;
        let carried = tx.carried() * plan.relay_carried * (proposals + advances + messages);
        let total = self.overhead(base)
            + cost
            + proposals * (profile.relay.proposal_admit + profile.relay.proposal_execute)
            + carried;
        let stored = tx.store * plan.relay_carried * (proposals + messages);
        let (published, next) = self.until_next((execute, stored, total), plan.relay_cores, plan.relay_interval_ms);
        let ready_us = now_us + published + plan.courier_ms * 1_000;
        for chain in &mut self.chains {
            let sends = chain.for_relay_unsent.len().min(MAX_LIST_MESSAGES);
            if sends > 0 {
                chain.from_relay.push_back((ready_us, chain.for_relay_unsent.drain(..sends).collect()));
            }
        }
        if self.counted {
            self.relay_us += total;
            self.advances_us += advances * (profile.relay.advance_admit + profile.relay.advance_execute);
            self.relay_blocks += 1;
        }
        next
    }

    /// A relay without work makes a block per heartbeat, with one Advance of each chain.
    fn heartbeat(&mut self) -> u64 {
        let (executes, cost) = cross(&self.profile.relay, self.chains.len() as f64, 0.0);
        let carried = self.profile.transaction.carried() * self.plan.relay_carried * self.chains.len() as f64;
        let base = self.profile.block.relay_execute;
        let total = self.overhead(base) + cost + carried;
        let heartbeat_ms = u64::from(Parameters::relay().heartbeat_ms);
        if self.counted {
            self.relay_us += total;
            self.advances_us += cost;
            // Its pace is its heartbeat: it is not behind.
            self.relay_blocks += heartbeat_ms / self.plan.relay_interval_ms.max(1);
        }
        self.until_next((base + executes, 0.0, total), self.plan.relay_cores, heartbeat_ms).1
    }

    fn tell_legs(&mut self, id: usize, say: Say) {
        let Some(proposal) = self.proposals.get(&id) else { return };
        for leg in &proposal.legs {
            if let Some(chain) = self.chains.get_mut(*leg) {
                chain.for_relay_unsent.push_back((id, say));
            }
        }
    }

    fn hear(&mut self, (id, say): Message, now_us: u64) {
        let Some(proposal) = self.proposals.get_mut(&id) else { return };
        if say == Say::Vote {
            proposal.votes += 1;
            if proposal.votes == proposal.legs.len() {
                self.tell_legs(id, Say::Decision);
            }
            return;
        }
        proposal.outcomes += 1;
        if proposal.outcomes < proposal.legs.len() {
            return;
        }
        let Some(proposal) = self.proposals.remove(&id) else { return };
        self.open -= 1;
        for leg in &proposal.legs {
            if let Some(chain) = self.chains.get_mut(*leg) {
                chain.in_flight -= 1;
            }
        }
        if let Some(chain) = self.chains.get_mut(proposal.home) {
            chain.free += 1;
        }
        if self.counted {
            self.done.push(now_us - proposal.born_us);
        }
    }
}

/// What Advances and their messages take to execute, and in all.
fn cross(costs: &CrossCosts, advances: f64, messages: f64) -> (f64, f64) {
    let executes = advances * costs.advance_execute + messages * costs.message_execute;
    (executes, executes + advances * costs.advance_admit)
}
