//! What the books must not hide.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::{Amounts, Books, forked_are_frozen};
use crate::fixture::{LegDraft, Member, Network};
use crate::random::Seed;
use crate::scenario::Scenario;
use crate::trial::chronicle::Fates;
use crate::world::World;

/// A committed transfer that neither chain carried out leaves the sum as it was.
#[test]
fn two_opposite_errors_do_not_make_one_another_good() {
    let text = "length_ms = 1_000\n[network]\nsubchains = 2\n[workload]\nproposals_per_s = 0\n";
    let scenario = Scenario::parse(text).unwrap();
    let mut world = World::new(Seed(1), scenario.world("two_opposite_errors_do_not_make_one_another_good"));
    let mut network = Network::build(&mut world, &scenario.plan(&[]));
    network.register(&mut world).unwrap();
    let legs = [(0, LegDraft::default()), (1, LegDraft::default())];
    let valid_until = network.relay_height(&world);
    let (id, _) = network.draft_until(&world, &legs, 100, valid_until);
    let mut fates = Fates::default();
    let check = |amounts: &Amounts, fates: &Fates| Books { amounts, fates }.check(&world, &network, &scenario);
    let amounts = Amounts::from([(id, vec![(0, -5), (1, 5)])]);
    check(&amounts, &fates).expect("nothing was committed");
    fates.committed.insert(id);
    let (broken, facts) = check(&amounts, &fates).expect_err("nothing moved");
    assert_eq!(broken, "conservation");
    assert!(facts.first.contains("995"), "{facts:?}");
}

#[test]
fn a_chain_that_was_seen_to_fork_and_is_not_frozen_is_found() {
    let text = "length_ms = 1_000\n[network]\nsubchains = 2\nvalidators = 1\n[workload]\nproposals_per_s = 0\n";
    let scenario = Scenario::parse(text).unwrap();
    let mut world = World::new(Seed(1), scenario.world("seen to fork"));
    let mut network = Network::build(&mut world, &scenario.plan(&[]));
    network.register(&mut world).unwrap();
    forked_are_frozen(&world, &network).expect("nobody was seen to fork");
    world.note_reported(network.index(Member::Subchain(1)));
    let (broken, facts) = forked_are_frozen(&world, &network).expect_err("the relay has frozen nobody");
    assert_eq!(broken, "A6 who is seen to fork is frozen");
    assert!(facts.second.contains("Active"), "{facts:?}");
}
