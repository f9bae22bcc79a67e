//! A real day: 838 departures, each a proposal of its carrier and its airport, over 17 subchains.

use crate::proposals::ok;
use ledger_protocol::Suite;
use ledger_protocol::system::ProposalState;
use simulator::fixture::{LegDraft, Network, NetworkPlan, SubchainPlan};
use simulator::{Seed, World, WorldConfig};
use std::collections::BTreeMap;

struct Flight {
    carrier: String,
    airport: String,
    key: String,
    value: String,
}

fn flights() -> Vec<Flight> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/flights/2013-01-01.csv");
    let text = std::fs::read_to_string(path).expect("the sample data is part of the project");
    let mut flights = Vec::new();
    for (row, line) in text.lines().enumerate().skip(1) {
        let fields: Vec<&str> = line.split(',').collect();
        if fields[3] == "NA" {
            continue;
        }
        flights.push(Flight {
            carrier: fields[9].to_owned(),
            airport: fields[12].to_owned(),
            key: format!("{}/{}/{row}", fields[9], fields[10]),
            value: format!("{} to {} at {}", fields[12], fields[13], fields[3]),
        });
    }
    flights
}

#[test]
fn a_day_of_flights_over_seventeen_subchains() {
    let flights = flights();
    assert_eq!(flights.len(), 838);
    let mut names: Vec<String> = flights.iter().map(|flight| flight.carrier.clone()).collect();
    names.extend(flights.iter().map(|flight| flight.airport.clone()));
    names.sort();
    names.dedup();
    let mut world = World::new(Seed(1), WorldConfig::smooth("a_day_of_flights_over_seventeen_subchains"));
    let plan = NetworkPlan::new(
        names
            .iter()
            .map(|name| SubchainPlan {
                counters: vec![("landing".into(), 0, 1_000_000, 100_000), ("income".into(), 0, 1_000_000, 0)],
                ..SubchainPlan::new(name, Suite::Standard)
            })
            .collect(),
    );
    let position: BTreeMap<&str, usize> =
        names.iter().enumerate().map(|(place, name)| (name.as_str(), place)).collect();
    assert_eq!(names.len(), 17, "{names:?}");
    let mut network = Network::build(&mut world, &plan);
    ok(network.register(&mut world));
    let mut ids = Vec::new();
    for chunk in flights.chunks(40) {
        for flight in chunk {
            let record = || vec![(flight.key.clone(), flight.value.clone())];
            let leg = |deltas| LegDraft { writes: record(), deltas, ..LegDraft::default() };
            let carrier = leg(vec![("landing".into(), -100)]);
            let airport = leg(vec![("income".into(), 100)]);
            let legs = [(position[flight.carrier.as_str()], carrier), (position[flight.airport.as_str()], airport)];
            ids.push(network.propose(&mut world, &legs, 200));
        }
        ok(world.run_for(400));
    }
    let mut left = ids.clone();
    for _ in 0..600 {
        ok(world.run_for(500));
        left.retain(|id| !network.is_over(&world, id));
        if left.is_empty() {
            break;
        }
    }
    assert!(left.is_empty(), "{} proposals are not over after {} ms", left.len(), world.now_ms());
    ok(world.run_for(2_000));
    ok(world.check_at_rest());
    let committed =
        ids.iter().filter(|id| network.proposal(&world, id).is_some_and(|it| it.state == ProposalState::Committed));
    assert_eq!(committed.count(), 838);
    let seen = world.reports();
    let expected = "A1 to A5 of the proposal protocol: 838 committed, 0 aborted, 0 rejected, 0 open, 1676 legs";
    assert!(seen.iter().any(|line| line == expected), "{seen:#?}");
    let landing: i64 = (0..17).map(|place| network.counter(&world, place, "landing").unwrap()).sum();
    let income: i64 = (0..17).map(|place| network.counter(&world, place, "income").unwrap()).sum();
    assert_eq!((landing, income), (17 * 100_000 - 838 * 100, 838 * 100));
    for flight in &flights {
        for side in [&flight.carrier, &flight.airport] {
            assert_eq!(
                network.text(&world, position[side.as_str()], &flight.key).as_deref(),
                Some(flight.value.as_str())
            );
        }
    }
}
