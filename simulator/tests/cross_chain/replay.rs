//! A chain's log on a fresh state machine gives the same headers; a log that was touched does not.

use crate::proposals::{STANDARD, network, settle, transfer};
use chain_engine::ChainReader;
use ledger_protocol::chain::Block;
use ledger_protocol::codec::Bounded;
use ledger_protocol::{Height, TimestampMs};
use relay::RelayMachine;
use simulator::replay::replay;
use simulator::{Seed, WorldConfig};

#[test]
fn the_log_of_every_chain_gives_its_headers_again_and_a_changed_one_does_not() {
    let config = WorldConfig::smooth("the_log_of_every_chain_gives_its_headers_again_and_a_changed_one_does_not");
    let (mut world, mut network) = network(Seed(1), config, STANDARD);
    let ids: Vec<_> = (0..5).map(|number| network.propose(&mut world, &transfer(number, 10), 100)).collect();
    settle(&mut world, &network, &ids, 60_000);
    for index in [network.relay, network.subchains[0].index, network.subchains[1].index] {
        let count = world.replay_log(index).unwrap();
        assert_eq!(Height(count), world.best_height(index));
        assert!(count > 1, "{count} blocks");
    }
    let reader = ChainReader::new(world.best_store(network.relay).unwrap(), network.relay_id.suite);
    let log: Vec<Block> =
        (1..=world.best_height(network.relay).0).map(|height| reader.block(Height(height)).unwrap().unwrap()).collect();
    let replayed = |log: Vec<Block>| replay(world.genesis(network.relay), &RelayMachine, log);
    assert_eq!(replayed(log.clone()).unwrap().1, log.last().unwrap().header.hash());

    let mut later = log.clone();
    let changed = later.len() / 2;
    later[changed].header.timestamp_ms = TimestampMs(later[changed].header.timestamp_ms.0 + 1);
    let error = replayed(later).unwrap_err();
    assert!(error.first.contains("the log's header is"), "{error:?}");

    let mut without_one = log.clone();
    without_one.remove(2);
    replayed(without_one).unwrap_err();

    let mut emptied = log;
    let full = emptied.iter_mut().find(|block| !block.inputs.is_empty()).unwrap();
    full.inputs = Bounded::new(Vec::new()).unwrap();
    let error = replayed(emptied).unwrap_err();
    assert!(error.second.contains("does not hold the inputs"), "{error:?}");
}
