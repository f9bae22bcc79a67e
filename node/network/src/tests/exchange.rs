//! Frames between honest peers: all lanes in order, restarts, removal, the node itself.

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_nodes_exchange_on_all_lanes_in_order() {
    let mut nodes = full_mesh(2).await;
    let keys: Vec<PeerKey> = nodes.iter().map(Node::key).collect();
    for number in 0..200 {
        for lane in Lane::ALL {
            nodes[0].handle.send(keys[1], numbered(lane, number)).unwrap();
            nodes[1].handle.send(keys[0], numbered(lane, number)).unwrap();
        }
    }
    for (receiver, sender) in [(1, 0), (0, 1)] {
        let mut expected = [0; 5];
        for _ in 0..1_000 {
            let (from, received) = nodes[receiver].next_frame().await;
            assert_eq!(from, keys[sender]);
            let next = &mut expected[received.lane.index()];
            assert_eq!(received, numbered(received.lane, *next));
            *next += 1;
        }
        assert_eq!(expected, [200; 5]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn four_nodes_broadcast_to_each_other() {
    let mut nodes = full_mesh(4).await;
    let keys: Vec<PeerKey> = nodes.iter().map(Node::key).collect();
    for node in &nodes {
        let others: Vec<PeerKey> = keys.iter().filter(|key| **key != node.key()).copied().collect();
        for number in 0..100 {
            assert_eq!(node.handle.broadcast(&others, numbered(Lane::Consensus, number)), vec![]);
        }
    }
    for node in &mut nodes {
        let mut expected = std::collections::BTreeMap::new();
        for _ in 0..300 {
            let (from, received) = node.next_frame().await;
            let next = expected.entry(from).or_insert(0);
            assert_eq!(received, numbered(Lane::Consensus, *next));
            *next += 1;
        }
        assert_eq!(expected.len(), 3);
        assert!(expected.values().all(|count| *count == 100));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connected_is_told_before_the_first_frame_and_the_loss_once() {
    let mut hub = Node::start(1, |config| config.known = [key(2)].into()).await;
    let peer = hub.as_peer();
    let leaf = Node::start(2, |config| config.peers = vec![peer]).await;
    until(|| leaf.handle.is_connected(&peer.peer)).await;
    leaf.handle.send(peer.peer, numbered(Lane::Courier, 1)).unwrap();
    assert_eq!(hub.next().await, Inbound::Connected { peer: key(2), known: true });
    assert_eq!(hub.next().await, Inbound::Frame { from: key(2), frame: numbered(Lane::Courier, 1) });
    leaf.handle.shutdown().await;
    let lost = hub.next().await;
    assert!(matches!(lost, Inbound::Disconnected { peer, .. } if peer == key(2)), "{lost:?}");
    assert_eq!(hub.inbound.try_recv(), None);
    assert_eq!(leaf.handle.send(peer.peer, numbered(Lane::Courier, 2)), Err(SendError::Stopped));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn traffic_resumes_when_a_peer_restarts_on_its_port() {
    let mut stable = Node::start(1, |_| {}).await;
    let first = Node::start(2, |config| config.known = [key(1)].into()).await;
    let address = first.handle.listen_address();
    stable.handle.set_peer(first.as_peer()).unwrap();
    stable.until_connected(key(2)).await;
    for round in 0..3 {
        if round == 0 {
            first.handle.shutdown().await;
        }
        until(|| !stable.handle.is_connected(&key(2))).await;
        // Votes wait for the peer, requests do not.
        assert_eq!(stable.handle.send(key(2), numbered(Lane::Sync, 0)), Err(SendError::NotConnected));
        stable.handle.send(key(2), numbered(Lane::Consensus, round)).unwrap();
        let mut again = Node::start(2, |config| {
            config.listen = address;
            config.known = [key(1)].into();
        })
        .await;
        assert_eq!(again.next_frame().await, (key(1), numbered(Lane::Consensus, round)));
        again.handle.send(key(1), numbered(Lane::Sync, round)).unwrap();
        assert_eq!(stable.next_frame().await, (key(2), numbered(Lane::Sync, round)));
        again.handle.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_moves_is_found_at_its_new_address() {
    let stable = Node::start(1, |_| {}).await;
    let first = Node::start(2, |config| config.known = [key(1)].into()).await;
    stable.handle.set_peer(first.as_peer()).unwrap();
    until(|| stable.handle.is_connected(&key(2))).await;
    first.handle.shutdown().await;
    until(|| !stable.handle.is_connected(&key(2))).await;
    let mut moved = Node::start(2, |config| config.known = [key(1)].into()).await;
    stable.handle.set_peer(moved.as_peer()).unwrap();
    stable.handle.send(key(2), numbered(Lane::Block, 5)).unwrap();
    assert_eq!(moved.next_frame().await, (key(1), numbered(Lane::Block, 5)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_node_sends_to_itself_comes_back() {
    let mut node = Node::start(1, |_| {}).await;
    let own_key = node.key();
    for number in 0..10 {
        node.handle.send(own_key, numbered(Lane::Courier, number)).unwrap();
    }
    for number in 0..10 {
        assert_eq!(node.next_frame().await, (own_key, numbered(Lane::Courier, number)));
    }
    assert_eq!(node.handle.connected_peers(), vec![]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_largest_payload_arrives_whole_and_a_larger_one_is_refused() {
    let mut nodes = full_mesh(2).await;
    let payload: Vec<u8> = (0..MAX_PAYLOAD_BYTES).map(|place| (place % 251) as u8).collect();
    let payload = Bytes::from(payload);
    nodes[0].handle.send(key(2), frame(Lane::Block, payload.clone())).unwrap();
    let (_, received) = nodes[1].next_frame().await;
    assert!(received.payload == payload);
    let too_large = frame(Lane::Block, vec![0; MAX_PAYLOAD_BYTES + 1]);
    let error = SendError::TooLarge { bytes: MAX_PAYLOAD_BYTES + 1 };
    assert_eq!(nodes[0].handle.send(key(2), too_large), Err(error));
    nodes[0].handle.send(key(2), frame(Lane::Block, vec![])).unwrap();
    assert_eq!(nodes[1].next_frame().await.1.payload.len(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thread_without_a_runtime_sends_and_receives() {
    let mut nodes = full_mesh(2).await;
    let mut second = nodes.pop().unwrap();
    let first = nodes.pop().unwrap();
    let handle = first.handle.clone();
    let sender = std::thread::spawn(move || handle.send(key(2), numbered(Lane::Sync, 9)));
    let receiver = std::thread::spawn(move || {
        loop {
            match second.inbound.blocking_recv() {
                Some(Inbound::Frame { frame, .. }) => return frame,
                Some(_) => {}
                None => panic!("stopped"),
            }
        }
    });
    sender.join().unwrap().unwrap();
    let received = tokio::task::spawn_blocking(|| receiver.join().unwrap());
    assert_eq!(timeout(DEADLINE, received).await.unwrap().unwrap(), numbered(Lane::Sync, 9));
}

#[tokio::test]
async fn a_taken_port_and_a_contradictory_configuration_are_refused() {
    let node = Node::start(1, |_| {}).await;
    let taken = EndpointConfig::new(node.handle.listen_address());
    let refused = Endpoint::start(taken, secret(2)).await;
    assert!(matches!(refused, Err(NetworkError::Listen { .. })), "{refused:?}");
    let mut own = EndpointConfig::new(any_port());
    own.peers = vec![PeerConfig { peer: key(2), address: any_port() }];
    let refused = Endpoint::start(own, secret(2)).await;
    assert!(matches!(refused, Err(NetworkError::Config { .. })), "{refused:?}");
}

#[test]
fn a_network_key_survives_its_text_form() {
    assert_eq!(key(3).to_string().parse::<PeerKey>().unwrap(), key(3));
    assert!(matches!("nonsense".parse::<PeerKey>(), Err(KeyTextError::NotAKey { .. })));
    assert_ne!(key(3).network_key_hash(Suite::Standard), key(3).network_key_hash(Suite::Guomi));
}
