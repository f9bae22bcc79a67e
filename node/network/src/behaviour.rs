//! Admission of connections by network key, and the way of their streams to the driver.

use crate::frame::Lane;
use crate::handler::{Handler, StreamEvent};
use crate::keys::PeerKey;
use crate::shared::{Refused, Shared, lock};
use libp2p::core::transport::PortUse;
use libp2p::core::{Endpoint, Multiaddr};
use libp2p::multiaddr::Protocol;
use libp2p::swarm::{
    ConnectionClosed, ConnectionDenied, ConnectionId, DialFailure, FromSwarm, ListenFailure, NetworkBehaviour,
    THandler, THandlerInEvent, THandlerOutEvent, ToSwarm,
};
use libp2p::{PeerId, connection_limits};
use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};

/// Connections that may be in their handshake at once, in each direction.
const MAX_HANDSHAKES: u32 = 256;

/// The endpoint's behaviour: lanes behind a limit of handshakes.
#[derive(NetworkBehaviour)]
pub(crate) struct EndpointBehaviour {
    limits: connection_limits::Behaviour,
    lanes: LanesBehaviour,
}

impl EndpointBehaviour {
    pub(crate) fn new(shared: Arc<Shared>) -> EndpointBehaviour {
        let limits = connection_limits::ConnectionLimits::default()
            .with_max_pending_incoming(Some(MAX_HANDSHAKES))
            .with_max_pending_outgoing(Some(MAX_HANDSHAKES));
        EndpointBehaviour {
            limits: connection_limits::Behaviour::new(limits),
            lanes: LanesBehaviour { shared, events: VecDeque::new() },
        }
    }
}

/// A stream event and the connection it is of.
#[derive(Debug)]
pub(crate) struct ConnectionStreamEvent {
    pub(crate) connection: ConnectionId,
    pub(crate) event: StreamEvent,
}

/// Admits peers and forwards their streams.
#[derive(Debug)]
pub(crate) struct LanesBehaviour {
    shared: Arc<Shared>,
    events: VecDeque<ConnectionStreamEvent>,
}

impl LanesBehaviour {
    fn admit(
        &self,
        connection: ConnectionId,
        peer_id: &PeerId,
        address: Option<IpAddr>,
    ) -> Result<Handler, ConnectionDenied> {
        let admitted = match PeerKey::from_peer_id(peer_id) {
            None => Err(Refused::NoNetworkKey),
            Some(peer) if peer == self.shared.own_key => Err(Refused::OwnKey),
            Some(peer) => lock(&self.shared.wanted).admit(connection, &peer, address),
        };
        admitted.map(|()| Handler::new(Lane::ALL)).map_err(|refused| {
            self.shared.refused_connections.fetch_add(1, Ordering::Relaxed);
            tracing::debug!(%peer_id, ?address, %refused, "connection refused");
            ConnectionDenied::new(refused)
        })
    }
}

impl NetworkBehaviour for LanesBehaviour {
    type ConnectionHandler = Handler;
    type ToSwarm = ConnectionStreamEvent;

    fn handle_established_inbound_connection(
        &mut self,
        connection: ConnectionId,
        peer_id: PeerId,
        _local: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.admit(connection, &peer_id, ip_of(remote))
    }

    fn handle_established_outbound_connection(
        &mut self,
        connection: ConnectionId,
        peer_id: PeerId,
        remote: &Multiaddr,
        _role: Endpoint,
        _port_use: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.admit(connection, &peer_id, ip_of(remote))
    }

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        match event {
            FromSwarm::ConnectionClosed(ConnectionClosed { connection_id, .. })
            | FromSwarm::ListenFailure(ListenFailure { connection_id, .. })
            | FromSwarm::DialFailure(DialFailure { connection_id, .. }) => {
                lock(&self.shared.wanted).release(connection_id);
            }
            _ => {}
        }
    }

    fn on_connection_handler_event(
        &mut self,
        _peer_id: PeerId,
        connection: ConnectionId,
        event: THandlerOutEvent<Self>,
    ) {
        self.events.push_back(ConnectionStreamEvent { connection, event });
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        // The swarm polls behaviours after handing them an event, so no waker is kept.
        self.events.pop_front().map_or(Poll::Pending, |event| Poll::Ready(ToSwarm::GenerateEvent(event)))
    }
}

fn ip_of(address: &Multiaddr) -> Option<IpAddr> {
    address.iter().find_map(|part| match part {
        Protocol::Ip4(ip) => Some(IpAddr::V4(ip)),
        Protocol::Ip6(ip) => Some(IpAddr::V6(ip)),
        _ => None,
    })
}
