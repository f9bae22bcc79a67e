//! Peers that break the rules, played by raw libp2p streams: the connection is closed with a reason.

mod raw_peer;

use super::*;
use raw_peer::RawPeer;

async fn hub() -> Node {
    Node::start(1, |config| config.known = [key(2), key(3)].into()).await
}

const GREETING: [u8; 5] = [1, 0, 0, 0, 0];

/// Sends a greeting and then `bytes` on a stream of their own, and expects the connection to end so.
async fn check(bytes: &[u8], expected: CloseReason) {
    let mut hub = hub().await;
    let mut raw = RawPeer::connect(2, &hub, 5).await;
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
    let head =
        |suite: u8, hash: u8| [&[Lane::Sync.code()][..], &34_u32.to_be_bytes(), &[suite], &[hash; 32], &[0]].concat();
    check(&head(9, 1), CloseReason::BadChain).await;
    check(&head(1, 0), CloseReason::BadChain).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_streams_than_lanes_close_the_connection() {
    let hub = hub().await;
    let _raw = RawPeer::connect(2, &hub, 6).await;
    until(|| hub.handle.gauges().violations == 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_does_not_greet_is_never_connected() {
    let mut hub = hub().await;
    let mut raw = RawPeer::connect(2, &hub, 5).await;
    raw.send(&[Lane::Consensus.code(), 0, 0, 0, 34]).await;
    until(|| hub.handle.gauges().violations == 1).await;
    assert_eq!(hub.inbound.try_recv(), None);
    assert!(!hub.handle.is_connected(&key(2)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frame_announced_but_not_sent_blocks_only_its_lane() {
    let mut hub = hub().await;
    let mut raw = RawPeer::connect(2, &hub, 5).await;
    raw.send(&GREETING).await;
    let head = |lane: Lane, payload: u32| [&[lane.code()][..], &(33 + payload).to_be_bytes(), &[1], &[7; 32]].concat();
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
    let mut raw = RawPeer::connect(2, &hub, 5).await;
    raw.send(&GREETING).await;
    assert_eq!(hub.next().await, Inbound::Connected { peer: key(2), known: true });
    assert_eq!(hub.next().await, Inbound::Disconnected { peer: key(2), reason: CloseReason::Silent });
    assert!(hub.handle.is_connected(&idle.key()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_whose_socket_takes_nothing_is_let_go() {
    use crate::stall::StallGuard;
    use futures::AsyncWriteExt;
    let (writer, _reader) = tokio::io::duplex(1_000);
    let mut guarded = StallGuard::new(Duplex(writer), Duration::from_millis(100));
    guarded.write_all(&[1; 1_000]).await.unwrap();
    let stalled = timeout(DEADLINE, guarded.write_all(&[1; 1])).await.unwrap();
    assert_eq!(stalled.unwrap_err().kind(), std::io::ErrorKind::TimedOut);
}

/// A tokio stream with the traits of `futures`.
struct Duplex(tokio::io::DuplexStream);

impl futures::AsyncWrite for Duplex {
    fn poll_write(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
        bytes: &[u8],
    ) -> std::task::Poll<std::io::Result<usize>> {
        tokio::io::AsyncWrite::poll_write(std::pin::Pin::new(&mut self.0), context, bytes)
    }

    fn poll_flush(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        tokio::io::AsyncWrite::poll_flush(std::pin::Pin::new(&mut self.0), context)
    }

    fn poll_close(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        tokio::io::AsyncWrite::poll_shutdown(std::pin::Pin::new(&mut self.0), context)
    }
}
