//! Random bytes, and messages of others that were cut or grown, on every lane and to the relay's courier servers.

use super::{Actor, Deed, Frame, Stage};
use chain_engine::Lane;

#[derive(Debug)]
pub(crate) struct GarbageSender;

const LANES: [Lane; 5] = [Lane::Consensus, Lane::Block, Lane::Sync, Lane::Transactions, Lane::Courier];

impl Actor for GarbageSender {
    fn period_ms(&self) -> Option<(u64, u64)> {
        Some((20, 200))
    }

    fn acts(&self, stage: &mut Stage<'_>) -> Vec<Deed> {
        if !stage.dares() {
            return Vec::new();
        }
        let way = stage.way();
        let (lane, bytes) = if way == "cut" { cut(stage) } else { random(stage) };
        stage.did(way);
        let frame = Frame { to: stage.others.clone(), lane, bytes: bytes.clone().into() };
        vec![Deed::Send(frame), Deed::Ask(bytes)]
    }
}

fn random(stage: &mut Stage<'_>) -> (Lane, Vec<u8>) {
    let lane = LANES[usize::try_from(stage.random.below(LANES.len() as u64)).unwrap_or(0) % LANES.len()];
    let length = stage.random.below(300);
    // Small numbers are codes and counts of something, so half of all bytes are small.
    let bytes = (0..length).map(|_| {
        let byte = stage.random.below(256) as u8;
        if stage.random.chance(500) { byte % 6 } else { byte }
    });
    (lane, bytes.collect())
}

fn cut(stage: &mut Stage<'_>) -> (Lane, Vec<u8>) {
    let place = usize::try_from(stage.random.below(stage.recorded.len() as u64)).unwrap_or(0);
    let Some(recorded) = stage.recorded.get(place) else { return random(stage) };
    let mut bytes = recorded.bytes.to_vec();
    let length = usize::try_from(stage.random.below(bytes.len() as u64 + 8)).unwrap_or(0);
    bytes.resize(length, 0xff);
    (recorded.lane, bytes)
}
