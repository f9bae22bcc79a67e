//! Chains of one and four validators: progress, pace, crashes, sync.

use super::toy::{POISON, genesis, network_key_hash, transaction};
use super::world::World;
use crate::wire::{SyncMessage, SyncedBlock};
use crate::{ChainReader, Lane, Peer, ReplicaEvent, SubmitResult};
use ledger_protocol::chain::Input;
use ledger_protocol::codec::{Bounded, decode, encode};
use ledger_protocol::merkle::{LeafHash, verify_inclusion};
use ledger_protocol::{Code, Height};

fn input(world: &World, signer: u8, key: &[u8], valid_until: u64, nonce: u64) -> Input {
    Input::Transaction(Box::new(transaction(&world.genesis, signer, key, valid_until, nonce)))
}

#[test]
fn one_validator_commits_what_is_submitted_and_serves_it() {
    let mut world = World::new(1, 0);
    world.run(100);
    let tx = input(&world, 50, b"a", 15, 1);
    let hash = tx.hash(world.genesis.suite);
    let reply = world.submit(0, tx);
    world.run(500);
    assert_eq!(world.nodes[0].replies[&reply], SubmitResult::Accepted { input: hash });
    world.check_agreement();
    let reader = ChainReader::new(&world.nodes[0].store, world.genesis.suite);
    let (place, receipt) = reader.receipt(&hash).unwrap().unwrap();
    assert_eq!((place.height, place.index, receipt.codes[0]), (Height(1), 0, Code::OK));
    let header = reader.header(place.height).unwrap().unwrap();
    let proof = reader.receipt_proof(&place).unwrap().unwrap();
    let leaf = LeafHash::of(world.genesis.suite, &encode(&proof.leaf));
    let verified = verify_inclusion(world.genesis.suite, leaf, 0, header.transactions.count.into(), &proof.path);
    assert_eq!(verified.unwrap().expect_root(&header.receipts).unwrap().index(), 0);
    assert!(reader.certificate(place.height).unwrap().is_some());
    assert_eq!(reader.header(Height(0)).unwrap().unwrap().hash(), header.parent);
}

#[test]
fn an_idle_chain_keeps_its_heartbeat_and_work_ends_the_wait() {
    let mut world = World::new(4, 0);
    world.run(26_000);
    let idle = world.heights();
    assert!(idle.iter().all(|height| (4..=6).contains(height)), "{idle:?}");
    let before = world.now;
    let tx = input(&world, 50, b"a", 20, 1);
    world.submit(2, tx);
    world.run_until(idle[0] + 1, 1_000);
    assert!(world.now - before < 500, "took {} ms", world.now - before);
    world.check_agreement();
}

#[test]
fn four_validators_and_an_observer_agree_under_load() {
    let mut world = World::new(4, 1);
    world.run(200);
    for nonce in 0..200u64 {
        let valid_until = world.heights()[0] + 18;
        let tx = input(&world, 50 + (nonce % 7) as u8, b"k", valid_until, nonce);
        world.submit((nonce % 5) as usize, tx);
        world.run(10);
    }
    world.run(3_000);
    world.check_agreement();
    let included: usize = world.nodes[0].published.iter().map(|block| block.inputs.len()).sum();
    assert_eq!(included, 200, "heights {:?}", world.heights());
    assert!(world.heights().iter().all(|height| *height == world.heights()[0]), "{:?}", world.heights());
    let reader = ChainReader::new(&world.nodes[4].store, world.genesis.suite);
    for block in &world.nodes[4].published {
        assert_eq!(reader.published(block.header.height).unwrap().as_ref(), Some(&**block), "read as it was published");
    }
    assert_eq!(reader.published(Height::ZERO).unwrap(), None);
    let tip = reader.tip().unwrap().unwrap();
    for older in 0..tip.header.height.0 {
        let path = reader.history_path(Height(older), tip.header.height).unwrap().unwrap();
        let leaf = LeafHash::of(world.genesis.suite, reader.header(Height(older)).unwrap().unwrap().hash().as_bytes());
        let verified = verify_inclusion(world.genesis.suite, leaf, older, tip.header.height.0, &path).unwrap();
        assert_eq!(verified.expect_root(&tip.header.history).unwrap().index(), older);
    }
}

#[test]
fn a_transaction_is_refused_when_replayed_expired_foreign_or_forged() {
    let mut world = World::new(1, 0);
    world.run(50);
    let good = input(&world, 50, b"a", 15, 1);
    world.submit(0, good.clone());
    world.run(500);
    let refused = |world: &mut World, input: Input| {
        let reply = world.submit(0, input);
        world.run(100);
        match world.nodes[0].replies[&reply].clone() {
            SubmitResult::Refused { code, .. } => code,
            SubmitResult::Accepted { .. } => Code::OK,
        }
    };
    assert_eq!(refused(&mut world, good.clone()), Code::REPLAYED);
    let expired = input(&world, 50, b"a", 0, 2);
    assert_eq!(refused(&mut world, expired), Code::WINDOW);
    let early = input(&world, 50, b"a", 200, 3);
    assert_eq!(refused(&mut world, early), Code::WINDOW);
    let mut foreign = world.genesis.clone();
    foreign.salt = [1; 32];
    let foreign = Input::Transaction(Box::new(transaction(&foreign, 50, b"a", 15, 4)));
    assert_eq!(refused(&mut world, foreign), Code::FOREIGN);
    let Input::Transaction(mut forged) = good else { panic!("a transaction") };
    forged.body.replay = ledger_protocol::transaction::Replay::Window { valid_until: Height(15), nonce: 9 };
    assert_eq!(refused(&mut world, Input::Transaction(forged)), Code::BAD_SIGNATURE);
}

#[test]
fn an_input_that_spoils_the_block_is_dropped_and_its_neighbours_are_not() {
    let mut world = World::new(4, 0);
    world.run(50);
    for (signer, key) in [(50, b"a".as_slice()), (51, POISON), (52, b"b"), (53, POISON)] {
        let tx = input(&world, signer, key, 15, 1);
        world.submit(0, tx);
    }
    world.run(8_000);
    world.check_agreement();
    let included: usize = world.nodes[0].published.iter().map(|block| block.inputs.len()).sum();
    let dropped: usize = world.nodes.iter().map(|node| node.dropped.len()).max().unwrap();
    assert_eq!((included, dropped), (2, 2));
}

#[test]
fn a_dead_validator_does_not_stop_the_chain_and_a_wiped_one_catches_up() {
    let mut world = World::new(4, 0);
    world.run(100);
    world.crash(3);
    for nonce in 0..40u64 {
        let tx = input(&world, 50, b"k", 18, nonce);
        world.submit(0, tx);
        world.run(200);
    }
    assert!(world.heights()[0] > 5, "{:?}", world.heights());
    world.wipe(3);
    world.start(3);
    let goal = world.heights()[0];
    world.run_until(goal, 5_000);
    world.run(1_000);
    world.check_agreement();
    let last = world.now;
    let tx = input(&world, 60, b"k", goal + 15, 1);
    world.submit(3, tx);
    world.run_until(goal + 1, 8_000);
    assert!(world.now - last < 8_000);
    world.check_agreement();
}

#[test]
fn a_wiped_validator_signs_nothing_where_the_others_are_final() {
    let mut world = World::new(4, 0);
    for nonce in 0..20u64 {
        let tx = input(&world, 50, b"k", world.heights()[0] + 15, nonce);
        world.submit(0, tx);
        world.run(200);
    }
    let final_height = world.heights()[0];
    assert!(final_height > 8, "{:?}", world.heights());
    world.wipe(3);
    // What the wiped one sends on the consensus lane, and at which of its heights; its answers are lost for a while.
    let spoke = std::rc::Rc::new(std::cell::Cell::new(0usize));
    let (seen, deaf_until) = (std::rc::Rc::clone(&spoke), world.now + 8_000);
    let clock = std::rc::Rc::new(std::cell::Cell::new(world.now));
    let now = std::rc::Rc::clone(&clock);
    world.tamper = Some(Box::new(move |from, to, lane, bytes| {
        seen.set(seen.get() + usize::from(from == 3 && lane == Lane::Consensus));
        let is_lost = to == 3 && lane == Lane::Sync && now.get() < deaf_until;
        (!is_lost).then_some(bytes)
    }));
    world.start(3);
    // Longer than its heartbeat: it would have begun the first height by itself.
    for _ in 0..70 {
        world.run(100);
        clock.set(world.now);
    }
    assert_eq!((world.heights()[3], spoke.get()), (0, 0), "it waits for the others' word");
    while world.heights()[3] < final_height {
        assert_eq!(spoke.get(), 0, "it signs at height {}", world.heights()[3] + 1);
        assert!(world.now < deaf_until + 8_000, "{:?}", world.heights());
        world.run(10);
        clock.set(world.now);
    }
    // From there on it takes part: with another one dead nothing goes on without it.
    world.crash(0);
    let goal = world.heights()[1] + 2;
    let tx = input(&world, 60, b"k", goal + 10, 1);
    world.submit(1, tx);
    world.run(20_000);
    assert!(world.heights()[1] >= goal, "{:?}", world.heights());
    assert!(spoke.get() > 0);
    world.check_agreement();
}

#[test]
fn a_new_chain_begins_also_when_the_first_words_are_lost() {
    let mut world = World::new(4, 0);
    let lost_until = std::rc::Rc::new(std::cell::Cell::new(true));
    let lost = std::rc::Rc::clone(&lost_until);
    world.tamper = Some(Box::new(move |_, _, _, bytes| (!lost.get()).then_some(bytes)));
    world.run(7_000);
    assert_eq!(world.heights(), [0, 0, 0, 0]);
    lost_until.set(false);
    world.run_until(1, 10_000);
    world.check_agreement();
}

#[test]
fn a_restart_between_any_two_effects_loses_nothing_and_forks_nothing() {
    let mut crashes = 0;
    for point in 0..300u64 {
        let mut world = World::new(4, 0);
        world.run(50);
        world.crash_after = Some((1, point));
        for nonce in 0..8u64 {
            let tx = input(&world, 50, b"k", 18, nonce);
            world.submit(if nonce % 2 == 0 { 0 } else { 3 }, tx);
            world.run(120);
        }
        if world.nodes[1].replica.is_none() {
            crashes += 1;
            world.start(1);
        }
        world.crash_after = None;
        let tx = input(&world, 51, b"k", 18, 9);
        world.submit(2, tx);
        let goal = world.heights().into_iter().max().unwrap() + 1;
        world.run_until(goal, 20_000);
        world.check_agreement();
    }
    assert!(crashes > 200, "only {crashes} crashes");
}

#[test]
fn all_validators_restart_at_once_and_go_on() {
    for point in (0..1_500u64).step_by(25) {
        let mut world = World::new(4, 0);
        world.run(50);
        let tx = input(&world, 50, b"k", 18, 1);
        world.submit(0, tx);
        world.run(point / 5);
        for node in 0..4 {
            world.crash(node);
        }
        for node in 0..4 {
            world.start(node);
        }
        let tx = input(&world, 51, b"k", 18, 2);
        world.submit(2, tx);
        let goal = world.heights().into_iter().max().unwrap() + 2;
        world.run_until(goal, 30_000);
        world.check_agreement();
    }
}

#[test]
fn a_lying_sync_peer_is_found_out_and_another_is_asked() {
    let mut world = World::new(4, 0);
    world.run(100);
    for nonce in 0..20u64 {
        let tx = input(&world, 50, b"k", 18, nonce);
        world.submit(0, tx);
        world.run(150);
    }
    world.wipe(3);
    // Node 0 changes the blocks that it serves, and keeps their certificates.
    world.tamper = Some(Box::new(|from, to, lane, bytes| {
        if from != 0 || to != 3 || lane != Lane::Sync {
            return Some(bytes);
        }
        match decode::<SyncMessage>(&bytes, usize::MAX).unwrap() {
            SyncMessage::Blocks(blocks) => {
                let mut blocks = blocks.into_vec();
                for SyncedBlock { block, .. } in &mut blocks {
                    block.header.timestamp_ms.0 += 1;
                }
                Some(encode(&SyncMessage::Blocks(Bounded::new(blocks).unwrap())))
            }
            _ => Some(bytes),
        }
    }));
    world.start(3);
    let goal = world.heights()[0];
    world.run_until(goal, 20_000);
    world.check_agreement();
}

#[test]
fn a_lossy_network_delays_but_never_forks_or_stops_the_chain() {
    for seed in 0..8u64 {
        let mut world = World::new(4, 1);
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        world.tamper = Some(Box::new(move |_, _, _, bytes| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state % 100 >= 15).then_some(bytes)
        }));
        for nonce in 0..20u64 {
            let valid_until = world.heights()[0] + 18;
            let tx = input(&world, 50, b"k", valid_until, nonce);
            world.submit((nonce % 4) as usize, tx);
            world.run(300);
            if nonce == 7 {
                world.crash(2);
            }
            if nonce == 12 {
                world.start(2);
            }
        }
        world.run_until(6, 120_000);
        world.check_agreement();
        world.tamper = None;
        let goal = world.heights().into_iter().max().unwrap() + 2;
        world.run_until(goal, 60_000);
        world.check_agreement();
    }
}

#[test]
fn one_seedless_world_twice_is_the_same_world() {
    let hashes = || {
        let mut world = World::new(4, 1);
        for nonce in 0..10u64 {
            let tx = input(&world, 50, b"k", 15, nonce);
            world.submit((nonce % 4) as usize, tx);
            world.run(70);
        }
        world
            .nodes
            .iter()
            .map(|node| node.published.iter().map(|block| block.header_hash).collect())
            .collect::<Vec<Vec<_>>>()
    };
    assert_eq!(hashes(), hashes());
}

#[test]
fn garbage_from_a_peer_is_reported_and_harms_nothing() {
    let mut world = World::new(4, 0);
    world.run(100);
    let from = Peer(network_key_hash(1));
    for lane in [Lane::Consensus, Lane::Block, Lane::Sync, Lane::Transactions, Lane::Courier] {
        for bytes in [Vec::new(), vec![0xff; 40], vec![1; 3], vec![3, 255, 255, 255, 255]] {
            world.inject(0, ReplicaEvent::Message { from, lane, bytes });
        }
    }
    world.run(6_000);
    world.check_agreement();
    assert!(!world.nodes[0].misbehaved.is_empty());
    assert!(world.heights()[0] >= 1);
}

#[test]
fn another_genesis_on_the_same_store_is_refused() {
    use super::toy::{Toy, validator_key};
    use crate::{Replica, ReplicaHalt, ReplicaLimits, ReplicaSetup};
    let mut world = World::new(1, 0);
    world.run(100);
    let mut other = genesis(1);
    other.salt = [1; 32];
    let config = chain_consensus::BftConfig {
        chain: other.chain_id(),
        kind: other.kind,
        timeouts: chain_consensus::BftTimeouts::default(),
    };
    struct Nobody(ledger_protocol::suite::SecretKey);
    impl chain_consensus::VoteSigner for Nobody {
        fn public_key(&self) -> ledger_protocol::PublicKey {
            self.0.public_key()
        }
        fn sign(&self, _message: &[u8]) -> Result<ledger_protocol::Signature, String> {
            Err("not here".into())
        }
    }
    let signer = Box::new(Nobody(validator_key(0)));
    let setup = ReplicaSetup {
        machine: std::sync::Arc::new(Toy),
        consensus: Box::new(chain_consensus::BftConsensus::new(config, signer).unwrap()),
        genesis: other,
        own_address: None,
        own_peer: Peer(network_key_hash(0)),
        limits: ReplicaLimits::default(),
    };
    assert!(matches!(Replica::open(setup, &world.nodes[0].store, Vec::new()), Err(ReplicaHalt::OtherChain)));
}
