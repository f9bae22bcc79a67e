//! Where processes stand that were there first, and those that join.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use super::*;
use crate::fixture::{NetworkPlan, SubchainPlan};
use crate::random::Seed;
use crate::world::WorldConfig;
use ledger_protocol::Suite;

fn network() -> (World, Network) {
    let mut world = World::new(Seed(1), WorldConfig::smooth("links"));
    let network = Network::build(&mut world, &NetworkPlan::new(vec![SubchainPlan::new("amber", Suite::Standard)]));
    (world, network)
}

#[test]
fn who_joins_stands_somewhere_and_has_a_network_as_bad_as_all() {
    let (mut world, network) = network();
    let mut links = Links::new(&mut world, &network, Latency::ThreeContinents);
    let rough = NetworkConfig { loss_per_mille: 30, ..NetworkConfig::smooth() };
    links.roughen(&mut world, rough);
    let amber = Member::Subchain(0);
    let seats = network.enlist(&mut world, amber, "late", 2);
    links.update(&mut world, &network);
    let first = &network.subchains[0].processes;
    // Seats 0 to 3 stand on continents 0, 1, 2 and 0; those who join on 1 and 2.
    let far = NetworkConfig { latency_ms: (40, 130), ..rough };
    for (newcomer, place) in [(seats[0].0, 1), (seats[1].0, 2)] {
        for (number, other) in first.iter().enumerate() {
            let expected = if number % 3 == place { rough } else { far };
            assert_eq!(world.link_config(newcomer, *other), expected, "to seat {number}");
            assert_eq!(world.link_config(*other, newcomer), expected, "from seat {number}");
        }
    }
}

#[test]
fn within_a_region_who_joins_is_near_its_chain() {
    let (mut world, network) = network();
    let mut links = Links::new(&mut world, &network, Latency::Region);
    let newcomer = network.enlist(&mut world, Member::Subchain(0), "late", 1)[0].0;
    links.update(&mut world, &network);
    assert_eq!(world.link_config(newcomer, network.subchains[0].processes[1]).latency_ms, (2, 5));
    assert_eq!(world.link_config(newcomer, network.relay_processes[1]), world.network_config());
}
