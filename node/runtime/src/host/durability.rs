//! The two threads that wait for the disk: barriers of the log and commits of the store. Each round serves every
//! replica that waits, with one fsync.

use super::event_loop::LoopEvent;
use super::measures::Measures;
use chain_engine::Token;
use chain_state::WriteBatch;
use ledger_protocol::Height;
use node_storage::{ConsensusLog, ReplicaPrefix, RocksStore};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;

/// A replica that waits for everything it appended.
#[derive(Debug, Clone, Copy)]
pub(super) struct BarrierRequest {
    pub(super) replica: usize,
    pub(super) token: Token,
}

/// A replica's block on its way into the store.
#[derive(Debug)]
pub(super) struct CommitRequest {
    pub(super) replica: usize,
    pub(super) token: Token,
    pub(super) prefix: ReplicaPrefix,
    pub(super) batch: WriteBatch,
    pub(super) height: Height,
}

/// Most requests served by one fsync.
const MAX_ROUND: usize = 512;

fn round<T>(requests: &mpsc::Receiver<T>) -> Option<Vec<T>> {
    let mut round = vec![requests.recv().ok()?];
    while round.len() < MAX_ROUND {
        match requests.try_recv() {
            Ok(request) => round.push(request),
            Err(_) => break,
        }
    }
    Some(round)
}

/// Starts the log's thread; it ends when the sender is dropped.
pub(super) fn start_log(
    log: Arc<ConsensusLog>,
    events: mpsc::Sender<LoopEvent>,
    measures: Arc<Measures>,
) -> std::io::Result<(mpsc::Sender<BarrierRequest>, JoinHandle<()>)> {
    let (sender, requests) = mpsc::channel::<BarrierRequest>();
    let thread = std::thread::Builder::new().name("log".into()).spawn(move || {
        while let Some(round) = round(&requests) {
            let count = round.len() as u64;
            if let Err(fault) = measures.log.measure(count, || log.barrier()) {
                let _ignored = events.send(LoopEvent::Fatal(format!("the log failed: {fault}")));
                return;
            }
            for BarrierRequest { replica, token } in round {
                if events.send(LoopEvent::Persisted { replica, token, committed: false }).is_err() {
                    return;
                }
            }
        }
    })?;
    Ok((sender, thread))
}

/// Starts the store's thread; it ends when the sender is dropped.
pub(super) fn start_store(
    rocks: RocksStore,
    log: Arc<ConsensusLog>,
    events: mpsc::Sender<LoopEvent>,
    measures: Arc<Measures>,
) -> std::io::Result<(mpsc::Sender<CommitRequest>, JoinHandle<()>)> {
    let (sender, requests) = mpsc::channel::<CommitRequest>();
    let thread = std::thread::Builder::new().name("store".into()).spawn(move || {
        while let Some(round) = round(&requests) {
            let count = round.len() as u64;
            let done = measures.store.measure(count, || commit(&rocks, &log, &round));
            match done {
                Ok(done) => {
                    for (replica, token) in done {
                        if events.send(LoopEvent::Persisted { replica, token, committed: true }).is_err() {
                            return;
                        }
                    }
                }
                Err(reason) => {
                    let _ignored = events.send(LoopEvent::Fatal(reason));
                    return;
                }
            }
        }
    })?;
    Ok((sender, thread))
}

/// One write with one sync for the blocks of all replicas that wait: nobody reads a block before it is durable.
fn commit(rocks: &RocksStore, log: &ConsensusLog, round: &[CommitRequest]) -> Result<Vec<(usize, Token)>, String> {
    rocks.commit(round.iter().map(|request| (request.prefix, &request.batch))).map_err(|fault| fault.to_string())?;
    // Log entries are dead only once the commit is durable.
    for CommitRequest { prefix, height, .. } in round {
        log.mark_committed(*prefix, height.0).map_err(|fault| format!("the log failed: {fault}"))?;
    }
    Ok(round.iter().map(|request| (request.replica, request.token)).collect())
}
