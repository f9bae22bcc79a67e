//! Two blocks in one round: half of the others get the one, the rest the other, and the actor votes for both.

use super::frames::{ProposalFrame, VoteFrame};
use super::{Actor, Frame, Stage};
use chain_engine::Lane;
use chain_engine::wire::{BlockMessage, MAX_MESSAGE_BYTES};
use ledger_protocol::TimestampMs;
use ledger_protocol::codec::{decode, encode};

#[derive(Debug)]
pub(crate) struct EquivocatingProposer;

impl Actor for EquivocatingProposer {
    fn sends(&self, stage: &mut Stage<'_>, frame: Frame) -> Vec<Frame> {
        let both = match frame.lane {
            Lane::Block => other_block(stage, &frame.bytes).map(|other| (frame.bytes.to_vec(), other)),
            Lane::Consensus => both_signed(stage, &frame.bytes),
            _ => None,
        };
        let Some((first, second)) = both else { return vec![frame] };
        let (one, rest) = stage.halves(&frame.to);
        let told = |to, bytes: Vec<u8>| Frame { to, lane: frame.lane, bytes: bytes.into() };
        vec![told(one, first), told(rest, second)]
    }
}

/// The same block a millisecond later: valid as the first one is, with another hash.
fn other_block(stage: &mut Stage<'_>, bytes: &[u8]) -> Option<Vec<u8>> {
    let Ok(BlockMessage::Proposed { round, valid_round: None, mut block }) = decode(bytes, MAX_MESSAGE_BYTES) else {
        return None;
    };
    if Some(block.header.proposer) != stage.role.key().map(|key| key.address()) || !stage.dares() {
        return None;
    }
    let before = block.header.hash();
    block.header.timestamp_ms = TimestampMs(block.header.timestamp_ms.0 + 1);
    stage.remember_pair(before, block.header.hash());
    let way = stage.role.ways.first().copied().unwrap_or_default();
    stage.did(way);
    Some(encode(&BlockMessage::Proposed { round, valid_round: None, block }))
}

/// A proposal of, or a vote for, either of two blocks, signed once for each.
fn both_signed(stage: &Stage<'_>, bytes: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let (role, key) = (&stage.role, stage.role.key()?);
    if let Some(proposal) = ProposalFrame::read(bytes) {
        let (first, second) = stage.pair(proposal.header_hash)?;
        let signed = |hash| proposal.of_other(hash, role.certified_by, &role.id, key).bytes();
        return Some((signed(first), signed(second)));
    }
    let vote = VoteFrame::read(bytes)?;
    let (first, second) = stage.pair(vote.header_hash?)?;
    let signed = |hash| vote.for_other(Some(hash), role.certified_by, &role.id, key).bytes();
    Some((signed(first), signed(second)))
}
