//! Writes one lane of one connection: many queued frames per flush.

use crate::frame::{Frame, Lane};
use crate::outbound::WriterId;
use crate::shared::PeerState;
use bytes::{BufMut, BytesMut};
use futures::{AsyncWrite, AsyncWriteExt};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// What is gathered before it is handed to the connection.
const BUFFER_BYTES: usize = 64 * 1024;
/// What is taken from the queue at once; the rest stays where newer frames can push it out.
const BATCH_BYTES: usize = 128 * 1024;
/// Longer payloads are not copied into the buffer.
const COPIED_PAYLOAD_BYTES: usize = 16 * 1024;

/// The life of a connection, as its writers see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// The peer has not accepted this node yet: only greetings are sent.
    Opening,
    /// Frames are sent.
    Open,
    /// Another connection took over: what was taken is sent, then the stream is closed.
    Retired,
}

/// Sends the frames of `lane` until the connection is retired or breaks.
pub(crate) async fn write_lane<S: AsyncWrite + Unpin>(
    mut stream: S,
    lane: Lane,
    peer: Arc<PeerState>,
    writer: WriterId,
    mut phase: watch::Receiver<Phase>,
    keep_alive: Duration,
) -> io::Result<()> {
    let mut buffer = BytesMut::new();
    let mut batch = Vec::new();
    buffer.put_u8(lane.code());
    if lane == Lane::Consensus {
        put_keep_alive(&mut buffer);
    }
    write_buffer(&mut stream, &mut buffer).await?;
    loop {
        let current = *phase.borrow_and_update();
        match current {
            Phase::Opening => {
                if phase.changed().await.is_err() {
                    return Ok(());
                }
                continue;
            }
            Phase::Open => peer.outbound.take(writer, lane, BATCH_BYTES, &mut batch),
            Phase::Retired => {
                // A wake-up that this writer may have used up belongs to its successor.
                peer.outbound.wake(lane);
                return stream.close().await;
            }
        }
        if !batch.is_empty() {
            write_batch(&mut stream, &mut buffer, &mut batch).await?;
            continue;
        }
        tokio::select! {
            () = peer.outbound.ready(lane) => {
                // Lets senders on this thread queue more, so that it all leaves in one flush.
                tokio::task::yield_now().await;
            }
            changed = phase.changed() => if changed.is_err() {
                return Ok(());
            },
            () = tokio::time::sleep(keep_alive), if lane == Lane::Consensus => {
                put_keep_alive(&mut buffer);
                write_buffer(&mut stream, &mut buffer).await?;
            }
        }
    }
}

fn put_keep_alive(buffer: &mut BytesMut) {
    buffer.put_u32(0);
}

async fn write_batch<S: AsyncWrite + Unpin>(
    stream: &mut S,
    buffer: &mut BytesMut,
    batch: &mut Vec<Frame>,
) -> io::Result<()> {
    for frame in batch.drain(..) {
        frame.put_head(buffer);
        if frame.payload.len() <= COPIED_PAYLOAD_BYTES {
            buffer.put_slice(&frame.payload);
        } else {
            stream.write_all(buffer).await?;
            buffer.clear();
            stream.write_all(&frame.payload).await?;
        }
        if buffer.len() >= BUFFER_BYTES {
            stream.write_all(buffer).await?;
            buffer.clear();
        }
    }
    write_buffer(stream, buffer).await
}

async fn write_buffer<S: AsyncWrite + Unpin>(stream: &mut S, buffer: &mut BytesMut) -> io::Result<()> {
    stream.write_all(buffer).await?;
    buffer.clear();
    stream.flush().await
}
