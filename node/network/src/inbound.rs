//! What was received and waits for the node: one bounded share per (peer, lane), emptied fairly.
//!
//! A reader whose share is full waits, and so does its peer (TCP back-pressure). [`InboundReceiver`] takes lanes by
//! weight (consensus half of the turns when it has frames) and peers in turn within a lane, so a peer that floods
//! delays only itself. Events about connections come first; there are at most two per peer.

use crate::config::{LaneBounds, QueueBounds};
use crate::frame::{Frame, LANES, Lane};
use crate::keys::PeerKey;
use crate::links::CloseReason;
use crate::shared::lock;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use tokio::sync::Notify;

/// Something that came from a peer, or happened to its connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Inbound {
    /// A frame. Order is kept per (peer, lane).
    Frame {
        /// The authenticated sender.
        from: PeerKey,
        /// What it sent.
        frame: Frame,
    },
    /// The peer is connected and has accepted this node. Told before the connection's first frame.
    Connected {
        /// The peer.
        peer: PeerKey,
        /// Whether it is known or configured, not merely admitted by quota.
        known: bool,
    },
    /// The peer is gone. Frames that it sent before may still follow.
    Disconnected {
        /// The peer.
        peer: PeerKey,
        /// Why.
        reason: CloseReason,
    },
}

impl Inbound {
    fn peer(&self) -> PeerKey {
        match self {
            Inbound::Frame { from, .. } => *from,
            Inbound::Connected { peer, .. } | Inbound::Disconnected { peer, .. } => *peer,
        }
    }
}

/// The order in which lanes are offered a turn; a lane without frames passes its turn on.
const TURNS: [Lane; 10] = [
    Lane::Consensus,
    Lane::Block,
    Lane::Consensus,
    Lane::Transactions,
    Lane::Consensus,
    Lane::Courier,
    Lane::Consensus,
    Lane::Sync,
    Lane::Consensus,
    Lane::Block,
];

#[derive(Debug, Default)]
struct Share {
    frames: VecDeque<Frame>,
    bytes: usize,
    space: Arc<Notify>,
}

#[derive(Debug, Default)]
struct State {
    events: VecDeque<Inbound>,
    /// Non-empty shares, and empty ones that a reader is about to fill.
    shares: [BTreeMap<PeerKey, Share>; LANES],
    /// Peers with frames, in turn.
    rings: [VecDeque<PeerKey>; LANES],
    turn: usize,
    frames: usize,
    bytes: usize,
    received: u64,
    receiver_gone: bool,
    endpoint_gone: bool,
}

/// The queue between readers and the receiver.
#[derive(Debug)]
pub(crate) struct InboundQueue {
    state: Mutex<State>,
    ready: Notify,
    bounds: QueueBounds,
    bounds_of_strangers: QueueBounds,
}

impl InboundQueue {
    pub(crate) fn new(bounds: QueueBounds) -> InboundQueue {
        InboundQueue {
            state: Mutex::default(),
            ready: Notify::new(),
            bounds,
            bounds_of_strangers: bounds.for_stranger(),
        }
    }

    fn bounds(&self, lane: Lane, known: bool) -> LaneBounds {
        if known { self.bounds.of(lane) } else { self.bounds_of_strangers.of(lane) }
    }

    /// Hands over a frame; waits while the peer's share of the lane is full.
    pub(crate) async fn push(&self, from: PeerKey, known: bool, frame: Frame) {
        let lane = frame.lane.index();
        let bounds = self.bounds(frame.lane, known);
        let weight = frame.weight_bytes();
        let mut waiting = Some(frame);
        loop {
            let space = {
                let state = &mut *lock(&self.state);
                if state.receiver_gone {
                    return;
                }
                let share = state.shares[lane].entry(from).or_default();
                let fits = share.frames.is_empty()
                    || (share.frames.len() < bounds.frames && share.bytes + weight <= bounds.bytes);
                if fits {
                    if let Some(frame) = waiting.take() {
                        if share.frames.is_empty() {
                            state.rings[lane].push_back(from);
                        }
                        share.bytes += weight;
                        share.frames.push_back(frame);
                        state.frames += 1;
                        state.bytes += weight;
                        state.received += 1;
                    }
                    None
                } else {
                    Some(share.space.clone())
                }
            };
            match space {
                None => break self.ready.notify_one(),
                // The permit of a pop between unlocking and here is kept by `Notify`.
                Some(space) => space.notified().await,
            }
        }
    }

    /// Tells of a connection. An untold `Connected` is taken back by a `Disconnected`.
    pub(crate) fn tell(&self, event: Inbound) {
        let mut state = lock(&self.state);
        if state.receiver_gone {
            return;
        }
        let untold = state.events.iter().rposition(|other| other.peer() == event.peer());
        let taken_back = untold.filter(|place| {
            matches!(event, Inbound::Disconnected { .. })
                && matches!(state.events.get(*place), Some(Inbound::Connected { .. }))
        });
        match taken_back {
            Some(place) => drop(state.events.remove(place)),
            None => state.events.push_back(event),
        }
        drop(state);
        self.ready.notify_one();
    }

    /// Ends the queue: what is in it can still be received.
    pub(crate) fn close(&self) {
        lock(&self.state).endpoint_gone = true;
        self.ready.notify_one();
    }

    /// Frames and bytes that wait, and frames received in all.
    pub(crate) fn depth(&self) -> (usize, usize, u64) {
        let state = lock(&self.state);
        (state.frames, state.bytes, state.received)
    }
}

impl State {
    fn pop(&mut self) -> Option<Inbound> {
        if let Some(event) = self.events.pop_front() {
            return Some(event);
        }
        if self.frames == 0 {
            return None;
        }
        for _ in 0..TURNS.len() {
            let lane = TURNS[self.turn].index();
            self.turn = (self.turn + 1) % TURNS.len();
            if let Some(found) = self.pop_lane(lane) {
                return Some(found);
            }
        }
        None
    }

    fn pop_lane(&mut self, lane: usize) -> Option<Inbound> {
        let from = self.rings[lane].pop_front()?;
        let share = self.shares[lane].get_mut(&from)?;
        let frame = share.frames.pop_front()?;
        let weight = frame.weight_bytes();
        share.bytes -= weight;
        share.space.notify_one();
        if share.frames.is_empty() {
            self.shares[lane].remove(&from);
        } else {
            self.rings[lane].push_back(from);
        }
        self.frames -= 1;
        self.bytes -= weight;
        Some(Inbound::Frame { from, frame })
    }
}

/// Receives what an endpoint's peers send. Dropping it discards everything that still comes.
#[derive(Debug)]
pub struct InboundReceiver {
    queue: Arc<InboundQueue>,
}

impl InboundReceiver {
    pub(crate) fn new(queue: Arc<InboundQueue>) -> InboundReceiver {
        InboundReceiver { queue }
    }

    /// The next item; `None` once the endpoint has stopped and everything was received. Cancel safe.
    pub async fn recv(&mut self) -> Option<Inbound> {
        loop {
            {
                let mut state = lock(&self.queue.state);
                if let Some(item) = state.pop() {
                    return Some(item);
                }
                if state.endpoint_gone {
                    return None;
                }
            }
            self.queue.ready.notified().await;
        }
    }

    /// Waits for an item and appends it and what else is there, up to `max` items. Returns how many; 0 once the
    /// endpoint has stopped and everything was received. Cancel safe.
    pub async fn recv_many(&mut self, items: &mut Vec<Inbound>, max: usize) -> usize {
        if max == 0 {
            return 0;
        }
        loop {
            {
                let mut state = lock(&self.queue.state);
                let before = items.len();
                while items.len() - before < max {
                    let Some(item) = state.pop() else { break };
                    items.push(item);
                }
                if items.len() > before || state.endpoint_gone {
                    return items.len() - before;
                }
            }
            self.queue.ready.notified().await;
        }
    }

    /// The next item if there is one now.
    pub fn try_recv(&mut self) -> Option<Inbound> {
        lock(&self.queue.state).pop()
    }

    /// [`recv`](Self::recv) for a thread without a runtime.
    pub fn blocking_recv(&mut self) -> Option<Inbound> {
        futures::executor::block_on(self.recv())
    }
}

impl Drop for InboundReceiver {
    fn drop(&mut self) {
        let mut state = lock(&self.queue.state);
        state.receiver_gone = true;
        state.events.clear();
        state.frames = 0;
        state.bytes = 0;
        for ring in &mut state.rings {
            ring.clear();
        }
        for share in std::mem::take(&mut state.shares).into_iter().flat_map(BTreeMap::into_values) {
            share.space.notify_one();
        }
    }
}
