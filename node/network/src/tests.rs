//! Tests over real loopback sockets: port 0, deadlines, and no sleeping to wait for something.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod admission;
mod exchange;
mod pressure;
mod queues;
mod rivals;
mod throughput;
mod violations;

use crate::*;
use bytes::Bytes;
use ledger_protocol::{ChainId, Hash, Suite};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::time::{Instant, timeout};

const DEADLINE: Duration = Duration::from_secs(20);

fn secret(number: u8) -> NetworkSecretKey {
    NetworkSecretKey::from_seed([number; 32])
}

fn key(number: u8) -> PeerKey {
    secret(number).public()
}

fn any_port() -> SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

fn chain(number: u8) -> ChainId {
    ChainId { suite: Suite::Standard, hash: Hash([number; 32]) }
}

fn frame(lane: Lane, payload: impl Into<Bytes>) -> Frame {
    Frame { chain: chain(7), lane, payload: payload.into() }
}

fn numbered(lane: Lane, number: u64) -> Frame {
    frame(lane, number.to_be_bytes().to_vec())
}

struct Node {
    handle: EndpointHandle,
    inbound: InboundReceiver,
}

impl Node {
    async fn start(number: u8, change: impl FnOnce(&mut EndpointConfig)) -> Node {
        let mut config = EndpointConfig::new(any_port());
        change(&mut config);
        let (handle, inbound) = Endpoint::start(config, secret(number)).await.unwrap();
        Node { handle, inbound }
    }

    fn key(&self) -> PeerKey {
        self.handle.own_key()
    }

    fn as_peer(&self) -> PeerConfig {
        PeerConfig { peer: self.key(), address: self.handle.listen_address() }
    }

    /// The next item, or a failure at the deadline.
    async fn next(&mut self) -> Inbound {
        timeout(DEADLINE, self.inbound.recv()).await.expect("nothing came in time").expect("the endpoint stopped")
    }

    /// The next frame; events are passed over.
    async fn next_frame(&mut self) -> (PeerKey, Frame) {
        loop {
            if let Inbound::Frame { from, frame } = self.next().await {
                return (from, frame);
            }
        }
    }

    async fn until_connected(&mut self, peer: PeerKey) {
        until(|| self.handle.is_connected(&peer)).await;
    }

    fn lane_gauges(&self, peer: PeerKey, lane: Lane) -> LaneGauges {
        let gauges = self.handle.gauges();
        let peer = gauges.peers.iter().find(|gauges| gauges.peer == peer).expect("no such peer");
        peer.lanes[lane.index()]
    }
}

/// Polls until `done`, or fails at the deadline.
async fn until(mut done: impl FnMut() -> bool) {
    let end = Instant::now() + DEADLINE;
    while !done() {
        assert!(Instant::now() < end, "the condition did not come true in time");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// `count` nodes that all have each other as peers, connected.
async fn full_mesh(count: u8) -> Vec<Node> {
    let mut nodes = Vec::new();
    for number in 1..=count {
        nodes.push(Node::start(number, |_| {}).await);
    }
    let peers: Vec<PeerConfig> = nodes.iter().map(Node::as_peer).collect();
    for node in &nodes {
        for peer in peers.iter().filter(|peer| peer.peer != node.key()) {
            node.handle.set_peer(*peer).unwrap();
        }
    }
    for node in &nodes {
        until(|| node.handle.connected_peers().len() + 1 == nodes.len()).await;
    }
    nodes
}
