//! Sends again what somebody once sent: frames of older heights and rounds, and of other chains.

use super::{Actor, Deed, Frame, Stage};
use std::sync::Arc;

#[derive(Debug)]
pub(crate) struct Replayer;

impl Actor for Replayer {
    fn period_ms(&self) -> Option<(u64, u64)> {
        Some((20, 120))
    }

    fn acts(&self, stage: &mut Stage<'_>) -> Vec<Deed> {
        if !stage.dares() {
            return Vec::new();
        }
        let way = stage.way();
        let own = stage.role.chain;
        let from = stage.recorded.iter().filter(|frame| (frame.chain == own) == (way == "own-chain"));
        let count = from.clone().count() as u64;
        let place = usize::try_from(stage.random.below(count)).unwrap_or(0);
        let Some(recorded) = from.clone().nth(place) else { return Vec::new() };
        let (lane, bytes) = (recorded.lane, Arc::clone(&recorded.bytes));
        stage.did(way);
        vec![Deed::Send(Frame { to: stage.others.clone(), lane, bytes })]
    }
}
