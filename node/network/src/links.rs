//! When to dial a peer, which of two connections to keep, and why connections end: decisions without I/O.
//!
//! Both ends may dial each other at once. The one with the larger key waits a moment before it dials; if two
//! connections appear nevertheless, both ends keep the one that the smaller key dialled. A connection that is not
//! young any more loses to a new one: the peer would not have dialled had it not lost the old one.

use crate::frame::Lane;
use crate::keys::PeerKey;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// The first pause before dialling again.
const BACKOFF_MIN: Duration = Duration::from_millis(100);
/// The longest pause before dialling again.
const BACKOFF_MAX: Duration = Duration::from_secs(5);
/// How long the larger key lets the smaller one dial first.
const YIELD_TO_SMALLER_KEY: Duration = Duration::from_millis(250);
/// Two connections within this time are taken for two ends that dialled at once.
const YOUNG: Duration = Duration::from_secs(10);
/// A connection that lasted this long starts the back-off anew.
const LASTING: Duration = Duration::from_secs(5);

/// Why a connection ended.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CloseReason {
    /// The peer, or the network between, closed it.
    #[error("the connection was lost: {text}")]
    Lost {
        /// What the transport said.
        text: String,
    },
    /// Nothing came for longer than the silence limit.
    #[error("the peer was silent for too long")]
    Silent,
    /// The peer did not accept this node in time.
    #[error("the peer did not accept this node in time")]
    NotAccepted,
    /// Another connection to the same peer took its place.
    #[error("a newer connection took its place")]
    Replaced,
    /// The peer was removed, or is not known any more.
    #[error("the peer is not wanted any more")]
    NotWanted,
    /// A peer admitted by quota sent nothing for its idle time.
    #[error("the peer was admitted by quota and idle for too long")]
    Idle,
    /// The endpoint stops.
    #[error("this node stops")]
    Stopped,
    /// The peer speaks another protocol.
    #[error("the peer does not speak this protocol: {text}")]
    NoProtocol {
        /// What the negotiation said.
        text: String,
    },
    /// Violation: more streams than lanes.
    #[error("the peer opened more streams than there are lanes")]
    TooManyStreams,
    /// Violation: a stream of no known lane.
    #[error("the peer opened a stream for the unknown lane {code}")]
    UnknownLane {
        /// The lane's code.
        code: u8,
    },
    /// Violation: a second stream of a lane.
    #[error("the peer opened a second stream for the lane {lane:?}")]
    RepeatedLane {
        /// The lane.
        lane: Lane,
    },
    /// Violation: a frame longer than allowed.
    #[error("the peer announced a frame of {bytes} bytes; at most {max_bytes} are allowed")]
    Oversized {
        /// What it announced.
        bytes: usize,
        /// What is allowed.
        max_bytes: usize,
    },
    /// Violation: a frame too short for a chain id.
    #[error("the peer announced a frame of {bytes} bytes, which has no room for a chain id")]
    Undersized {
        /// What it announced.
        bytes: usize,
    },
    /// Violation: a chain id of no known suite, or with the zero hash.
    #[error("the peer sent a frame with a chain id that cannot exist")]
    BadChain,
    /// Violation: the consensus lane did not start with a keep-alive.
    #[error("the peer did not greet on the consensus lane")]
    NoGreeting,
}

impl CloseReason {
    /// Whether the peer broke the protocol's rules.
    pub const fn is_violation(&self) -> bool {
        matches!(
            self,
            CloseReason::TooManyStreams
                | CloseReason::UnknownLane { .. }
                | CloseReason::RepeatedLane { .. }
                | CloseReason::Oversized { .. }
                | CloseReason::Undersized { .. }
                | CloseReason::BadChain
                | CloseReason::NoGreeting
        )
    }
}

/// A configured peer: when it is to be dialled.
#[derive(Debug)]
pub(crate) struct Dialling {
    pub(crate) address: SocketAddr,
    yields: bool,
    backoff: Duration,
    pub(crate) next_dial: Instant,
    /// Whether a dial is on its way.
    pub(crate) under_way: bool,
    /// Failed dials since the last success, for quieter logs.
    pub(crate) failures: u32,
}

impl Dialling {
    pub(crate) fn new(own_key: PeerKey, peer: PeerKey, address: SocketAddr, now: Instant) -> Dialling {
        let yields = own_key > peer;
        let wait = if yields { YIELD_TO_SMALLER_KEY } else { Duration::ZERO };
        Dialling { address, yields, backoff: BACKOFF_MIN, next_dial: now + wait, under_way: false, failures: 0 }
    }

    /// Dials the new address at once.
    pub(crate) fn move_to(&mut self, address: SocketAddr, now: Instant) {
        if self.address != address {
            self.address = address;
            self.backoff = BACKOFF_MIN;
            self.next_dial = now;
        }
    }

    /// A dial failed.
    pub(crate) fn failed(&mut self, now: Instant) {
        self.under_way = false;
        self.failures = self.failures.saturating_add(1);
        self.pause(now);
    }

    /// The peer's last connection ended after `lasted`, counted from when both ends had accepted it.
    pub(crate) fn ended(&mut self, lasted: Duration, now: Instant) {
        if lasted >= LASTING {
            self.backoff = BACKOFF_MIN;
        }
        self.pause(now);
    }

    fn pause(&mut self, now: Instant) {
        let wait = if self.yields { YIELD_TO_SMALLER_KEY } else { Duration::ZERO };
        self.next_dial = now + self.backoff + wait;
        self.backoff = (self.backoff * 2).min(BACKOFF_MAX);
    }
}

/// One end's view of a connection, for choosing between two.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Candidate {
    /// Whether this end dialled it.
    pub(crate) dialled_here: bool,
    pub(crate) established: Instant,
}

/// What to do when a second connection to a peer appears.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Choice {
    /// Close the old one at once: the peer has lost it.
    CloseOld,
    /// Send on the new one; let what was sent on the old one arrive, then close it.
    RetireOld,
    /// Keep sending on the old one; close the new one after a while.
    RetireNew,
}

/// Chooses between a peer's current connection and a new one. Both ends come to the same choice.
pub(crate) fn choose(own_key: PeerKey, peer: PeerKey, old: Candidate, new: Candidate) -> Choice {
    let old_is_young = new.established.duration_since(old.established) < YOUNG;
    if !old_is_young || old.dialled_here == new.dialled_here {
        return Choice::CloseOld;
    }
    let new_dialled_by_smaller_key = new.dialled_here == (own_key < peer);
    if new_dialled_by_smaller_key { Choice::RetireOld } else { Choice::RetireNew }
}
