//! Slow peers and full queues: who waits, who does not, and what is refused.

use super::*;

const BIG: usize = 256 * 1024;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_does_not_read_delays_neither_others_nor_its_own_votes() {
    let mut nodes = full_mesh(3).await;
    let mut fast = nodes.pop().unwrap();
    let mut slow = nodes.pop().unwrap();
    let sender = nodes.pop().unwrap();
    // Node 2 reads nothing: its share of the block lane fills up, then the stream, then the queue here.
    let block = frame(Lane::Block, vec![1; BIG]);
    let is_stuck = || {
        let full = slow.handle.gauges().inbound_bytes + BIG > 32 * 1024 * 1024;
        full && sender.lane_gauges(key(2), Lane::Block).dropped_frames > 0
    };
    until(|| {
        for _ in 0..16 {
            sender.handle.send(key(2), block.clone()).unwrap();
        }
        is_stuck()
    })
    .await;

    // The fast peer gets its blocks meanwhile.
    for number in 0..100 {
        sender.handle.send(key(3), numbered(Lane::Block, number)).unwrap();
    }
    for number in 0..100 {
        assert_eq!(fast.next_frame().await, (key(1), numbered(Lane::Block, number)));
    }

    // Votes and transactions reach the slow node past its stuck block lane, and are received among the first.
    let received_before = slow.handle.gauges().received_frames;
    let started = Instant::now();
    sender.handle.send(key(2), numbered(Lane::Consensus, 1)).unwrap();
    sender.handle.send(key(2), numbered(Lane::Transactions, 2)).unwrap();
    until(|| slow.handle.gauges().received_frames == received_before + 2).await;
    println!("a vote passed {} MiB of stuck blocks in {:?}", 32, started.elapsed());
    let mut first_lanes = Vec::new();
    while first_lanes.len() < 6 {
        first_lanes.push(slow.next_frame().await.1.lane);
    }
    assert!(first_lanes.iter().take(3).any(|lane| *lane == Lane::Consensus), "{first_lanes:?}");
    assert!(first_lanes.contains(&Lane::Transactions), "{first_lanes:?}");
    assert!(slow.handle.is_connected(&key(1)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn blocks_in_full_flow_do_not_delay_votes() {
    let mut nodes = full_mesh(2).await;
    let mut receiver = nodes.pop().unwrap();
    let sender = nodes.pop().unwrap();
    let handle = sender.handle.clone();
    let flood = tokio::spawn(async move {
        loop {
            handle.send(key(2), frame(Lane::Block, vec![1; 1024 * 1024])).unwrap();
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    });
    let mut waits = Vec::new();
    let mut block_bytes = 0;
    let started = Instant::now();
    for number in 0..100 {
        let sent = Instant::now();
        sender.handle.send(key(2), numbered(Lane::Consensus, number)).unwrap();
        loop {
            let (_, received) = receiver.next_frame().await;
            if received.lane == Lane::Consensus {
                break;
            }
            block_bytes += received.payload.len();
        }
        waits.push(sent.elapsed());
    }
    flood.abort();
    waits.sort();
    let megabytes_per_second = block_bytes as f64 / 1e6 / started.elapsed().as_secs_f64();
    println!("votes beside blocks at {megabytes_per_second:.0} MB/s: p50 {:?}, p99 {:?}", waits[50], waits[98]);
    assert!(waits[50] < Duration::from_millis(500), "{:?}", waits[50]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_lane_refuses_the_newest_or_drops_the_oldest() {
    let bounds = LaneBounds { frames: 10, bytes: 1024 * 1024 };
    let absent = PeerConfig { peer: key(2), address: "127.0.0.1:1".parse().unwrap() };
    let sender = Node::start(1, |config| {
        config.outbound = QueueBounds::uniform(bounds);
        config.peers = vec![absent];
    })
    .await;
    for number in 0..25 {
        sender.handle.send(key(2), numbered(Lane::Consensus, number)).unwrap();
    }
    let gauges = sender.lane_gauges(key(2), Lane::Consensus);
    assert_eq!((gauges.queued_frames, gauges.dropped_frames, gauges.refused_frames), (10, 15, 0));
    assert_eq!(gauges.queued_bytes, 10 * (4 + 33 + 8));

    // The peer comes up and gets the ten newest, in order.
    let mut late = Node::start(2, |config| config.known = [key(1)].into()).await;
    sender.handle.set_peer(late.as_peer()).unwrap();
    for number in 15..25 {
        assert_eq!(late.next_frame().await, (key(1), numbered(Lane::Consensus, number)));
    }

    // Nobody receives at node 2 any more: transactions are refused at last, and what was taken arrives in order.
    let mut taken = 0;
    until(|| {
        for _ in 0..64 {
            let payload = [&u64::to_be_bytes(taken)[..], &[0; 60_000]].concat();
            match sender.handle.send(key(2), frame(Lane::Transactions, payload)) {
                Ok(()) => taken += 1,
                Err(error) => {
                    assert_eq!(error, SendError::Full);
                    return sender.lane_gauges(key(2), Lane::Transactions).refused_frames > 20;
                }
            }
        }
        false
    })
    .await;
    for number in 0..taken {
        assert_eq!(late.next_frame().await.1.payload[..8], u64::to_be_bytes(number)[..]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn frames_that_waited_too_long_for_an_absent_peer_are_dropped() {
    let absent = PeerConfig { peer: key(2), address: "127.0.0.1:1".parse().unwrap() };
    let sender = Node::start(1, |config| {
        config.stale_after_ms = 50;
        config.peers = vec![absent];
    })
    .await;
    sender.handle.send(key(2), numbered(Lane::Consensus, 1)).unwrap();
    let queued = Instant::now();
    until(|| queued.elapsed() > Duration::from_millis(60)).await;
    let mut late = Node::start(2, |config| config.known = [key(1)].into()).await;
    sender.handle.set_peer(late.as_peer()).unwrap();
    until(|| sender.handle.is_connected(&key(2))).await;
    sender.handle.send(key(2), numbered(Lane::Consensus, 2)).unwrap();
    assert_eq!(late.next_frame().await, (key(1), numbered(Lane::Consensus, 2)));
    assert_eq!(sender.lane_gauges(key(2), Lane::Consensus).dropped_frames, 1);
}
