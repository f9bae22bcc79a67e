//! A chain whose disks go back to a backup: another branch grows, and what is excused ends with what was lost.

use crate::toy::{transaction, world};
use ledger_protocol::Height;
use simulator::{ChainIndex, ProcessId, World, WorldConfig, seeds};

const WITHIN_MS: u64 = 300_000;

fn grow(world: &mut World, chain: ChainIndex, number: &mut u64, to: Height) {
    let id = world.chain_id(chain);
    while world.least_height(chain) < Some(to) {
        *number += 1;
        world.submit(chain, transaction(id, *number));
        world.run_for(60).unwrap_or_else(|failure| panic!("{failure}"));
        assert!(world.now_ms() < WITHIN_MS, "stuck at {:?}", world.least_height(chain));
    }
}

fn come_back(world: &mut World, processes: &[ProcessId]) {
    world.run_for(100).unwrap_or_else(|failure| panic!("{failure}"));
    processes.iter().for_each(|process| world.restart(*process));
}

#[test]
fn a_restored_chain_grows_another_branch_and_keeps_what_it_had() {
    for seed in seeds(10) {
        let (mut world, chain, processes) = world(seed, WorldConfig::lossy("restored"), 4);
        let mut number = 0;
        grow(&mut world, chain, &mut number, Height(5));
        let backup = world.back_up(chain);
        let at_backup = world.best_height(chain);
        grow(&mut world, chain, &mut number, Height(12));
        let before = world.best_height(chain);
        assert!(world.restore_backup(backup));
        assert!(!world.restore_backup(backup), "it is good for one time");
        assert!(world.best_height(chain) >= at_backup && world.best_height(chain) < before);
        come_back(&mut world, &processes);
        grow(&mut world, chain, &mut number, before.saturating_add(3));
        let (common, last) = world.parted(chain).unwrap();
        assert_eq!(last, before);
        // A height that was under way may have been decided alike.
        assert!(common >= at_backup && common <= at_backup.saturating_add(1), "{common} of {at_backup}");
        assert_eq!(world.lost_branches(chain).len(), 1);
    }
}

#[test]
fn a_backup_from_before_another_restoration_is_void() {
    let seed = seeds(1)[0];
    let (mut world, chain, processes) = world(seed, WorldConfig::smooth("restored twice"), 4);
    let mut number = 0;
    grow(&mut world, chain, &mut number, Height(4));
    let [first, second] = [world.back_up(chain), world.back_up(chain)];
    grow(&mut world, chain, &mut number, Height(8));
    assert!(world.restore_backup(first));
    come_back(&mut world, &processes);
    grow(&mut world, chain, &mut number, Height(10));
    assert!(!world.restore_backup(second));
    assert!(processes.iter().all(|process| world.is_up(*process)), "nothing happens");
}

/// The properties know of the restoration, and what it kept is as binding as ever.
#[test]
fn kept_blocks_are_excused_by_nothing() {
    let seed = seeds(1)[0];
    let (mut world, chain, processes) = world(seed, WorldConfig::smooth("restored"), 4);
    let mut number = 0;
    grow(&mut world, chain, &mut number, Height(4));
    let backup = world.back_up(chain);
    grow(&mut world, chain, &mut number, Height(8));
    assert!(world.restore_backup(backup));
    for process in &processes {
        world.wipe(*process);
    }
    come_back(&mut world, &processes);
    let id = world.chain_id(chain);
    let failed = (0..200).find_map(|more| {
        world.submit(chain, transaction(id, 1_000 + more));
        world.run_for(100).err()
    });
    let failure = failed.expect("all disks are empty: the kept blocks are lost, and nobody excuses that");
    assert!(["agreement", "monotone counters"].contains(&failure.property), "{failure}");
}
