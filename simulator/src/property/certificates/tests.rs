//! Blocks that a replica could publish with a certificate of the wrong set, or with that of another block.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use super::*;
use crate::fixture::{Network, NetworkPlan, SubchainPlan, certify, seed_key};
use crate::random::Seed;
use crate::world::{ProcessId, World, WorldConfig};
use chain_engine::PublishedBlock;
use chain_state::{MemoryStore, WriteBatch};
use ledger_protocol::TimestampMs;
use ledger_protocol::codec::encode;
use ledger_protocol::suite::SecretKey;

/// A chain's blocks, and the store that has them.
struct Story {
    world: World,
    network: Network,
}

impl Story {
    fn new() -> Self {
        let mut world = World::new(Seed(1), WorldConfig::smooth("certificates"));
        let plan = NetworkPlan::new(vec![SubchainPlan::new("amber", Suite::Standard)]);
        let network = Network::build(&mut world, &plan);
        let amber = network.subchains[0].index;
        world.run_until(|world| world.best_height(amber) >= Height(2), 60_000).unwrap();
        Self { world, network }
    }

    fn index(&self) -> ChainIndex {
        self.network.subchains[0].index
    }

    fn store(&self) -> MemoryStore {
        self.world.best_store(self.index()).unwrap().clone()
    }

    fn block(&self, height: u64) -> PublishedBlock {
        let reader = ChainReader::new(self.world.best_store(self.index()).unwrap(), Suite::Standard);
        reader.published(Height(height)).unwrap().unwrap()
    }

    fn property(&self) -> Certificates {
        let mut property = Certificates::default();
        self.tell(&mut property, &self.store(), &Fact::Created(self.world.genesis(self.index()))).unwrap();
        property
    }

    fn tell(&self, property: &mut Certificates, store: &MemoryStore, fact: &Fact<'_>) -> Result<(), Contradiction> {
        property.observe(&Observation {
            now_ms: 0,
            process: ProcessId(0),
            index: self.index(),
            chain: self.network.subchains[0].id,
            store,
            blame: self.world.blamed(),
            contents: crate::property::reading::Contents::default(),
            fact,
        })
    }

    fn publish(&self, property: &mut Certificates, store: &MemoryStore, block: &PublishedBlock) -> Result<(), String> {
        let told = self.tell(property, store, &Fact::Published { block, is_first: true });
        told.map_err(|contradiction| contradiction.second)
    }
}

/// Four validators that nobody named, and their keys.
fn strangers() -> (ValidatorSet, Vec<SecretKey>) {
    let keys: Vec<SecretKey> = (0..4).map(|number| seed_key(Suite::Standard, "stranger", number)).collect();
    let seats = keys.iter().enumerate();
    let validators = seats.map(|(number, key)| World::validator(ProcessId(100 + number), key, "strangers"));
    (ValidatorSet::new(Suite::Standard, validators.collect()).unwrap(), keys)
}

/// The block as these keys certify it.
fn certified(block: &PublishedBlock, header: Header, keys: &[SecretKey]) -> PublishedBlock {
    let certificate = certify(&header, keys);
    PublishedBlock { header_hash: header.hash(), header, certificate, ..block.clone() }
}

#[test]
fn blocks_as_they_are_break_nothing() {
    let story = Story::new();
    let mut property = story.property();
    for height in [1, 2, 1] {
        story.publish(&mut property, &story.store(), &story.block(height)).unwrap();
    }
}

#[test]
fn a_block_of_a_set_that_the_block_before_it_does_not_name_is_found() {
    let story = Story::new();
    let mut property = story.property();
    story.publish(&mut property, &story.store(), &story.block(1)).unwrap();
    let (set, keys) = strangers();
    let hash = set.hash(Suite::Standard);
    property.sets.insert((story.index(), hash), set);
    let header = Header { validators_hash: hash, ..story.block(2).header };
    let taken_over = certified(&story.block(2), header, &keys);
    let found = story.publish(&mut property, &story.store(), &taken_over).unwrap_err();
    assert!(found.contains("the block before it names"), "{found}");
}

#[test]
fn a_set_that_is_not_the_one_of_its_hash_is_found() {
    let story = Story::new();
    let mut property = story.property();
    let named = strangers().0.hash(Suite::Standard);
    let mut store = story.store();
    // The row of the strangers' set holds the chain's own.
    let own = story.world.genesis(story.index()).validators.clone();
    let mut batch = WriteBatch::default();
    batch.put(rows::validators(&named), encode(&own));
    store.exchange(&mut batch);
    let header = Header { next_validators_hash: named, ..story.block(1).header };
    let block = certified(&story.block(1), header, &story.network.subchains[0].keys);
    let found = story.publish(&mut property, &store, &block).unwrap_err();
    assert!(found.contains("where the header names"), "{found}");
}

#[test]
fn a_certificate_of_another_block_is_found() {
    let story = Story::new();
    let mut property = story.property();
    let block = story.block(1);
    story.publish(&mut property, &story.store(), &block).unwrap();
    let header = Header { timestamp_ms: TimestampMs(block.header.timestamp_ms.0 + 1), ..block.header.clone() };
    let borrowed = PublishedBlock { header_hash: header.hash(), header, ..block };
    let found = story.publish(&mut property, &story.store(), &borrowed).unwrap_err();
    assert!(found.contains("does not verify"), "{found}");
}
