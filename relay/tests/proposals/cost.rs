//! What a proposal costs the relay, in CPU time of executing its blocks: to compare one version with another.
//!
//! `cargo nextest run --cargo-profile ci -p relay --run-ignored only --no-capture cost`
// A measurement needs a clock, and says what it found.
#![allow(clippy::disallowed_types, clippy::disallowed_methods, clippy::print_stdout)]

use super::fixture::*;
use super::world::*;
use ledger_protocol::proposal::LegMode;
use ledger_protocol::system::ProposalState;
use std::time::{Duration, Instant};

const PER_BLOCK: usize = 64;
const BLOCKS: usize = 24;

#[test]
#[ignore = "a measurement, 20 s"]
fn cost_of_a_proposal_over_two_chains() {
    let mut world = World::new(2);
    let mut spent = Duration::ZERO;
    let mut ids = Vec::new();
    let mut timed = |world: &mut World, from: &[usize], clients: Vec<_>| {
        let mut inputs: Vec<_> = from.iter().filter_map(|index| world.news(*index)).collect();
        inputs.extend(clients);
        let begun = Instant::now();
        world.relay.try_block(&inputs).unwrap();
        spent += begun.elapsed();
        world.relay.block(inputs);
    };
    for block in 0..BLOCKS + 70 {
        let clients = (0..if block < BLOCKS { PER_BLOCK } else { 0 }).map(|number| {
            let own = format!("k{block}-{number}");
            let legs = vec![
                leg(world.id(0), LegMode::Write, vec![exclusive(&own), delta("c0", 0)], Vec::new()),
                leg(world.id(1), LegMode::Write, vec![exclusive(&own), delta("c1", 0)], Vec::new()),
            ];
            let submit = world.proposal_for(60, 50, legs);
            ids.push(submit.body.id());
            world.submit_input(&submit)
        });
        let clients = clients.collect();
        world.step(0);
        world.step(1);
        timed(&mut world, &[0, 1], clients);
        if block + 1 == BLOCKS + 9 {
            assert!(ids.iter().rev().take(PER_BLOCK).all(|id| world.state(id) == ProposalState::Committed));
        }
    }
    assert!(ids.iter().all(|id| world.record(id).is_none()), "pruned");
    println!("{} us of the relay's CPU per proposal", spent.as_micros() / ids.len() as u128);
}
