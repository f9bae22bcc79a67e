//! A peer that writes whatever it is told, on streams that it opens at once.

use crate::driver::multiaddr_of;
use crate::frame::Lane;
use crate::handler::{Handler, StreamEvent};
use crate::tests::{DEADLINE, Node, secret};
use futures::{AsyncWriteExt, StreamExt};
use libp2p::core::transport::PortUse;
use libp2p::core::{Endpoint, Multiaddr};
use libp2p::swarm::{
    ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, SwarmEvent, THandler, THandlerInEvent,
    THandlerOutEvent, ToSwarm,
};
use libp2p::{PeerId, SwarmBuilder, noise, tcp, yamux};
use std::collections::VecDeque;
use std::task::{Context, Poll};
use tokio::sync::mpsc;
use tokio::time::timeout;

/// The test's end of the peer.
pub(super) struct RawPeer {
    streams: mpsc::UnboundedReceiver<libp2p::Stream>,
    /// Streams are kept open: closing one means something.
    open: Vec<libp2p::Stream>,
    swarm: tokio::task::JoinHandle<()>,
}

impl RawPeer {
    /// Connects to `hub` and opens `count` streams.
    pub(super) async fn connect(number: u8, hub: &Node, count: usize) -> RawPeer {
        let mut swarm = SwarmBuilder::with_existing_identity(secret(number).pair())
            .with_tokio()
            .with_tcp(tcp::Config::default(), noise::Config::new, yamux::Config::default)
            .unwrap()
            .with_behaviour(|_| RawBehaviour { count, events: VecDeque::new() })
            .unwrap()
            .build();
        swarm.dial(multiaddr_of(hub.handle.listen_address())).unwrap();
        let (opened, streams) = mpsc::unbounded_channel();
        let swarm = tokio::spawn(async move {
            let mut taken = Vec::new();
            loop {
                match swarm.select_next_some().await {
                    SwarmEvent::Behaviour(StreamEvent::Outbound { stream, .. }) => opened.send(stream).unwrap(),
                    SwarmEvent::Behaviour(StreamEvent::Inbound { stream }) => taken.push(stream),
                    _ => {}
                }
            }
        });
        RawPeer { streams, open: Vec::new(), swarm }
    }

    /// Writes `bytes` on a stream of their own.
    pub(super) async fn send(&mut self, bytes: &[u8]) {
        let mut stream = timeout(DEADLINE, self.streams.recv()).await.unwrap().unwrap();
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

struct RawBehaviour {
    count: usize,
    events: VecDeque<StreamEvent>,
}

impl RawBehaviour {
    fn handler(&self) -> Handler {
        Handler::new(std::iter::repeat_n(Lane::Block, self.count))
    }
}

impl NetworkBehaviour for RawBehaviour {
    type ConnectionHandler = Handler;
    type ToSwarm = StreamEvent;

    fn handle_established_inbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(self.handler())
    }

    fn handle_established_outbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(self.handler())
    }

    fn on_swarm_event(&mut self, _: FromSwarm<'_>) {}

    fn on_connection_handler_event(&mut self, _: PeerId, _: ConnectionId, event: THandlerOutEvent<Self>) {
        self.events.push_back(event);
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        self.events.pop_front().map_or(Poll::Pending, |event| Poll::Ready(ToSwarm::GenerateEvent(event)))
    }
}
