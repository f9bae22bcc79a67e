//! What a world sees where nobody but its own tests can look: signatures across lives, holds, excuses, couriers' stores.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use super::*;
use crate::actors::Role;
use crate::fixture::{Network, NetworkPlan, SubchainPlan};
use crate::scenario::ActorKind;
use crate::signer::SignedKind;
use bridge_courier::driver::CourierMessage;
use chain_engine::ChainReader;
use chain_state::{StoreReader, WriteBatch};
use ledger_protocol::chain::CertificateKind;
use ledger_protocol::transaction::{AddToCounter, Operation, StateKey};
use ledger_protocol::{AccountName, Suite};
use std::cell::RefCell;
use std::rc::Rc;

fn network(config: WorldConfig) -> (World, Network) {
    let mut world = World::new(Seed(1), config);
    let network = Network::build(&mut world, &NetworkPlan::new(vec![SubchainPlan::new("amber", Suite::Standard)]));
    (world, network)
}

fn role(world: &World, kind: ActorKind, process: ProcessId, chain: ChainIndex, from_ms: u64) -> Role {
    Role {
        kind,
        process,
        chain,
        id: world.chain_id(chain),
        certified_by: CertificateKind::Bft,
        keys: world.seat_key(process, chain).into_iter().collect(),
        ways: kind.ways().to_vec(),
        from_ms,
        until_ms: u64::MAX,
        chance_per_mille: 0,
        last_vote: None,
        mood: None,
        held: Vec::new(),
    }
}

/// Work for amber's next block.
fn deposit(world: &mut World, network: &mut Network) {
    let (account, key) = (AccountName::new("money").unwrap(), StateKey::new(b"balance".to_vec()).unwrap());
    network.local(world, 0, vec![Operation::AddToCounter(AddToCounter { account, key, amount: 1 })]);
}

/// Nobody trusts couriers, but the validator beside one is honest and held to its word: with disks that lie it signs
/// twice, and that is seen although its process plays a role.
#[test]
fn the_validator_beside_a_dishonest_courier_is_held_to_what_it_signs() {
    let found = (0..40).any(|number| {
        let name = "the_validator_beside_a_dishonest_courier_is_held_to_what_it_signs";
        let config = WorldConfig { disks_lie: true, halts_fail: false, ..WorldConfig::smooth(name) };
        let (mut world, mut network) = network(config);
        let amber = network.subchains[0].index;
        let processes = network.subchains[0].processes.clone();
        for process in &processes {
            let role = role(&world, ActorKind::DishonestCourier, *process, amber, 0);
            world.cast(role);
        }
        let at_effect = 200 + 31 * number;
        world.plan(Fault { at_effect, processes, tail: Tail::Lost, restart_after_ms: Some(100), wipe: false });
        let failed = (0..60).find_map(|_| {
            deposit(&mut world, &mut network);
            world.run_for(60).err()
        });
        failed.is_some_and(|failure| failure.property.starts_with("one signature"))
    });
    assert!(found, "no validator was seen to sign twice");
}

/// Precommits that were seen to leave, and the least number of signers whose precommit was, over all certificates.
#[derive(Debug, Default)]
struct Precommits {
    left: BTreeSet<(ProcessId, ChainIndex, Height)>,
    unseen: Vec<(ChainIndex, Height, usize)>,
}

struct Watch(Rc<RefCell<Precommits>>);

impl Property for Watch {
    fn name(&self) -> &'static str {
        "watch"
    }

    fn report(&self) -> String {
        String::new()
    }

    fn observe(&mut self, observation: &Observation<'_>) -> Result<(), Contradiction> {
        let mut here = self.0.borrow_mut();
        match observation.fact {
            Fact::SignatureLeft(message) if message.place.2 == SignedKind::Precommit => {
                here.left.insert((observation.process, observation.index, message.place.0));
            }
            Fact::Published { block, is_first: true } => {
                let height = block.header.height;
                let signers = block.certificate.signers.signers(4).unwrap().len();
                let left = here.left.iter().filter(|(_, chain, at)| (*chain, *at) == (observation.index, height));
                let left = left.count();
                // Who made the certificate counted its own precommit before it left.
                if left + 1 < signers {
                    here.unseen.push((observation.index, height, signers - left));
                }
            }
            _ => {}
        }
        Ok(())
    }
}

/// All die with their precommits in their logs and not yet sent. What they send when they are back stands there from
/// their first life, and binds them.
#[test]
fn a_signature_that_a_log_gives_back_is_seen_to_leave() {
    for at_effect in (200..1_000).step_by(5) {
        let (mut world, mut network) =
            network(WorldConfig::smooth("a_signature_that_a_log_gives_back_is_seen_to_leave"));
        let seen = Rc::new(RefCell::new(Precommits::default()));
        world.add_property(Box::new(Watch(Rc::clone(&seen))));
        let processes = network.subchains[0].processes.clone();
        world.plan(Fault { at_effect, processes, tail: Tail::Kept, restart_after_ms: Some(20), wipe: false });
        while world.effects() < at_effect + 400 {
            deposit(&mut world, &mut network);
            world.run_for(60).unwrap_or_else(|failure| panic!("{failure}"));
        }
        let seen = seen.borrow();
        assert!(seen.unseen.is_empty(), "effect {at_effect}: precommits of a certificate left unseen: {seen:?}");
    }
}

/// Who only keeps things back, repeats or garbles them has a replica that nobody lied to; and nobody has lied before its
/// role begins.
#[test]
fn a_halt_is_excused_where_the_replica_itself_was_made_to_lie_and_counts_as_a_misdeed() {
    let halts = |kind: ActorKind, from_ms: u64| {
        let (mut world, network) = network(WorldConfig::smooth("halts"));
        let (amber, process) = (network.subchains[0].index, network.subchains[0].processes[0]);
        world.blame().seat(process, amber);
        let role = role(&world, kind, process, amber, from_ms);
        world.cast(role);
        world.run_for(1_000).unwrap_or_else(|failure| panic!("{failure}"));
        world.halted(process, amber, "it was made to");
        let outcome = world.run_for(5_000).map(|()| world.is_up(process));
        (outcome.map_err(|failure| failure.property), world.misdeeds().clone())
    };
    for kind in ActorKind::ALL {
        let lies = matches!(
            kind,
            ActorKind::EquivocatingProposer | ActorKind::DoubleVoter | ActorKind::Amnesiac | ActorKind::BadSubchain
        );
        let (outcome, misdeeds) = halts(kind, 0);
        let counted = misdeeds.get(&format!("{}: halted", kind.name())).copied().unwrap_or(0);
        if lies {
            assert_eq!((outcome, counted), (Ok(true), 1), "{kind:?}");
        } else {
            assert_eq!((outcome, counted), (Err("no replica halts"), 0), "{kind:?}");
        }
        assert_eq!(halts(kind, 1_001).0, Err("no replica halts"), "{kind:?} before it begins");
    }
}

/// What a courier or a server reads is its own store's: a row that cannot be read is a mistake of the code, and no
/// reason to go on in silence.
#[test]
fn a_courier_or_server_that_cannot_read_its_store_breaks_the_run() {
    for of_relay in [true, false] {
        let config = WorldConfig { halts_fail: false, ..WorldConfig::smooth("a_courier_that_cannot_read") };
        let (mut world, mut network) = network(config);
        network.register(&mut world).unwrap_or_else(|failure| panic!("{failure}"));
        // They would find the damage first.
        world.keep_properties(|_| false);
        let amber = network.subchains[0].index;
        let (chain, process) = if of_relay {
            (network.relay, network.relay_processes[0])
        } else {
            (amber, network.subchains[0].processes[0])
        };
        let reader = ChainReader::new(world.store(process, chain).unwrap(), Suite::Standard);
        let block = Arc::new(reader.published(world.height(process, chain).unwrap()).unwrap().unwrap());
        let disk = &mut world.processes[process.0].disk;
        let rows = disk.store(chain).unwrap().scan(&[], &[0xff; 64], usize::MAX).unwrap();
        let mut batch = WriteBatch::default();
        rows.into_iter().for_each(|(key, _)| batch.put(key, vec![0xff]));
        let point = disk.commit(chain, batch, Height(1));
        disk.synced(point);
        if of_relay {
            let asks = CourierMessage::AskStatus { source: world.chain_id(amber) }.bytes();
            world.ask_servers(network.subchains[0].processes[0], amber, &asks.into());
        } else {
            world.courier_published(process, chain, &block);
        }
        let failed = world.run_for(1_000);
        assert_eq!(failed.map_err(|failure| failure.property), Err("no courier fails"), "of the relay: {of_relay}");
    }
}

/// Whoever runs the world, by a condition or for a span: a moment that does not end breaks the run, and hangs nothing.
#[test]
fn a_world_in_which_no_time_passes_stops_and_says_so() {
    let stuck = || {
        let mut world = World::new(Seed(1), WorldConfig::smooth("no time passes"));
        for _ in 0..run::MAX_EVENTS_AT_ONCE + 10 {
            // Of a role that nobody plays: it does nothing.
            world.schedule(1, Happening::Act(usize::MAX));
        }
        world
    };
    let (mut for_a_span, mut until) = (stuck(), stuck());
    let failures = [for_a_span.run_for(10).unwrap_err(), until.run_until(|_| false, 10).unwrap_err()];
    assert!(failures.iter().all(|failure| failure.property == "time passes" && failure.at_ms == 1), "{failures:?}");
    let mut passes = World::new(Seed(1), WorldConfig::smooth("time passes"));
    for after_ms in 0..2 * run::MAX_EVENTS_AT_ONCE {
        passes.schedule(after_ms % 1_000, Happening::Act(usize::MAX));
    }
    passes.run_for(2_000).unwrap();
}
