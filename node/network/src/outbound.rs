//! What waits to be sent to one peer: a bounded queue per lane.
//!
//! Any thread may push; one writer per lane takes. A full lane refuses the new frame or drops its oldest one, by
//! [`Lane::keeps_newest`](crate::Lane). Frames share their payload, so a broadcast costs one payload.

use crate::config::{LaneBounds, QueueBounds};
use crate::frame::{Frame, LANES, Lane};
use crate::gauges::LaneGauges;
use crate::shared::lock;
use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// The queues of one peer.
#[derive(Debug)]
pub(crate) struct Outbound {
    lanes: [LaneQueue; LANES],
    stale_after: Duration,
    /// The connection whose writers may take frames; see [`WriterId`].
    writer: AtomicU64,
}

/// Names a connection's writers. A writer of a connection that has ended may still run for a moment; it gets nothing
/// any more, so that a frame queued after the end waits for the next connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct WriterId(pub(crate) u64);

/// Nobody may take.
const NO_WRITER: u64 = 0;

#[derive(Debug)]
struct LaneQueue {
    bounds: LaneBounds,
    state: Mutex<LaneState>,
    /// Tells the lane's writer that there is something to take.
    ready: Notify,
}

#[derive(Debug, Default)]
struct LaneState {
    frames: VecDeque<(Instant, Frame)>,
    bytes: usize,
    sent: u64,
    dropped: u64,
    refused: u64,
}

impl LaneState {
    fn pop(&mut self) -> Option<(Instant, Frame)> {
        let (queued_at, frame) = self.frames.pop_front()?;
        self.bytes -= frame.weight_bytes();
        Some((queued_at, frame))
    }

    fn exceeds(&self, bounds: LaneBounds, added: usize) -> bool {
        !self.frames.is_empty() && (self.frames.len() >= bounds.frames || self.bytes + added > bounds.bytes)
    }
}

/// The queue is full; the frame was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Full;

impl Outbound {
    pub(crate) fn new(bounds: QueueBounds, stale_after: Duration) -> Outbound {
        let lanes =
            Lane::ALL.map(|lane| LaneQueue { bounds: bounds.of(lane), state: Mutex::default(), ready: Notify::new() });
        Outbound { lanes, stale_after, writer: AtomicU64::new(NO_WRITER) }
    }

    fn lane(&self, lane: Lane) -> &LaneQueue {
        &self.lanes[lane.index()]
    }

    /// Queues `frame`, by the lane's rule when it is full.
    pub(crate) fn push(&self, frame: Frame) -> Result<(), Full> {
        let lane = frame.lane;
        let queue = self.lane(lane);
        let weight = frame.weight_bytes();
        let mut state = lock(&queue.state);
        while state.exceeds(queue.bounds, weight) {
            if !lane.keeps_newest() {
                state.refused += 1;
                return Err(Full);
            }
            state.pop();
            state.dropped += 1;
        }
        state.bytes += weight;
        state.frames.push_back((Instant::now(), frame));
        drop(state);
        queue.ready.notify_one();
        Ok(())
    }

    /// From now on only `writer` takes frames.
    pub(crate) fn open_for(&self, writer: WriterId) {
        self.writer.store(writer.0, Ordering::Release);
    }

    /// `writer` takes no frame that is queued from now on. Another one is not affected.
    pub(crate) fn close_for(&self, writer: WriterId) {
        // A failed exchange means that another writer has taken over already. What orders this against `take` is the
        // lock of the lane, which both the later push and the take pass.
        self.writer.compare_exchange(writer.0, NO_WRITER, Ordering::AcqRel, Ordering::Acquire).ok();
    }

    /// Moves frames to `batch` until it weighs `max_bytes`; frames that waited too long are dropped.
    pub(crate) fn take(&self, writer: WriterId, lane: Lane, max_bytes: usize, batch: &mut Vec<Frame>) {
        let mut taken_bytes = 0;
        let mut state = lock(&self.lane(lane).state);
        if state.frames.is_empty() || self.writer.load(Ordering::Acquire) != writer.0 {
            return;
        }
        let now = Instant::now();
        while taken_bytes < max_bytes {
            let Some((queued_at, frame)) = state.pop() else { break };
            if now.duration_since(queued_at) > self.stale_after {
                state.dropped += 1;
                continue;
            }
            state.sent += 1;
            taken_bytes += frame.weight_bytes();
            batch.push(frame);
        }
    }

    /// Waits until there may be something to take.
    pub(crate) async fn ready(&self, lane: Lane) {
        self.lane(lane).ready.notified().await;
    }

    /// Passes a wake-up on to the lane's next writer.
    pub(crate) fn wake(&self, lane: Lane) {
        self.lane(lane).ready.notify_one();
    }

    /// Forgets what waits on lanes that do not keep frames for an absent peer.
    pub(crate) fn forget_refusing_lanes(&self) {
        for lane in Lane::ALL.into_iter().filter(|lane| !lane.keeps_newest()) {
            let mut state = lock(&self.lane(lane).state);
            while state.pop().is_some() {
                state.dropped += 1;
            }
        }
    }

    /// Depth and counts of each lane.
    pub(crate) fn gauges(&self) -> [LaneGauges; LANES] {
        Lane::ALL.map(|lane| {
            let state = lock(&self.lane(lane).state);
            LaneGauges {
                lane,
                queued_frames: state.frames.len(),
                queued_bytes: state.bytes,
                sent_frames: state.sent,
                dropped_frames: state.dropped,
                refused_frames: state.refused,
            }
        })
    }
}
