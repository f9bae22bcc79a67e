//! What a validator's replica sends, read and written by whoever has its key: votes and proposals of consensus.
//!
//! The encodings are those of `chain/consensus`, written down once more, as an attacker would. What does not decode is
//! left alone.

use borsh::{BorshDeserialize, BorshSerialize};
use ledger_protocol::chain::{CertificateKind, VoteKind, block_proposal_sign_bytes, vote_sign_bytes};
use ledger_protocol::codec::{decode, encode};
use ledger_protocol::suite::SecretKey;
use ledger_protocol::{Address, ChainId, Hash, Height, Round, Signature};

/// A vote as it travels.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(crate) struct VoteFrame {
    /// 1 for a prevote, 2 for a precommit.
    pub(crate) step: u8,
    pub(crate) height: Height,
    pub(crate) round: Round,
    pub(crate) header_hash: Option<Hash>,
    pub(crate) validator: Address,
    pub(crate) signature: Signature,
}

/// A proposal as it travels.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(crate) struct ProposalFrame {
    pub(crate) height: Height,
    pub(crate) round: Round,
    pub(crate) valid_round: Option<Round>,
    pub(crate) header_hash: Hash,
    pub(crate) proposer: Address,
    pub(crate) signature: Signature,
}

const VOTE: u8 = 1;
const PROPOSAL: u8 = 2;
/// No vote or proposal is longer.
const MAX_BYTES: usize = 1_024;

impl VoteFrame {
    /// The vote in a frame, if it is one.
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        read(VOTE, bytes)
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        encode(&(VOTE, self))
    }

    /// The same vote for something else, signed.
    pub(crate) fn for_other(
        &self,
        header_hash: Option<Hash>,
        kind: CertificateKind,
        chain: &ChainId,
        key: &SecretKey,
    ) -> Self {
        let vote = if self.step == 1 { VoteKind::Prevote } else { VoteKind::Precommit };
        let message = vote_sign_bytes(vote, kind, chain, self.height, self.round, header_hash.as_ref());
        Self { header_hash, signature: key.sign(&message), ..self.clone() }
    }
}

impl ProposalFrame {
    /// The proposal in a frame, if it is one.
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        read(PROPOSAL, bytes)
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        encode(&(PROPOSAL, self))
    }

    /// A proposal of another block in the same round, signed.
    pub(crate) fn of_other(&self, header_hash: Hash, kind: CertificateKind, chain: &ChainId, key: &SecretKey) -> Self {
        let message = block_proposal_sign_bytes(kind, chain, self.height, self.round, self.valid_round, &header_hash);
        Self { header_hash, signature: key.sign(&message), ..self.clone() }
    }
}

fn read<T: BorshDeserialize>(code: u8, bytes: &[u8]) -> Option<T> {
    let (found, rest) = bytes.split_first()?;
    if *found != code { None } else { decode(rest, MAX_BYTES).ok() }
}
