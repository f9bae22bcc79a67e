//! The bytes that validators sign in consensus.

use super::certificate::CertificateKind;
use crate::codec::{Tag, encode};
use crate::identifiers::{ChainId, Hash, Height, Round};

/// The step a consensus vote belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum VoteKind {
    /// First voting step.
    Prevote,
    /// Second voting step; a quorum of precommits for one block is its finality certificate.
    Precommit,
}

/// `tag ‖ kind ‖ chain ‖ height ‖ round ‖ header hash`; the tag tells prevote, precommit and their nil forms
/// apart, and a nil vote carries no hash.
pub fn vote_sign_bytes(
    vote: VoteKind,
    kind: CertificateKind,
    chain: &ChainId,
    height: Height,
    round: Round,
    header_hash: Option<&Hash>,
) -> Vec<u8> {
    let tag = match (vote, header_hash) {
        (VoteKind::Prevote, Some(_)) => Tag::PREVOTE,
        (VoteKind::Prevote, None) => Tag::PREVOTE_NIL,
        (VoteKind::Precommit, Some(_)) => Tag::PRECOMMIT,
        (VoteKind::Precommit, None) => Tag::PRECOMMIT_NIL,
    };
    let mut bytes = tag.bytes().to_vec();
    bytes.extend(encode(&(kind, chain, height, round)));
    if let Some(hash) = header_hash {
        bytes.extend_from_slice(hash.as_bytes());
    }
    bytes
}

/// `tag ‖ kind ‖ chain ‖ height ‖ round ‖ valid round or u32::MAX ‖ header hash`: what the proposer of a round signs.
pub fn block_proposal_sign_bytes(
    kind: CertificateKind,
    chain: &ChainId,
    height: Height,
    round: Round,
    valid_round: Option<Round>,
    header_hash: &Hash,
) -> Vec<u8> {
    let mut bytes = Tag::BLOCK_PROPOSAL.bytes().to_vec();
    bytes.extend(encode(&(kind, chain, height, round, valid_round.unwrap_or(Round(u32::MAX)), header_hash)));
    bytes
}
