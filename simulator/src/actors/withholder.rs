//! A validator that keeps things to itself: its votes, its proposals, or everything. It chooses anew for every height.

use super::frames::{ProposalFrame, VoteFrame};
use super::{Actor, Frame, Stage};
use chain_engine::Lane;

#[derive(Debug)]
pub(crate) struct Withholder;

impl Actor for Withholder {
    fn sends(&self, stage: &mut Stage<'_>, frame: Frame) -> Vec<Frame> {
        let vote = (frame.lane == Lane::Consensus).then(|| VoteFrame::read(&frame.bytes)).flatten();
        let proposal = (frame.lane == Lane::Consensus).then(|| ProposalFrame::read(&frame.bytes)).flatten();
        let height = vote.as_ref().map(|vote| vote.height).or(proposal.as_ref().map(|proposal| proposal.height));
        if let Some(height) = height
            && stage.role.mood.is_none_or(|(chosen, _)| chosen != height)
        {
            let way = if stage.dares() { stage.way() } else { "" };
            stage.role.mood = Some((height, way));
        }
        let way = stage.role.mood.map_or("", |(_, way)| way);
        let keeps = match way {
            "votes" => vote.is_some(),
            "proposals" => proposal.is_some() || frame.lane == Lane::Block,
            "everything" => true,
            _ => false,
        };
        if !keeps {
            return vec![frame];
        }
        stage.did(way);
        Vec::new()
    }
}
