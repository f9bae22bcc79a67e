//! Bug classes of replicas, by their numbers in `docs/bug-classes-protocol.md`: double proposals, hidden locks, leaders
//! that die in the middle of a commit, reads that go back. R5 stands in `crashes.rs`.

use crate::toy::{transaction, validator_key, world};
use chain_state::{BlockState, Place};
use ledger_protocol::codec::{BoundedBytes, Text, encode};
use ledger_protocol::{Hash, Height, LedgerId, Suite};
use simulator::{
    ChainIndex, Contradiction, Fact, Observation, ProcessId, Property, Random, Tail, World, WorldConfig, seeds,
};
use std::collections::BTreeMap;

fn ok<T>(result: Result<T, Box<simulator::Failure>>) -> T {
    result.unwrap_or_else(|failure| panic!("{failure}"))
}

/// Two processes are one validator, by all their keys, and do not know of each other: it proposes and votes both ways.
#[test]
fn bug_r06_a_validator_that_proposes_and_votes_twice_harms_nobody_and_is_reported() {
    let mut accused = 0;
    for seed in seeds(6) {
        let name = "bug_r06_a_validator_that_proposes_and_votes_twice_harms_nobody_and_is_reported";
        let config = WorldConfig { halts_fail: false, ..WorldConfig::smooth(name) };
        let (mut world, chain, processes) = world(seed, config, 4);
        let key = validator_key(Suite::Standard, 0);
        let twin = world.add_twin(processes[0]);
        world.add_seat(twin, chain, Some(key.clone()));
        let honest = &processes[1..];
        let id = world.chain_id(chain);
        let mut number = 0;
        for _ in 0..60 {
            // Each of the two knows transactions that the other does not, so their blocks differ.
            for process in [twin, processes[0], honest[0]] {
                number += 1;
                world.submit_to(process, chain, transaction(id, number));
            }
            ok(world.run_for(150));
        }
        let reached = world.best_height(chain);
        let target = reached.saturating_add(10);
        assert!(reached >= Height(15), "seed {seed}: stopped at {reached}");
        for _ in 0..200 {
            number += 1;
            world.submit_to(honest[0], chain, transaction(id, number));
            ok(world.run_for(150));
            if honest.iter().all(|process| world.height(*process, chain) >= Some(target)) {
                break;
            }
        }
        for process in honest {
            assert_eq!(world.halt(*process, chain), None, "seed {seed}: an honest replica halted");
            assert!(world.height(*process, chain) >= Some(target), "seed {seed}: an honest replica is stuck");
        }
        accused += world.accusations(chain, &key.address());
        for process in honest {
            for evidence in world.evidence(*process, chain) {
                let verified = evidence.verify(&id, &world.genesis(chain).validators).unwrap();
                assert_eq!(verified.validator, key.address(), "seed {seed}: an honest validator is convicted");
            }
        }
        for honest in 1..4 {
            let address = validator_key(Suite::Standard, honest).address();
            assert_eq!(world.accusations(chain, &address), 0, "seed {seed}: an honest validator is accused");
        }
    }
    assert!(accused > 0, "nobody noticed");
}

/// Cuts come and go while rounds are under way, so that single validators lock what others never hear of, and
/// restart with it; when the network is whole again, the chain goes on within a few rounds.
#[test]
fn bug_r07_hidden_locks_and_restarts_do_not_stop_a_chain_that_is_whole_again() {
    for seed in seeds(10) {
        let name = "bug_r07_hidden_locks_and_restarts_do_not_stop_a_chain_that_is_whole_again";
        let (mut world, chain, processes) = world(seed, WorldConfig::smooth(name), 4);
        let id = world.chain_id(chain);
        let mut random = Random::new(seed, 77);
        let mut number = 0;
        for _ in 0..40 {
            number += 1;
            world.submit(chain, transaction(id, number));
            let side = 1 + random.below(14);
            let (one, other): (Vec<ProcessId>, Vec<ProcessId>) =
                processes.iter().partition(|process| side >> process.0 & 1 == 1);
            world.partition(&one, &other);
            // One-way cuts too: who is heard by all and hears nobody.
            let deaf = processes[usize::try_from(random.below(4)).unwrap()];
            for process in processes.iter().filter(|process| **process != deaf) {
                if random.chance(300) {
                    world.cut(*process, deaf);
                }
            }
            ok(world.run_for(random.within((10, 700))));
            if random.chance(250) {
                let victim = processes[usize::try_from(random.below(4)).unwrap()];
                world.crash(victim, Tail::Lost);
                ok(world.run_for(random.within((5, 80))));
                world.restart(victim);
            }
            world.heal();
            ok(world.run_for(random.within((1, 60))));
        }
        world.heal();
        let target = world.best_height(chain).saturating_add(3);
        let started_ms = world.now_ms();
        while world.least_height(chain) < Some(target) {
            number += 1;
            world.submit(chain, transaction(id, number));
            ok(world.run_for(200));
            let waited_ms = world.now_ms() - started_ms;
            assert!(waited_ms < 30_000, "seed {seed}: no three blocks within {waited_ms} ms of a whole network");
        }
    }
}

/// The first to publish a height dies at once, with what was not synced; the others suspect it, change rounds, and it
/// comes back into the middle of that. Rows and roots are compared at every height by the property `agreement`.
#[test]
fn bug_r08_whoever_commits_first_dies_and_comes_back_with_the_same_ledger() {
    for seed in seeds(4) {
        let name = "bug_r08_whoever_commits_first_dies_and_comes_back_with_the_same_ledger";
        let (mut world, chain, processes) = world(seed, WorldConfig::lossy(name), 4);
        let id = world.chain_id(chain);
        let mut random = Random::new(seed, 78);
        let mut number = 0;
        for round in 0..25u64 {
            let next = world.best_height(chain).saturating_add(1);
            for _ in 0..3 {
                number += 1;
                world.submit(chain, transaction(id, number));
            }
            // A network that loses every eighth message may need many rounds for one height.
            ok(world.run_until(|world| world.best_height(chain) >= next, 240_000));
            let first = processes.iter().find(|process| world.height(**process, chain) >= Some(next)).copied();
            let Some(first) = first else { continue };
            let tail = [Tail::Lost, Tail::Half, Tail::Kept][usize::try_from(round % 3).unwrap()];
            world.crash(first, tail);
            // Long enough to be suspected every other time.
            ok(world.run_for(random.within((20, 4_000))));
            world.restart(first);
        }
        let target = world.best_height(chain).saturating_add(2);
        let back_ms = world.now_ms();
        while world.least_height(chain) < Some(target) {
            number += 1;
            world.submit(chain, transaction(id, number));
            ok(world.run_for(200));
            assert!(world.now_ms() - back_ms < 240_000, "seed {seed}: somebody could not come back");
        }
        let common = world.least_height(chain).unwrap();
        let roots: Vec<Hash> = processes
            .iter()
            .map(|process| {
                let store = world.store(*process, chain).unwrap();
                let header = chain_engine::ChainReader::new(store, Suite::Standard).header(common).unwrap().unwrap();
                header.ledgers.root
            })
            .collect();
        assert!(roots.iter().all(|root| *root == roots[0]), "seed {seed}: {roots:?}");
    }
}

/// What every replica shows of every key, block by block.
#[derive(Debug, Default)]
struct Reads {
    shown: BTreeMap<(ProcessId, u64), u64>,
    /// What the key was at that height, whoever is asked.
    at: BTreeMap<(Height, u64), (u64, Vec<u8>)>,
    reads: u64,
}

impl Property for Reads {
    fn name(&self) -> &'static str {
        "reads go forward and agree"
    }

    fn report(&self) -> String {
        format!("{} reads", self.reads)
    }

    fn observe(&mut self, observation: &Observation<'_>) -> Result<(), Contradiction> {
        let (height, is_restart) = match observation.fact {
            Fact::Published { block, .. } => (block.header.height, false),
            Fact::Opened { height, .. } => (*height, true),
            _ => return Ok(()),
        };
        let state = BlockState::open(observation.store, Suite::Standard, height).unwrap();
        for key in 0..50u64 {
            let bytes = BoundedBytes::new(key.to_be_bytes().to_vec()).unwrap();
            let place = Place::new(LedgerId(1), &Text::new("toys").unwrap(), &bytes);
            let Some(value) = state.live(&place).unwrap() else { continue };
            self.reads += 1;
            let version = value.version.0;
            let before = self.shown.insert((observation.process, key), version).unwrap_or(0);
            if version < before {
                return Err(Contradiction::new(
                    format!("{} showed version {before} of key {key}", observation.process),
                    format!("at height {height} it shows version {version} (after a restart: {is_restart})"),
                ));
            }
            let now = (version, encode(&value));
            let first = self.at.entry((height, key)).or_insert_with(|| now.clone());
            if *first != now {
                return Err(Contradiction::new(
                    format!("key {key} has version {} at height {height}", first.0),
                    format!("{} shows version {version} of it there", observation.process),
                ));
            }
        }
        Ok(())
    }
}

fn final_at(world: &World, chain: ChainIndex, process: ProcessId, number: u64) -> bool {
    let Some(store) = world.store(process, chain) else { return false };
    let ledger_protocol::chain::Input::Transaction(it) = transaction(world.chain_id(chain), number) else {
        return false;
    };
    let reader = chain_engine::ChainReader::new(store, Suite::Standard);
    reader.input_place(&it.id().0).ok().flatten().is_some()
}

/// R11 at the engine: no replica ever shows an older value than it has shown, crashes or not, all show the same at one
/// height, and a write that one shows as final is never lost.
#[test]
fn bug_r11_no_read_goes_back_and_no_final_write_is_lost() {
    let mut seen = 0;
    for seed in seeds(3) {
        let name = "bug_r11_no_read_goes_back_and_no_final_write_is_lost";
        let (mut world, chain, processes) = world(seed, WorldConfig::lossy(name), 4);
        world.add_property(Box::new(Reads::default()));
        let id = world.chain_id(chain);
        let mut random = Random::new(seed, 79);
        let mut seen_final = Vec::new();
        for number in 0..60u64 {
            world.submit(chain, transaction(id, number));
            ok(world.run_for(random.within((20, 300))));
            let reader = processes[usize::try_from(random.below(4)).unwrap()];
            seen_final.extend((0..=number).filter(|it| world.is_up(reader) && final_at(&world, chain, reader, *it)));
            if random.chance(100) {
                let victim = processes[usize::try_from(random.below(4)).unwrap()];
                world.crash(victim, [Tail::Lost, Tail::Half][usize::try_from(random.below(2)).unwrap()]);
                ok(world.run_for(random.within((5, 500))));
                world.restart(victim);
                ok(world.run_for(2_000));
            }
        }
        seen_final.sort_unstable();
        seen_final.dedup();
        seen += seen_final.len();
        let target = world.best_height(chain).saturating_add(2);
        let mut number = 1_000;
        while world.least_height(chain) < Some(target) {
            number += 1;
            world.submit(chain, transaction(id, number));
            ok(world.run_for(200));
            assert!(world.now_ms() < 400_000, "seed {seed}");
        }
        for number in seen_final {
            for process in &processes {
                assert!(final_at(&world, chain, *process, number), "seed {seed}: {process} lost {number}");
            }
        }
    }
    assert!(seen > 20, "only {seen} writes were seen final while others were under way");
}
