//! A trial: one scenario under one seed, from the start of its chains to the moment when everything asked of them is
//! over.
//!
//! The chains start and are registered before any fault strikes. Then, for the scenario's length, work arrives and faults
//! strike. Then the faults end, clients submit again what was lost with a pool, and everything must come to its end, the
//! same at every replica, with no amount made or lost; every chain must go on and every replica catch up. The same
//! scenario, seed and strikes give the same [`Trial::trace_hash`].

mod agenda;
mod books;
mod casting;
mod caught;
mod chronicle;
mod closing;
mod expected;
mod healing;
mod links;
mod steps;
mod strikes;
mod submitted;

pub use casting::ActorSpan;
pub use caught::run_caught;
pub use chronicle::{ChainTimeline, Chronicle, Coverage, ProposalTimeline};
pub use steps::{STEPS, Step, missed};
pub use strikes::{StrikeSpan, count_by_kind};
pub(crate) use submitted::Submitted;

use crate::NetworkConfig;
use crate::failure::Failure;
use crate::fixture::Network;
use crate::property;
use crate::random::Seed;
use crate::scenario::{Arrival, Row, Scenario, Schedule, Signatures, Workload};
use crate::trace::TraceSink;
use crate::world::{LIVENESS, World, WorldConfig};
use agenda::Agenda;
use casting::Casting;
use closing::{Closing, asked};
use healing::Healing;
use ledger_protocol::{ChainId, Hash, ProposalId};
use links::Links;
use std::collections::{BTreeMap, BTreeSet};
use strikes::Strikes;

/// How long the world runs on after the last end, so that every replica has the last block.
const REST_MS: u64 = 5_000;
/// How often it is looked whether all is over.
const STEP_MS: u64 = 500;
/// The chains could not start, before any work.
const STARTED: &str = "the chains start";
const HEALED: &str = "liveness after restorations";
const REPLAYED: &str = "the relay's log gives its headers again";

/// What became of a trial.
#[derive(Debug)]
pub struct Trial {
    /// The seed.
    pub seed: Seed,
    /// Which signatures were made and verified.
    pub signatures: Signatures,
    /// Of every event and effect in order.
    pub trace_hash: Hash,
    /// Events.
    pub events: u64,
    /// Effects carried out.
    pub effects: u64,
    /// Virtual time in all.
    pub virtual_ms: u64,
    /// Names of the chains by their place in the world; the relay first.
    pub chains: Vec<String>,
    /// When the work began.
    pub work_began_ms: u64,
    /// Proposals submitted.
    pub submitted: usize,
    /// How they ended, what the relay refused, and what was never ordered in a run that a broken property stopped.
    pub ends: BTreeMap<&'static str, usize>,
    /// Strikes that hit somebody.
    pub strikes: Vec<StrikeSpan>,
    /// How those ended that name no bad chain: as [`Trial::ends`] when no chain is bad.
    pub honest_ends: BTreeMap<&'static str, usize>,
    /// Who misbehaved, and when.
    pub actors: Vec<ActorSpan>,
    /// What they did, by kind.
    pub misdeeds: BTreeMap<String, u64>,
    /// Subchains that the relay has frozen.
    pub frozen: Vec<String>,
    /// Times and states, for reports.
    pub chronicle: Chronicle,
    /// What the properties have seen, a line each.
    pub properties: Vec<String>,
    /// Properties that the scenario does not ask for.
    pub left_out: Vec<&'static str>,
    /// The broken property, if one is.
    pub failure: Option<Box<Failure>>,
}

/// Runs a trial with the strikes that the seed gives, or only those of these numbers.
pub fn run(name: &str, scenario: &Scenario, rows: &[Row], seed: Seed, only: Option<&[usize]>) -> Trial {
    run_traced(name, scenario, rows, seed, only, None)
}

/// As [`run`]; the sink gets every event and effect as it happens.
fn run_traced(
    name: &str,
    scenario: &Scenario,
    rows: &[Row],
    seed: Seed,
    only: Option<&[usize]>,
    sink: Option<TraceSink>,
) -> Trial {
    let _chosen = scenario.signatures.choose();
    let schedule = Schedule::new(&scenario.faults, scenario.length_ms, seed);
    let schedule = only.map_or_else(|| schedule.clone(), |numbers| schedule.only(numbers));
    let config = scenario.world(name);
    let rough = config.network;
    let NetworkConfig { latency_ms, kib_per_s, .. } = rough;
    let calm = NetworkConfig { latency_ms, kib_per_s, ..NetworkConfig::smooth() };
    let is_calm_at_first = scenario.network.calm_start;
    let links = if is_calm_at_first { calm } else { rough };
    let mut world = World::new(seed, WorldConfig { network: links, ..config });
    world.trace_to(sink);
    let parties = Workload::parties(rows);
    let mut network = Network::build(&mut world, &scenario.plan(&parties));
    let chronicle = chronicle::SharedChronicle::default();
    world.add_property(Box::new(chronicle::Observer::new(chronicle.clone(), network.relay)));
    property::of_network(network.relay).into_iter().for_each(|property| world.add_property(property));
    world.keep_properties(|name| scenario.checks(name));
    let mut links = Links::new(&mut world, &network, scenario.network.latency);
    casting::blame(&mut world, &network, scenario);
    let mut strikes = Strikes::new(&world, schedule.strikes().to_vec());
    let mut submitted = Submitted::default();
    let mut answered = Vec::new();
    let mut amounts = books::Amounts::new();
    let mut casting = None;
    let mut healing = Healing::default();
    let mut work_began_ms = 0;
    let started = network.register(&mut world).map_err(not_started);
    let outcome = started.and_then(|()| {
        work_began_ms = world.now_ms();
        if is_calm_at_first {
            links.roughen(&mut world, rough);
        }
        let arrivals = scenario.workload.arrivals(rows, network.subchains.len(), scenario.length_ms, seed);
        let cast = casting.insert(Casting::new(&mut world, &network, scenario, seed));
        let mut doing = Doing {
            links: &mut links,
            strikes: &mut strikes,
            casting: cast,
            healing: &mut healing,
            submitted: &mut submitted,
            amounts: &mut amounts,
        };
        work(&mut world, &mut network, scenario, &arrivals, &mut doing)?;
        let mut closing = Closing::new(&world, &network, &submitted, scenario.settle_ms);
        let mut settling = Settling { links: &mut links, healing: &mut healing, closing: &mut closing };
        let replayed = settle(&mut world, &mut network, scenario, &mut submitted, &mut settling, &chronicle)?;
        answered = closing.report(&world, &submitted);
        let books = books::Books { amounts: &amounts, fates: &chronicle.fates() };
        books.check(&world, &network, scenario).map_err(|(broken, facts)| world.contradicted(broken, facts))?;
        answered.extend(books.report(&world, &network));
        answered.push(format!("{HEALED}: {} chains went back to a backup", world.restored().count()));
        answered.push(format!("{REPLAYED}: {replayed} blocks executed again"));
        Ok(())
    });
    let (actors, misdeeds) = casting.map(|casting| casting.end(&mut world)).unwrap_or_default();
    let bad: BTreeSet<ChainId> = world.blamed().bad_chains().collect();
    let honest: Vec<ProposalId> =
        submitted.ids().iter().copied().filter(|id| !books::names_any(&network, &amounts, id, &bad)).collect();
    let chronicle = chronicle.take();
    let honest_ends = ends(&chronicle, &submitted, &honest);
    let ends = ends(&chronicle, &submitted, submitted.ids());
    let mut trial = Trial {
        seed,
        signatures: scenario.signatures,
        trace_hash: world.trace_hash(),
        events: world.events(),
        effects: world.effects(),
        virtual_ms: world.now_ms(),
        chains: std::iter::once("relay".to_owned())
            .chain(network.subchains.iter().map(|subchain| subchain.name.clone()))
            .collect(),
        work_began_ms,
        submitted: submitted.ids().len(),
        ends,
        honest_ends,
        actors,
        misdeeds,
        frozen: casting::frozen(&world, &network),
        strikes: strikes.into_spans(),
        chronicle,
        properties: world
            .reports()
            .into_iter()
            .chain(answered)
            .filter(|line| scenario.checks(property::name_in(line)))
            .collect(),
        left_out: scenario.left_out(),
        failure: outcome.err(),
    };
    expected::judge(&mut trial, scenario, &mut world);
    trial
}

/// Whoever wrote a network that is too bad to start is told so.
fn not_started(mut failure: Box<Failure>) -> Box<Failure> {
    if failure.property == LIVENESS {
        failure.property = STARTED;
        let promised = &mut failure.contradiction.first;
        *promised = format!("in a network that is good enough for it every chain starts and is registered: {promised}");
    }
    failure
}

/// What is under way while work arrives.
struct Doing<'a> {
    links: &'a mut Links,
    strikes: &'a mut Strikes,
    casting: &'a mut Casting,
    healing: &'a mut Healing,
    submitted: &'a mut Submitted,
    amounts: &'a mut books::Amounts,
}

/// The time in which work arrives and faults strike.
fn work(
    world: &mut World,
    network: &mut Network,
    scenario: &Scenario,
    arrivals: &[Arrival],
    doing: &mut Doing<'_>,
) -> Result<(), Box<Failure>> {
    let Doing { links, strikes, casting, healing, submitted, amounts } = doing;
    let began_ms = world.now_ms();
    let mut agenda = Agenda::new(scenario);
    let mut arrivals = arrivals.iter().peekable();
    loop {
        let elapsed_ms = world.now_ms() - began_ms;
        strikes.advance(world, network, healing, elapsed_ms);
        healing.advance(world, network, submitted.ids());
        agenda.advance(world, network, elapsed_ms);
        casting.advance(world, network, elapsed_ms, submitted);
        // Who has joined is as far away, and as cut off, as everybody else.
        links.update(world, network);
        strikes.admit(world);
        while let Some(arrival) = arrivals.next_if(|arrival| arrival.at_ms <= elapsed_ms) {
            agenda.submit(world, network, arrival, elapsed_ms, submitted, amounts);
        }
        let next_ms = [
            arrivals.peek().map(|arrival| arrival.at_ms),
            strikes.next_ms(),
            agenda.next_ms(),
            casting.next_ms(),
            healing.next_ms(began_ms),
        ];
        let end_ms = scenario.length_ms.max(arrivals.clone().next_back().map_or(0, |last| last.at_ms + 1));
        let until_ms = next_ms.into_iter().flatten().min().unwrap_or(end_ms).min(end_ms);
        if elapsed_ms >= end_ms {
            break;
        }
        world.run_for(until_ms.saturating_sub(elapsed_ms).max(1))?;
    }
    strikes.end_all(world, network, healing);
    Ok(())
}

/// What goes on while everything comes to its end.
struct Settling<'a> {
    links: &'a mut Links,
    healing: &'a mut Healing,
    closing: &'a mut Closing,
}

/// Everything that was submitted ends, every chain goes on, and every replica has caught up; returns how many blocks of
/// the relay were then executed again.
fn settle(
    world: &mut World,
    network: &mut Network,
    scenario: &Scenario,
    submitted: &mut Submitted,
    settling: &mut Settling<'_>,
    chronicle: &chronicle::SharedChronicle,
) -> Result<u64, Box<Failure>> {
    let Settling { links, healing, closing } = settling;
    let (mut rested_ms, mut waits_for_all) = (0, true);
    while rested_ms < REST_MS {
        world.run_for(STEP_MS)?;
        healing.advance(world, network, submitted.ids());
        links.update(world, network);
        closing.advance(world, network, submitted, chronicle);
        // What the scenario does not ask for is waited for, too, but no longer than that.
        waits_for_all &= !closing.is_late(world);
        let asks = |name: &str| waits_for_all || scenario.checks(name);
        let healed = healing.check(world, network, submitted.ids());
        let healed = asked(healed.map_err(|contradiction| (HEALED, contradiction)), asks);
        let closed = healed.and_then(|()| closing.check(world, network, asks));
        let closed = closed.and_then(|()| asked(books::forked_are_frozen(world, network), asks));
        rested_ms = if closed.is_ok() { rested_ms + STEP_MS } else { 0 };
        if let Err((broken, facts)) = closed
            && closing.is_late(world)
        {
            return Err(world.contradicted(broken, facts));
        }
    }
    world.check_at_rest()?;
    if !scenario.checks(REPLAYED) {
        return Ok(0);
    }
    world.replay_log(network.relay).map_err(|contradiction| world.contradicted(REPLAYED, contradiction))
}

/// The last state of each, what the relay refused, and what it never ordered.
fn ends(chronicle: &Chronicle, submitted: &Submitted, ids: &[ProposalId]) -> BTreeMap<&'static str, usize> {
    let mut ends = BTreeMap::new();
    for id in ids {
        let last = chronicle.proposals.get(id).and_then(|proposal| proposal.states.last());
        let without = if submitted.refused().contains_key(id) { "refused" } else { "never ordered" };
        let end = last.map_or(without, |(_, state)| state);
        *ends.entry(end).or_default() += 1;
    }
    ends
}

#[cfg(test)]
mod tests;
