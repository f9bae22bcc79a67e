//! One connection's streams: opens one per lane at once, and passes every stream to the behaviour.
//!
//! Bound: a peer may open as many streams as there are lanes, in the life of the connection; one more is a violation.

use crate::frame::{LANES, Lane};
use crate::links::CloseReason;
use libp2p::StreamProtocol;
use libp2p::core::upgrade::ReadyUpgrade;
use libp2p::swarm::handler::{
    ConnectionEvent, ConnectionHandler, ConnectionHandlerEvent, FullyNegotiatedInbound, FullyNegotiatedOutbound,
    SubstreamProtocol,
};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::task::{Context, Poll};

/// The protocol of a stream; a change of the frame format changes the number.
const PROTOCOL: StreamProtocol = StreamProtocol::new("/crosstie/frames/1");

/// What a connection tells the behaviour.
#[derive(Debug)]
pub(crate) enum StreamEvent {
    /// The stream on which to send the frames of a lane.
    Outbound { lane: Lane, stream: libp2p::Stream },
    /// A stream on which the peer sends.
    Inbound { stream: libp2p::Stream },
    /// The peer does not speak the protocol, or speaks too much of it.
    Failed { reason: CloseReason },
}

type HandlerEvent = ConnectionHandlerEvent<ReadyUpgrade<StreamProtocol>, Lane, StreamEvent>;

/// The handler of one connection.
#[derive(Debug)]
pub(crate) struct Handler {
    queue: VecDeque<HandlerEvent>,
    opened_by_peer: usize,
}

impl Handler {
    /// A handler that opens a stream for each of `lanes`.
    pub(crate) fn new(lanes: impl IntoIterator<Item = Lane>) -> Handler {
        let queue = lanes
            .into_iter()
            .map(|lane| ConnectionHandlerEvent::OutboundSubstreamRequest {
                protocol: SubstreamProtocol::new(ReadyUpgrade::new(PROTOCOL), lane),
            })
            .collect();
        Handler { queue, opened_by_peer: 0 }
    }

    fn tell(&mut self, event: StreamEvent) {
        self.queue.push_back(ConnectionHandlerEvent::NotifyBehaviour(event));
    }
}

impl ConnectionHandler for Handler {
    type FromBehaviour = Infallible;
    type ToBehaviour = StreamEvent;
    type InboundProtocol = ReadyUpgrade<StreamProtocol>;
    type OutboundProtocol = ReadyUpgrade<StreamProtocol>;
    type InboundOpenInfo = ();
    type OutboundOpenInfo = Lane;

    fn listen_protocol(&self) -> SubstreamProtocol<Self::InboundProtocol> {
        SubstreamProtocol::new(ReadyUpgrade::new(PROTOCOL), ())
    }

    fn connection_keep_alive(&self) -> bool {
        true
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<HandlerEvent> {
        // The swarm polls again after each connection event, so no waker is kept.
        self.queue.pop_front().map_or(Poll::Pending, Poll::Ready)
    }

    fn on_behaviour_event(&mut self, event: Infallible) {
        match event {}
    }

    fn on_connection_event(
        &mut self,
        event: ConnectionEvent<'_, Self::InboundProtocol, Self::OutboundProtocol, (), Lane>,
    ) {
        match event {
            ConnectionEvent::FullyNegotiatedInbound(FullyNegotiatedInbound { protocol: stream, .. }) => {
                self.opened_by_peer += 1;
                if self.opened_by_peer <= LANES {
                    self.tell(StreamEvent::Inbound { stream });
                } else if self.opened_by_peer == LANES + 1 {
                    self.tell(StreamEvent::Failed { reason: CloseReason::TooManyStreams });
                }
            }
            ConnectionEvent::FullyNegotiatedOutbound(FullyNegotiatedOutbound { protocol: stream, info: lane }) => {
                self.tell(StreamEvent::Outbound { lane, stream });
            }
            ConnectionEvent::DialUpgradeError(error) => {
                let text = error.error.to_string();
                self.tell(StreamEvent::Failed { reason: CloseReason::NoProtocol { text } });
            }
            _ => {}
        }
    }
}
