//! Reads one stream of one connection: checks every length before memory is taken, and hands frames to the receiver.
//!
//! A frame's memory grows with the bytes that have come, not with those announced. A reader stops reading while the
//! peer's share of the receiver is full, and while a peer admitted by quota is above its rate.

use crate::frame::{CHAIN_BYTES, Frame, LANES, LENGTH_BYTES, Lane, MAX_PAYLOAD_BYTES, chain_from_bytes};
use crate::keys::PeerKey;
use crate::links::CloseReason;
use crate::shared::{PeerState, Shared, lock};
use bytes::Bytes;
use futures::io::BufReader;
use futures::{AsyncBufReadExt, AsyncRead, AsyncReadExt};
use libp2p::swarm::ConnectionId;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

const BUFFER_BYTES: usize = 32 * 1024;
/// How much memory a payload gets at first.
const FIRST_CHUNK_BYTES: usize = 64 * 1024;
/// How long a stream may take to name its lane.
const LANE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a new reader waits for the old one of a replaced connection; more than the grace of retired ones.
const TURN_TIMEOUT: Duration = Duration::from_secs(4);

/// What readers and writers tell the driver about a connection.
#[derive(Debug)]
pub(crate) enum Notice {
    /// The peer greeted: it has accepted this node.
    Accepted { connection: ConnectionId },
    /// The connection is of no more use.
    Broken { connection: ConnectionId, reason: CloseReason },
}

/// What a reader needs to know of its connection.
#[derive(Debug, Clone)]
pub(crate) struct ReaderContext {
    pub(crate) shared: Arc<Shared>,
    pub(crate) peer: PeerKey,
    pub(crate) state: Arc<PeerState>,
    pub(crate) connection: ConnectionId,
    /// A bit per lane that the peer has opened on this connection.
    pub(crate) lanes_seen: Arc<AtomicU8>,
    /// Becomes true once the receiver was told of the connection.
    pub(crate) accepted: watch::Receiver<bool>,
    pub(crate) notices: mpsc::Sender<Notice>,
}

/// Reads until the peer closes the stream; the error says why the whole connection must end.
pub(crate) async fn read_stream<S: AsyncRead + Unpin>(
    stream: S,
    mut context: ReaderContext,
) -> Result<(), CloseReason> {
    let mut stream = BufReader::with_capacity(BUFFER_BYTES, stream);
    let mut code = [0];
    match timeout(LANE_TIMEOUT, stream.read_exact(&mut code)).await {
        Err(_) => return Err(CloseReason::NotAccepted),
        // A stream that the peer opened and never used.
        Ok(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
        Ok(read) => read.map_err(lost)?,
    }
    let lane = Lane::from_code(code[0]).ok_or(CloseReason::UnknownLane { code: code[0] })?;
    const { assert!(LANES <= 8, "one bit per lane") };
    let bit = 1 << lane.index();
    if context.lanes_seen.fetch_or(bit, Ordering::AcqRel) & bit != 0 {
        return Err(CloseReason::RepeatedLane { lane });
    }
    if lane == Lane::Consensus {
        greet(&mut stream, &context).await?;
    }
    // No frame comes before the news of its connection. The wait fails only when the connection is gone.
    context.accepted.wait_for(|accepted| *accepted).await.map_err(|_| CloseReason::NotAccepted)?;
    // If the old connection's reader does not end in time, its frames are as good as lost.
    let _turn = timeout(TURN_TIMEOUT, context.state.reading[lane.index()].lock()).await;
    let mut rate = Rate::new(Instant::now());
    while let Some(frame) = next_frame(&mut stream, lane, &context).await? {
        let Some(frame) = frame else {
            rate.spend(&context, LENGTH_BYTES).await;
            continue;
        };
        let weight_bytes = frame.weight_bytes();
        let known = context.state.is_known();
        context.state.last_frame_ms.store(context.shared.now_ms(), Ordering::Relaxed);
        if known || lane.open_to_strangers() {
            context.shared.inbound.push(context.peer, known, frame).await;
        } else {
            context.shared.unwanted_frames.fetch_add(1, Ordering::Relaxed);
        }
        rate.spend(&context, weight_bytes).await;
    }
    Ok(())
}

async fn greet<S: AsyncRead + Unpin>(stream: &mut BufReader<S>, context: &ReaderContext) -> Result<(), CloseReason> {
    let mut length = [0; LENGTH_BYTES];
    match timeout(LANE_TIMEOUT, stream.read_exact(&mut length)).await {
        Err(_) => return Err(CloseReason::NotAccepted),
        Ok(read) => read.map_err(within_frame)?,
    }
    if length != [0; LENGTH_BYTES] {
        return Err(CloseReason::NoGreeting);
    }
    // Fails only when the driver is gone, and then this task ends too.
    context.notices.send(Notice::Accepted { connection: context.connection }).await.ok();
    Ok(())
}

/// The next frame; `Some(None)` for a keep-alive; `None` when the peer closed the stream.
async fn next_frame<S: AsyncRead + Unpin>(
    stream: &mut BufReader<S>,
    lane: Lane,
    context: &ReaderContext,
) -> Result<Option<Option<Frame>>, CloseReason> {
    let reading = async {
        if stream.fill_buf().await.map_err(lost)?.is_empty() {
            return Ok(None);
        }
        read_frame(stream, lane, max_payload_bytes(context)).await.map(Some)
    };
    if lane == Lane::Consensus {
        // Keep-alives run on this lane, so silence here means that the peer is gone.
        timeout(context.shared.config.silence_limit(), reading).await.unwrap_or(Err(CloseReason::Silent))
    } else {
        reading.await
    }
}

fn max_payload_bytes(context: &ReaderContext) -> usize {
    if context.state.is_known() {
        return MAX_PAYLOAD_BYTES;
    }
    let quota = lock(&context.shared.wanted).accept_unknown;
    quota.map_or(0, |quota| quota.max_payload_bytes).min(MAX_PAYLOAD_BYTES)
}

async fn read_frame<S: AsyncRead + Unpin>(
    stream: &mut BufReader<S>,
    lane: Lane,
    max_payload_bytes: usize,
) -> Result<Option<Frame>, CloseReason> {
    let mut length = [0; LENGTH_BYTES];
    stream.read_exact(&mut length).await.map_err(within_frame)?;
    let bytes = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
    if bytes == 0 {
        return Ok(None);
    }
    let max_bytes = CHAIN_BYTES + max_payload_bytes;
    if bytes > max_bytes {
        return Err(CloseReason::Oversized { bytes, max_bytes });
    }
    let payload_bytes = bytes.checked_sub(CHAIN_BYTES).ok_or(CloseReason::Undersized { bytes })?;
    let mut chain = [0; CHAIN_BYTES];
    stream.read_exact(&mut chain).await.map_err(within_frame)?;
    let chain = chain_from_bytes(&chain).ok_or(CloseReason::BadChain)?;
    let payload = read_payload(stream, payload_bytes).await.map_err(within_frame)?;
    Ok(Some(Frame { chain, lane, payload }))
}

async fn read_payload<S: AsyncRead + Unpin>(stream: &mut BufReader<S>, bytes: usize) -> io::Result<Bytes> {
    let mut payload = Vec::new();
    while payload.len() < bytes {
        let start = payload.len();
        let added = (bytes - start).min(start.max(FIRST_CHUNK_BYTES));
        payload.reserve_exact(added);
        payload.resize(start + added, 0);
        stream.read_exact(&mut payload[start..]).await?;
    }
    Ok(Bytes::from(payload))
}

fn lost(error: io::Error) -> CloseReason {
    CloseReason::Lost { text: error.to_string() }
}

/// An end within a frame is a lost connection, not a broken rule: the stream of a peer that dies ends like this.
fn within_frame(error: io::Error) -> CloseReason {
    CloseReason::Lost { text: format!("within a frame: {error}") }
}

/// The rate of a peer admitted by quota: one second's worth may come at once, then the reader waits.
#[derive(Debug)]
struct Rate {
    /// When what was read so far is paid for.
    paid_until: Instant,
}

impl Rate {
    fn new(now: Instant) -> Rate {
        Rate { paid_until: now }
    }

    async fn spend(&mut self, context: &ReaderContext, bytes: usize) {
        if context.state.is_known() {
            return;
        }
        let Some(quota) = lock(&context.shared.wanted).accept_unknown else { return };
        let per_second = u64::from(quota.bytes_per_second.max(1));
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        let price = Duration::from_micros(bytes.saturating_mul(1_000_000) / per_second);
        let now = Instant::now();
        self.paid_until = self.paid_until.max(now) + price;
        let ahead = self.paid_until.duration_since(now);
        if let Some(wait) = ahead.checked_sub(Duration::from_secs(1)) {
            tokio::time::sleep(wait).await;
        }
    }
}
