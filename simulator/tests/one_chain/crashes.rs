//! Crashes between every two effects of a history: one, two, all validators; the unsynced tail lost, cut or kept; a
//! second crash while the first is replayed.

use crate::toy::{transaction, world};
use ledger_protocol::Height;
use simulator::{ChainIndex, Fault, ProcessId, Seed, Tail, World, WorldConfig, seeds};

/// Heights that the history without crashes has.
const HEIGHTS: u64 = 4;

fn start(seed: Seed, config: WorldConfig) -> (World, ChainIndex, Vec<ProcessId>) {
    let (mut world, chain, processes) = world(seed, config, 4);
    let id = world.chain_id(chain);
    for number in 0..HEIGHTS {
        // One transaction per validator keeps every height at work.
        world.submit_to(processes[usize::try_from(number % 4).unwrap()], chain, transaction(id, number));
    }
    (world, chain, processes)
}

fn drive(world: &mut World, chain: ChainIndex, until: Height) {
    let id = world.chain_id(chain);
    let mut number = 100;
    for _ in 0..2_000 {
        if world.least_height(chain) >= Some(until) && world.seats(chain).iter().all(|process| world.is_up(*process)) {
            return;
        }
        number += 1;
        world.submit(chain, transaction(id, number));
        world.run_for(60).unwrap_or_else(|failure| panic!("{failure}"));
    }
    let reached = world.least_height(chain);
    panic!(
        "stuck: the least height is {reached:?} after {} ms, replay with seed and faults of this run",
        world.now_ms()
    );
}

/// Effects of the history until every validator has [`HEIGHTS`] blocks.
fn length(seed: Seed, config: &WorldConfig) -> u64 {
    let (mut world, chain, _) = start(seed, config.clone());
    drive(&mut world, chain, Height(HEIGHTS));
    world.effects()
}

fn crash_everywhere(seed: Seed, config: &WorldConfig, victims: usize, step: u64, second: bool) -> u64 {
    let length = length(seed, config);
    let mut points = 0;
    let tails = [Tail::Lost, Tail::Half, Tail::Kept];
    for at_effect in (seed.0 % step..length).step_by(usize::try_from(step).unwrap()) {
        let (mut world, chain, processes) = start(seed, config.clone());
        let turn = usize::try_from(at_effect).unwrap();
        let tail = tails[turn % 3];
        let chosen: Vec<ProcessId> = (0..victims).map(|offset| processes[(turn / 3 + offset) % 4]).collect();
        let restart_after_ms = Some(20 + at_effect % 300);
        world.plan(Fault { at_effect, processes: chosen.clone(), tail, restart_after_ms, wipe: false });
        if second {
            let again = at_effect + 1 + at_effect * 7 % 60;
            let tail = tails[(turn + 1) % 3];
            world.plan(Fault { at_effect: again, processes: chosen, tail, restart_after_ms, wipe: false });
        }
        drive(&mut world, chain, Height(HEIGHTS + 1));
        let accused: Vec<_> = processes.iter().flat_map(|process| world.evidence(*process, chain)).collect();
        assert!(accused.is_empty(), "seed {seed}, effect {at_effect}: an honest validator is accused: {accused:?}");
        points += 1;
    }
    eprintln!("{points} crash points of {length} effects, {victims} victims");
    points
}

#[test]
fn bug_r05_one_validator_crashes_between_every_two_effects_and_signs_nothing_twice() {
    let points = crash_everywhere(Seed(1), &WorldConfig::smooth("one_validator_crashes"), 1, 1, false);
    assert!(points > 300, "only {points} points");
}

#[test]
fn bug_r05_two_validators_crash_between_every_two_effects_and_sign_nothing_twice() {
    let points = crash_everywhere(Seed(2), &WorldConfig::smooth("two_validators_crash"), 2, 1, false);
    assert!(points > 300, "only {points} points");
}

#[test]
fn bug_r05_all_validators_crash_between_every_two_effects_and_sign_nothing_twice() {
    let points = crash_everywhere(Seed(3), &WorldConfig::smooth("all_validators_crash"), 4, 1, false);
    assert!(points > 300, "only {points} points");
}

#[test]
fn a_second_crash_during_replay() {
    for seed in seeds(3) {
        let victims = [1, 2, 4][usize::try_from(seed.0 % 3).unwrap()];
        crash_everywhere(seed, &WorldConfig::smooth("a_second_crash_during_replay"), victims, 7, true);
    }
}

/// A block that is durable and that nobody lived to publish is seen when its validator is back: seed 85 of
/// `chaos-restored` with one validator per chain went on from it unseen.
#[test]
fn a_lone_validator_crashes_between_a_block_and_its_publication() {
    let config = WorldConfig::smooth("a_lone_validator_crashes");
    let alone = |fault: Option<Fault>| {
        let (mut world, chain, processes) = world(Seed(4), config.clone(), 1);
        fault.into_iter().for_each(|fault| world.plan(Fault { processes: processes.clone(), ..fault }));
        drive(&mut world, chain, Height(HEIGHTS));
        world
    };
    let mut made_up_for = 0;
    for at_effect in 0..alone(None).effects() {
        let restart_after_ms = Some(50);
        let fault = Fault { at_effect, processes: Vec::new(), tail: Tail::Kept, restart_after_ms, wipe: false };
        made_up_for += alone(Some(fault)).published_late();
    }
    assert!(made_up_for > 0, "no crash met the gap");
}

/// Whoever reads it: opening, admission, execution or a peer's question. The error is fatal for the process, never an
/// absent key, and nothing is lost.
#[test]
fn a_read_that_fails_stops_its_process_and_the_chain_goes_on() {
    for after in [0, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233] {
        let (mut world, chain, processes) = start(Seed(6), WorldConfig::smooth("a_read_that_fails"));
        let (id, victim) = (world.chain_id(chain), processes[1]);
        drive(&mut world, chain, Height(2));
        world.fail_reads(victim, Some(after));
        let stops = (0..1_000).any(|number| {
            world.submit(chain, transaction(id, 10_000 + number));
            world.run_for(60).unwrap_or_else(|failure| panic!("{failure}"));
            !world.is_up(victim)
        });
        assert!(stops, "no read failed, {after} of them were answered");
        world.restart(victim);
        world.run_for(100).unwrap_or_else(|failure| panic!("{failure}"));
        assert!(!world.is_up(victim), "it opened its store on a disk that answers nothing");
        let others = world.best_height(chain);
        world.fail_reads(victim, None);
        world.restart(victim);
        drive(&mut world, chain, others.saturating_add(2));
    }
}

/// The checks are not blind: with disks that lie about barriers, a power cut makes validators sign twice or lose
/// what they published, and it is seen.
#[test]
fn disks_that_lie_are_found_out() {
    let config =
        WorldConfig { disks_lie: true, halts_fail: false, ..WorldConfig::smooth("disks_that_lie_are_found_out") };
    let length = length(Seed(5), &config);
    let mut found = std::collections::BTreeSet::new();
    for at_effect in (0..length).step_by(9) {
        let (mut world, chain, processes) = start(Seed(5), config.clone());
        world.plan(Fault { at_effect, processes, tail: Tail::Lost, restart_after_ms: Some(100), wipe: false });
        let id = world.chain_id(chain);
        for number in 0..20 {
            world.submit(chain, transaction(id, 1_000 + number));
            if let Err(failure) = world.run_for(100) {
                found.insert(failure.property);
                break;
            }
        }
    }
    assert!(found.contains("one signature per height, round and type"), "found only {found:?}");
    assert!(found.contains("agreement") || found.contains("monotone counters"), "found only {found:?}");
}

#[test]
fn crashes_on_a_lossy_network() {
    for seed in seeds(3) {
        let victims = [4, 1, 2][usize::try_from(seed.0 % 3).unwrap()];
        crash_everywhere(seed, &WorldConfig::lossy("crashes_on_a_lossy_network"), victims, 29, true);
    }
}
