//! What a replica that accepted an input owes its client.

use crate::toy::{transaction, world};
use ledger_protocol::Height;
use simulator::{Tail, WorldConfig, seeds};

/// An accepted input is owed until a block of its replica holds it; what a dead process accepted is owed by nobody.
#[test]
fn what_is_accepted_is_owed_until_it_is_final_or_its_pool_is_lost() {
    for seed in seeds(3) {
        let name = "what_is_accepted_is_owed_until_it_is_final_or_its_pool_is_lost";
        let (mut world, chain, processes) = world(seed, WorldConfig::smooth(name), 4);
        let id = world.chain_id(chain);
        world.submit_to(processes[0], chain, transaction(id, 1));
        world.run_until(|world| world.best_height(chain) >= Height(1), 60_000).unwrap();
        world.run_for(2_000).unwrap();
        assert_eq!((world.owed(), world.accepted_of_clients()), (Vec::new(), (1, 0)), "seed {seed}");
        // Alone among dead validators nothing becomes final.
        processes[1..].iter().for_each(|process| world.crash(*process, Tail::Kept));
        world.submit_to(processes[0], chain, transaction(id, 2));
        world.run_for(20_000).unwrap();
        let owed = world.owed();
        assert_eq!(owed.len(), 1, "seed {seed}: {owed:?}");
        assert_eq!((owed[0].process, owed[0].chain), (processes[0], chain));
        world.crash(processes[0], Tail::Kept);
        assert_eq!(world.owed(), Vec::new(), "seed {seed}");
    }
}
