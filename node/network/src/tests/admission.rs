//! Who may connect: known peers, strangers within a quota, nobody else.

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unknown_peer_is_refused_until_it_becomes_known() {
    let mut hub = Node::start(1, |_| {}).await;
    let peer = hub.as_peer();
    let leaf = Node::start(2, |config| config.peers = vec![peer]).await;
    until(|| hub.handle.gauges().refused_connections >= 2).await;
    assert!(!leaf.handle.is_connected(&peer.peer));
    assert_eq!(leaf.handle.send(peer.peer, numbered(Lane::Transactions, 1)), Err(SendError::NotConnected));
    assert_eq!(hub.inbound.try_recv(), None);

    hub.handle.set_known([key(2)].into());
    until(|| leaf.handle.is_connected(&peer.peer)).await;
    assert_eq!(hub.next().await, Inbound::Connected { peer: key(2), known: true });

    hub.handle.set_known([].into());
    let lost = hub.next().await;
    assert_eq!(lost, Inbound::Disconnected { peer: key(2), reason: CloseReason::NotWanted });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn strangers_are_admitted_within_the_quota() {
    let quota = Quota { max_connections: 2, ..Quota::default() };
    let mut hub = Node::start(1, |config| config.accept_unknown = Some(quota)).await;
    let peer = hub.as_peer();
    let mut leaves = Vec::new();
    for number in 2..=3 {
        let leaf = Node::start(number, |config| config.peers = vec![peer]).await;
        until(|| leaf.handle.is_connected(&peer.peer)).await;
        leaves.push(leaf);
    }
    let third = Node::start(4, |config| config.peers = vec![peer]).await;
    until(|| hub.handle.gauges().refused_connections >= 1).await;
    assert!(!third.handle.is_connected(&peer.peer));

    // A submission and its answer; votes of a stranger are dropped.
    leaves[0].handle.send(peer.peer, numbered(Lane::Consensus, 0)).unwrap();
    until(|| hub.handle.gauges().unwanted_frames == 1).await;
    leaves[0].handle.send(peer.peer, numbered(Lane::Transactions, 1)).unwrap();
    assert_eq!(hub.next_frame().await, (key(2), numbered(Lane::Transactions, 1)));
    hub.handle.send(key(2), numbered(Lane::Sync, 2)).unwrap();
    assert_eq!(leaves[0].next_frame().await, (peer.peer, numbered(Lane::Sync, 2)));

    // A place that becomes free is taken by the one that was refused.
    leaves[0].handle.shutdown().await;
    until(|| third.handle.is_connected(&peer.peer)).await;
    until(|| hub.handle.gauges().peers.iter().all(|gauges| gauges.peer != key(2))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_address_cannot_take_the_whole_quota() {
    let quota = Quota { max_connections: 8, max_connections_per_ip: 1, ..Quota::default() };
    let hub = Node::start(1, |config| config.accept_unknown = Some(quota)).await;
    let peer = hub.as_peer();
    let first = Node::start(2, |config| config.peers = vec![peer]).await;
    until(|| first.handle.is_connected(&peer.peer)).await;
    let _second = Node::start(3, |config| config.peers = vec![peer]).await;
    until(|| hub.handle.gauges().refused_connections >= 1).await;
    // A known peer needs no place in the quota.
    hub.handle.set_known([key(4)].into());
    let known = Node::start(4, |config| config.peers = vec![peer]).await;
    until(|| known.handle.is_connected(&peer.peer)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stranger_is_held_to_its_rate() {
    let quota = Quota { bytes_per_second: 100_000, ..Quota::default() };
    let mut hub = Node::start(1, |config| config.accept_unknown = Some(quota)).await;
    let peer = hub.as_peer();
    let leaf = Node::start(2, |config| config.peers = vec![peer]).await;
    until(|| leaf.handle.is_connected(&peer.peer)).await;
    let started = Instant::now();
    for _ in 0..30 {
        leaf.handle.send(peer.peer, frame(Lane::Transactions, vec![1; 10_000])).unwrap();
    }
    for _ in 0..30 {
        hub.next_frame().await;
    }
    // 300 kB at 100 kB/s, of which the first second's worth may come at once.
    assert!(started.elapsed() > Duration::from_millis(1_700), "{:?}", started.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_idle_stranger_loses_its_place() {
    let quota = Quota { idle_timeout_ms: 300, ..Quota::default() };
    let mut hub = Node::start(1, |config| config.accept_unknown = Some(quota)).await;
    let peer = hub.as_peer();
    let _leaf = Node::start(2, |config| config.peers = vec![peer]).await;
    assert_eq!(hub.next().await, Inbound::Connected { peer: key(2), known: false });
    assert_eq!(hub.next().await, Inbound::Disconnected { peer: key(2), reason: CloseReason::Idle });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_under_a_wrong_key_is_never_connected() {
    let hub = Node::start(1, |config| config.known = [key(2)].into()).await;
    let wrong = PeerConfig { peer: key(9), address: hub.handle.listen_address() };
    let leaf = Node::start(2, |config| config.peers = vec![wrong]).await;
    // The right configuration connects while the wrong one keeps failing.
    leaf.handle.set_peer(hub.as_peer()).unwrap();
    until(|| leaf.handle.is_connected(&key(1))).await;
    assert!(!leaf.handle.is_connected(&key(9)));
    assert_eq!(leaf.handle.connected_peers(), vec![key(1)]);
}
