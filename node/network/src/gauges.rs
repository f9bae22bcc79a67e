//! Depths and counts of an endpoint, for metrics and for tests.

use crate::frame::{LANES, Lane};
use crate::keys::PeerKey;

/// An endpoint at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointGauges {
    /// Each configured or connected peer, by key.
    pub peers: Vec<PeerGauges>,
    /// Frames that wait for the receiver.
    pub inbound_frames: usize,
    /// Their bytes.
    pub inbound_bytes: usize,
    /// Frames received since the start.
    pub received_frames: u64,
    /// Frames that a stranger sent on a lane that is not open to it; they were dropped.
    pub unwanted_frames: u64,
    /// Established connections, those that are being given up included.
    pub connections: usize,
    /// Connections refused because the peer is not known, or the quota was full.
    pub refused_connections: u64,
    /// Connections closed because the peer broke the rules.
    pub violations: u64,
}

/// One peer at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerGauges {
    /// Its network key.
    pub peer: PeerKey,
    /// Whether it is connected and has accepted this node.
    pub connected: bool,
    /// Whether it is known or configured, not merely admitted by quota.
    pub known: bool,
    /// What waits for it, per lane.
    pub lanes: [LaneGauges; LANES],
}

/// One lane of one peer at one moment; counts run since the peer was added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LaneGauges {
    /// The lane.
    pub lane: Lane,
    /// Frames that wait to be sent.
    pub queued_frames: usize,
    /// Their bytes.
    pub queued_bytes: usize,
    /// Frames handed to the connection.
    pub sent_frames: u64,
    /// Frames dropped: pushed out by newer ones, or too old when the peer came back.
    pub dropped_frames: u64,
    /// Frames refused to the sender because the lane was full.
    pub refused_frames: u64,
}
