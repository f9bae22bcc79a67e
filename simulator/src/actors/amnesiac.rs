//! A validator that forgets what it signed: it dies, and its consensus log is gone when it comes back.

use super::{Actor, Deed, Stage};

#[derive(Debug)]
pub(crate) struct Amnesiac;

impl Actor for Amnesiac {
    fn period_ms(&self) -> Option<(u64, u64)> {
        Some((1_000, 5_000))
    }

    fn acts(&self, stage: &mut Stage<'_>) -> Vec<Deed> {
        if !stage.dares() {
            return Vec::new();
        }
        stage.did("");
        vec![Deed::Forget { back_after_ms: stage.random.within((1, 400)) }]
    }
}
