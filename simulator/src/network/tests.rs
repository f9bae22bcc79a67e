//! How long messages take over links that carry only so much.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use super::*;
use crate::random::Seed;

const ONE: ProcessId = ProcessId(0);
const OTHER: ProcessId = ProcessId(1);
const KIB: usize = 1_024;

fn thin(kib_per_s: u32) -> Network {
    let kib_per_s = Some(kib_per_s);
    Network::new(NetworkConfig { latency_ms: (7, 7), kib_per_s, ..NetworkConfig::smooth() })
}

fn arrival(network: &mut Network, now_ms: u64, from: ProcessId, to: ProcessId, lane: u8, bytes: usize) -> Option<u64> {
    let stream = (from, to, lane, ChainIndex(0));
    network.arrivals(&mut Random::new(Seed(1), 1), now_ms, stream, bytes).first().copied()
}

#[test]
fn messages_of_a_link_follow_each_other_whatever_their_stream_and_directions_do_not_meet() {
    let mut network = thin(100);
    // 50 KiB at 100 KiB/s: half a second, and then the way.
    assert_eq!(arrival(&mut network, 0, ONE, OTHER, 0, 50 * KIB), Some(507));
    assert_eq!(arrival(&mut network, 0, ONE, OTHER, 1, 100 * KIB), Some(1_507));
    assert_eq!(arrival(&mut network, 1_000, ONE, OTHER, 0, 10 * KIB), Some(1_607));
    assert_eq!(arrival(&mut network, 0, OTHER, ONE, 0, 50 * KIB), Some(507));
    // The link was idle meanwhile: what it did not carry then is not made up for.
    assert_eq!(arrival(&mut network, 9_000, ONE, OTHER, 0, 50 * KIB), Some(9_507));
}

#[test]
fn parts_of_a_millisecond_add_up() {
    let mut network = thin(1_000);
    let last = (0..1_000).map(|_| arrival(&mut network, 0, ONE, OTHER, 0, 256).unwrap()).last();
    // 250 KiB at 1,000 KiB/s.
    assert_eq!(last, Some(257));
}

#[test]
fn who_sends_too_much_loses_it_and_a_link_that_goes_down_has_nothing_waiting() {
    let mut network = thin(1);
    let sent = (0..100).filter(|_| arrival(&mut network, 0, ONE, OTHER, 0, KIB).is_some()).count() as u64;
    assert_eq!(sent, MAX_WAIT_MS / 1_000 + 1);
    network.forget_link(OTHER, ONE);
    assert_eq!(arrival(&mut network, 0, ONE, OTHER, 0, KIB), Some(1_007));
}

#[test]
fn a_link_without_a_rate_carries_anything_at_once() {
    let mut network = Network::new(NetworkConfig { latency_ms: (7, 7), ..NetworkConfig::smooth() });
    for _ in 0..10 {
        assert_eq!(arrival(&mut network, 5, ONE, OTHER, 0, 100_000 * KIB), Some(12));
    }
}
