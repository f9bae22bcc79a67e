//! Two votes where one is allowed: for a block and for nil, to different halves or to everybody; and votes in the names
//! of others, which carry the wrong signature.

use super::frames::VoteFrame;
use super::{Actor, Frame, Stage};
use chain_engine::Lane;

#[derive(Debug)]
pub(crate) struct DoubleVoter;

impl Actor for DoubleVoter {
    fn sends(&self, stage: &mut Stage<'_>, frame: Frame) -> Vec<Frame> {
        let is_vote = frame.lane == Lane::Consensus;
        let Some(vote) = VoteFrame::read(&frame.bytes).filter(|_| is_vote && stage.dares()) else {
            return vec![frame];
        };
        let way = stage.way();
        let before = stage.role.last_vote;
        stage.role.last_vote = vote.header_hash.or(before);
        // For nil where it votes for a block; where it votes for nil, for the last block that it knows of.
        let other = if vote.header_hash.is_some() { None } else { before };
        if vote.header_hash == other {
            return vec![frame];
        }
        if way == "in-others-names" {
            return in_others_names(stage, frame, &vote);
        }
        let Some(key) = stage.role.key() else { return vec![frame] };
        let second = vote.for_other(other, stage.role.certified_by, &stage.role.id, key).bytes();
        stage.did(way);
        let (mut one, mut rest) = stage.halves(&frame.to);
        if stage.random.chance(500) {
            one.clone_from(&frame.to);
            rest.clone_from(&frame.to);
        }
        vec![Frame { to: one, ..frame.clone() }, Frame { to: rest, bytes: second.into(), ..frame }]
    }
}

/// Its own vote, and the same in the name of everybody else, with its own signature.
fn in_others_names(stage: &mut Stage<'_>, frame: Frame, vote: &VoteFrame) -> Vec<Frame> {
    stage.did("in-others-names");
    let mut frames = Vec::new();
    for name in stage.names.iter().filter(|name| **name != vote.validator) {
        let forged = VoteFrame { validator: *name, ..vote.clone() };
        frames.push(Frame { bytes: forged.bytes().into(), ..frame.clone() });
    }
    frames.push(frame);
    frames
}
