//! Peers that break the rules, played by raw libp2p streams: the connection is closed with a reason.

use super::*;
use futures::{AsyncWriteExt, StreamExt};
use libp2p::swarm::SwarmEvent;
use libp2p::{Multiaddr, StreamProtocol, SwarmBuilder, noise, tcp, yamux};

const PROTOCOL: StreamProtocol = StreamProtocol::new("/crosstie/frames/1");

/// A peer that sends whatever it is told on streams of its own.
struct RawPeer {
    control: libp2p_stream::Control,
    hub: libp2p::PeerId,
    /// Streams are kept open: closing one means something.
    open: Vec<libp2p::Stream>,
    swarm: tokio::task::JoinHandle<()>,
}

impl RawPeer {
    async fn connect(number: u8, hub: &Node) -> RawPeer {
        let mut swarm = SwarmBuilder::with_existing_identity(secret(number).pair())
            .with_tokio()
            .with_tcp(tcp::Config::default(), noise::Config::new, yamux::Config::default)
            .unwrap()
            .with_behaviour(|_| libp2p_stream::Behaviour::new())
            .unwrap()
            .with_swarm_config(|config| config.with_idle_connection_timeout(DEADLINE))
            .build();
        let mut control = swarm.behaviour().new_control();
        // Takes the hub's streams and never reads them.
        let mut incoming = control.accept(PROTOCOL).unwrap();
        let address: Multiaddr = crate::driver::multiaddr_of(hub.handle.listen_address());
        swarm.dial(address).unwrap();
        timeout(DEADLINE, async {
            while !matches!(swarm.select_next_some().await, SwarmEvent::ConnectionEstablished { .. }) {}
        })
        .await
        .unwrap();
        let swarm = tokio::spawn(async move {
            let mut taken = Vec::new();
            loop {
                tokio::select! {
                    _ = swarm.select_next_some() => {}
                    Some(stream) = incoming.next() => taken.push(stream),
                }
            }
        });
        RawPeer { control, hub: hub.key().peer_id().unwrap(), open: Vec::new(), swarm }
    }

    async fn send(&mut self, bytes: &[u8]) {
        let mut stream =
            timeout(DEADLINE, self.control.open_stream(self.hub, PROTOCOL)).await.unwrap().unwrap();
        stream.write_all(bytes).await.unwrap();
        stream.flush().await.unwrap();
        self.open.push(stream);
    }
}

impl Drop for RawPeer {
    fn drop(&mut self) {
        self.swarm.abort();
    }
}

async fn hub() -> Node {
    Node::start(1, |config| config.known = [key(2), key(3)].into()).await
}

const GREETING: [u8; 5] = [1, 0, 0, 0, 0];

/// Sends a greeting and then `bytes` on a stream of their own, and expects the connection to end so.
async fn check(bytes: &[u8], expected: CloseReason) {
    let mut hub = hub().await;
    let mut raw = RawPeer::connect(2, &hub).await;
    raw.send(&GREETING).await;
    assert_eq!(hub.next().await, Inbound::Connected { peer: key(2), known: true });
    raw.send(bytes).await;
    assert_eq!(hub.next().await, Inbound::Disconnected { peer: key(2), reason: expected });
    assert_eq!(hub.handle.gauges().violations, 1);
    // The hub goes on serving others.
    let peer = hub.as_peer();
    let honest = Node::start(3, |config| config.peers = vec![peer]).await;
    until(|| honest.handle.is_connected(&peer.peer)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_oversized_frame_closes_the_connection_before_memory_is_taken() {
    let announced = (33 + MAX_PAYLOAD_BYTES + 1) as u32;
    let bytes = [&[Lane::Block.code()][..], &announced.to_be_bytes()].concat();
    let max_bytes = 33 + MAX_PAYLOAD_BYTES;
    check(&bytes, CloseReason::Oversized { bytes: max_bytes + 1, max_bytes }).await;
    let bytes = [&[Lane::Sync.code()][..], &u32::MAX.to_be_bytes()].concat();
    check(&bytes, CloseReason::Oversized { bytes: u32::MAX as usize, max_bytes }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unknown_or_repeated_lane_closes_the_connection() {
    check(&[0], CloseReason::UnknownLane { code: 0 }).await;
    check(&[6], CloseReason::UnknownLane { code: 6 }).await;
    check(&GREETING, CloseReason::RepeatedLane { lane: Lane::Consensus }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_malformed_frame_closes_the_connection() {
    let undersized = [&[Lane::Sync.code()][..], &32_u32.to_be_bytes()].concat();
    check(&undersized, CloseReason::Undersized { bytes: 32 }).await;
    let head = |suite: u8, hash: u8| {
        [&[Lane::Sync.code()][..], &34_u32.to_be_bytes(), &[suite], &[hash; 32], &[0]].concat()
    };
    check(&head(9, 1), CloseReason::BadChain).await;
    check(&head(1, 0), CloseReason::BadChain).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_streams_than_lanes_close_the_connection() {
    let mut hub = hub().await;
    let mut raw = RawPeer::connect(2, &hub).await;
    raw.send(&GREETING).await;
    assert_eq!(hub.next().await, Inbound::Connected { peer: key(2), known: true });
    for lane in &Lane::ALL[1..] {
        raw.send(&[lane.code()]).await;
    }
    assert_eq!(hub.inbound.try_recv(), None);
    raw.send(&[2]).await;
    let lost = hub.next().await;
    let repeated = CloseReason::RepeatedLane { lane: Lane::Block };
    assert!(
        matches!(&lost, Inbound::Disconnected { reason, .. } if *reason == CloseReason::TooManyStreams || *reason == repeated),
        "{lost:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_does_not_greet_is_never_connected() {
    let mut hub = hub().await;
    let mut raw = RawPeer::connect(2, &hub).await;
    raw.send(&[Lane::Consensus.code(), 0, 0, 0, 34]).await;
    until(|| hub.handle.gauges().violations == 1).await;
    assert_eq!(hub.inbound.try_recv(), None);
    assert!(!hub.handle.is_connected(&key(2)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frame_announced_but_not_sent_blocks_only_its_lane() {
    let mut hub = hub().await;
    let mut raw = RawPeer::connect(2, &hub).await;
    raw.send(&GREETING).await;
    let head = |lane: Lane, payload: u32| {
        [&[lane.code()][..], &(33 + payload).to_be_bytes(), &[1], &[7; 32]].concat()
    };
    raw.send(&head(Lane::Block, 16 * 1024 * 1024)).await;
    raw.send(&[head(Lane::Sync, 1), vec![5]].concat()).await;
    assert_eq!(hub.next_frame().await, (key(2), frame(Lane::Sync, vec![5])));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silent_peer_is_let_go_and_an_idle_one_is_kept() {
    let mut hub = Node::start(1, |config| {
        config.known = [key(2), key(3)].into();
        config.keep_alive_ms = 100;
        config.silence_limit_ms = 600;
    })
    .await;
    let peer = hub.as_peer();
    let idle = Node::start(3, |config| {
        config.peers = vec![peer];
        config.keep_alive_ms = 100;
        config.silence_limit_ms = 600;
    })
    .await;
    until(|| hub.handle.is_connected(&key(3))).await;
    assert_eq!(hub.next().await, Inbound::Connected { peer: key(3), known: true });
    let mut raw = RawPeer::connect(2, &hub).await;
    raw.send(&GREETING).await;
    assert_eq!(hub.next().await, Inbound::Connected { peer: key(2), known: true });
    assert_eq!(hub.next().await, Inbound::Disconnected { peer: key(2), reason: CloseReason::Silent });
    assert!(hub.handle.is_connected(&idle.key()));
}
