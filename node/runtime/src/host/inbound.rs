//! Frames on their way from an endpoint into the event loop, with back-pressure.

use super::event_loop::LoopEvent;
use node_network::{Inbound, InboundReceiver};
use std::sync::{Arc, Condvar, Mutex, PoisonError, mpsc};

/// Most frames that wait in the event loop's queue, all endpoints together. Above it the endpoints are not read, so
/// that the senders are slowed down instead of this process growing.
const MAX_WAITING: usize = 16_384;
/// Most frames moved at once.
const MAX_BATCH: usize = 256;

/// How many frames wait in the loop's queue.
#[derive(Debug, Clone, Default)]
pub(super) struct Room(Arc<(Mutex<usize>, Condvar)>);

impl Room {
    fn take(&self, count: usize) {
        let (waiting, freed) = &*self.0;
        let mut waiting = waiting.lock().unwrap_or_else(PoisonError::into_inner);
        while *waiting >= MAX_WAITING {
            waiting = freed.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
        *waiting += count;
    }

    /// The loop has taken some out.
    pub(super) fn give_back(&self, count: usize) {
        let (waiting, freed) = &*self.0;
        let mut waiting = waiting.lock().unwrap_or_else(PoisonError::into_inner);
        *waiting = waiting.saturating_sub(count);
        freed.notify_all();
    }
}

/// Starts the thread that forwards one endpoint's frames; it ends with the endpoint or the loop.
pub(super) fn start(
    endpoint: usize,
    mut receiver: InboundReceiver,
    room: Room,
    events: mpsc::Sender<LoopEvent>,
) -> std::io::Result<()> {
    std::thread::Builder::new().name(format!("inbound-{endpoint}")).spawn(move || {
        while let Some(first) = receiver.blocking_recv() {
            let mut batch: Vec<Inbound> = vec![first];
            while batch.len() < MAX_BATCH {
                match receiver.try_recv() {
                    Some(next) => batch.push(next),
                    None => break,
                }
            }
            room.take(batch.len());
            if events.send(LoopEvent::Inbound { endpoint, batch }).is_err() {
                return;
            }
        }
    })?;
    Ok(())
}
