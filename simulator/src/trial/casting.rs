//! Who plays which actor: the plans of a scenario become roles in its world.

use super::submitted::Submitted;
use crate::actors::{KeyThief, LockGrabber, Role};
use crate::fixture::{Member, Network};
use crate::random::Seed;
use crate::scenario::{ActorKind, ActorPlan, Fraction, Scenario, bad_seats, tolerated};
use crate::world::{ChainIndex, ProcessId, World};
use ledger_protocol::chain::CertificateKind;
use ledger_protocol::suite::SecretKey;
use ledger_protocol::system::ChainStatus;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

/// An actor of a trial, with who plays it and when, from the start of the work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActorSpan {
    /// How it misbehaves.
    pub kind: ActorKind,
    /// Who; nobody for a client.
    pub processes: Vec<ProcessId>,
    /// Since when.
    pub from_ms: u64,
    /// Until when; `None` for ever.
    pub until_ms: Option<u64>,
}

/// A subchain that lies from a time on.
#[derive(Debug)]
struct Lie {
    at_ms: u64,
    chain: ChainIndex,
    contradicts: bool,
}

/// The actors of a trial.
#[derive(Debug)]
pub(super) struct Casting {
    spans: Vec<ActorSpan>,
    lies: Vec<Lie>,
    told: Vec<(&'static str, Arc<AtomicU64>)>,
    grabbers: Vec<LockGrabber>,
    thieves: Vec<KeyThief>,
    end_ms: u64,
}

/// A chain of the network by its name.
pub(super) fn member(network: &Network, name: &str) -> Option<Member> {
    if name == crate::scenario::RELAY {
        return Some(Member::Relay);
    }
    network.subchains.iter().position(|subchain| subchain.name == name).map(Member::Subchain)
}

fn processes(network: &Network, member: Member) -> &[ProcessId] {
    match member {
        Member::Relay => &network.relay_processes,
        Member::Subchain(position) => network.subchains.get(position).map_or(&[], |chain| &chain.processes),
    }
}

/// Where an actor's validators run.
fn seats(network: &Network, plan: &ActorPlan) -> Option<(Member, Vec<ProcessId>)> {
    let member = member(network, plan.chain.as_deref()?)?;
    let here = processes(network, member);
    Some((member, plan.seats(here.len()).into_iter().filter_map(|seat| here.get(seat).copied()).collect()))
}

/// Says of whom nothing is asked, before anything happens.
pub(super) fn blame(world: &mut World, network: &Network, scenario: &Scenario) {
    for plan in scenario.actors.iter().filter(|plan| plan.is_blamed()) {
        let Some((member, processes)) = seats(network, plan) else { continue };
        for process in processes {
            world.blame().seat(process, network.index(member));
        }
    }
    for (position, subchain) in network.subchains.iter().enumerate() {
        let validators = subchain.processes.len();
        if bad_seats(&scenario.actors, &subchain.name, validators) > tolerated(validators) {
            world.blame().chain(network.index(Member::Subchain(position)), subchain.id);
        }
    }
}

impl Casting {
    /// Everybody takes a role; the work begins now.
    pub(super) fn new(world: &mut World, network: &Network, scenario: &Scenario, seed: Seed) -> Self {
        let mut casting = Self {
            spans: Vec::new(),
            lies: Vec::new(),
            told: Vec::new(),
            grabbers: Vec::new(),
            thieves: Vec::new(),
            end_ms: scenario.length_ms,
        };
        for (number, plan) in (0u64..).zip(&scenario.actors) {
            let span =
                |processes| ActorSpan { kind: plan.kind, processes, from_ms: plan.from_ms, until_ms: plan.until_ms };
            if plan.kind == ActorKind::LockGrabber {
                casting.grabbers.push(LockGrabber::new(plan, seed, number));
                casting.spans.push(span(Vec::new()));
                continue;
            }
            let named = plan.chain.as_deref().and_then(|chain| member(network, chain));
            if let (ActorKind::KeyThief, Some(Member::Subchain(position))) = (plan.kind, named) {
                casting.thieves.push(KeyThief::new(plan, position, seed, number));
                casting.spans.push(span(Vec::new()));
                continue;
            }
            let Some((member, processes)) = seats(network, plan) else { continue };
            casting.take_roles(world, network, plan, member, &processes);
            casting.spans.push(span(processes));
        }
        casting
    }

    fn take_roles(
        &mut self,
        world: &mut World,
        network: &Network,
        plan: &ActorPlan,
        member: Member,
        processes: &[ProcessId],
    ) {
        let (chain, id) = (network.index(member), network.id(member));
        let is_split = plan.kind == ActorKind::BadSubchain && plan.fraction == Some(Fraction::TooMany);
        let mut ways: Vec<&'static str> = plan.kind.ways().iter().copied().filter(|way| plan.takes(way)).collect();
        if plan.kind == ActorKind::BadSubchain {
            world.report_forks(chain, network.relay, plan.reported_after_ms);
            if is_split {
                ways = vec!["split"];
            } else if plan.ways.is_empty() {
                ways = vec!["fork"];
            } else if let Some(contradicts) = lies(plan) {
                self.lies.push(Lie { at_ms: plan.from_ms, chain, contradicts });
            }
        }
        let all: Vec<SecretKey> = processes.iter().filter_map(|process| world.seat_key(*process, chain)).collect();
        let now_ms = world.now_ms();
        for process in processes {
            let Some(own) = world.seat_key(*process, chain) else { continue };
            let shares = plan.kind == ActorKind::BadSubchain && !is_split;
            let keys = if shares { all.clone() } else { vec![own] };
            world.cast(Role {
                kind: plan.kind,
                process: *process,
                chain,
                id,
                certified_by: CertificateKind::Bft,
                keys,
                ways: ways.clone(),
                from_ms: now_ms + plan.from_ms,
                until_ms: plan.until_ms.map_or(u64::MAX, |until_ms| now_ms + until_ms),
                chance_per_mille: plan.chance_per_mille,
                last_vote: None,
                mood: None,
                held: Vec::new(),
            });
        }
    }

    /// The next time at which something is due.
    pub(super) fn next_ms(&self) -> Option<u64> {
        let lies = self.lies.iter().map(|lie| lie.at_ms);
        let grabs = self.grabbers.iter().filter_map(|grabber| grabber.next_ms(self.end_ms));
        let thefts = self.thieves.iter().filter_map(|thief| thief.next_ms(self.end_ms));
        lies.chain(grabs).chain(thefts).min()
    }

    /// Does what is due.
    pub(super) fn advance(&mut self, world: &mut World, network: &mut Network, now_ms: u64, submitted: &mut Submitted) {
        let (due, later): (Vec<Lie>, Vec<Lie>) = self.lies.drain(..).partition(|lie| lie.at_ms <= now_ms);
        self.lies = later;
        for lie in due {
            let way = if lie.contradicts { "bad-subchain: contradict" } else { "bad-subchain: never-apply" };
            self.told.push((way, world.lie(lie.chain, lie.contradicts)));
        }
        for grabber in &mut self.grabbers {
            grabber.advance(world, network, now_ms, self.end_ms, submitted);
        }
        for thief in &mut self.thieves {
            thief.advance(world, network, now_ms, self.end_ms);
        }
    }

    /// Who played what, and what they did.
    pub(super) fn end(self, world: &mut World) -> (Vec<ActorSpan>, BTreeMap<String, u64>) {
        for (way, told) in &self.told {
            world.count_lies(way, told);
        }
        (self.spans, world.misdeeds().clone())
    }
}

/// Whether a bad subchain lies about its legs, and by contradicting; its couriers fork it otherwise.
fn lies(plan: &ActorPlan) -> Option<bool> {
    if plan.takes("contradict") && !plan.ways.is_empty() {
        return Some(true);
    }
    plan.takes("never-apply").then_some(false).filter(|_| !plan.ways.is_empty())
}

/// Names of the subchains that the relay has frozen.
pub(super) fn frozen(world: &World, network: &Network) -> Vec<String> {
    let is_frozen = |position: &usize| {
        network.chain_record(world, *position).is_some_and(|record| record.status == ChainStatus::Frozen)
    };
    let positions = (0..network.subchains.len()).filter(is_frozen);
    positions.filter_map(|position| network.subchains.get(position).map(|chain| chain.name.clone())).collect()
}
