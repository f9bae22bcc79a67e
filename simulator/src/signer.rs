//! A validator's key that remembers what it signed, so that the world can tell when a signature leaves its process.
//!
//! A message that was signed and lost with the power before it was durable binds nobody; one whose signature left the
//! process does.

use chain_consensus::VoteSigner;
use ledger_protocol::chain::CertificateKind;
use ledger_protocol::codec::{Tag, decode};
use ledger_protocol::suite::SecretKey;
use ledger_protocol::{ChainId, Hash, Height, PublicKey, Round, Signature};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// What kind of consensus message was signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SignedKind {
    /// A prevote, nil or not.
    Prevote,
    /// A precommit, nil or not.
    Precommit,
    /// A proposal.
    Proposal,
}

/// A consensus message that a validator signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignedMessage {
    /// Height, round and kind: at most one message of each leaves a validator.
    pub place: (Height, Round, SignedKind),
    /// The header, or `None` for nil.
    pub header_hash: Option<Hash>,
    /// The valid round of a proposal.
    pub valid_round: Option<Round>,
}

/// Signatures of one validator, by their bytes; shared with the consensus instance that holds the signer, in each life of
/// its process.
pub(crate) type Signed = Arc<Mutex<BTreeMap<[u8; 64], SignedMessage>>>;

pub(crate) struct RememberingSigner {
    pub(crate) key: SecretKey,
    pub(crate) signed: Signed,
}

impl VoteSigner for RememberingSigner {
    fn public_key(&self) -> PublicKey {
        self.key.public_key()
    }

    fn sign(&self, message: &[u8]) -> Result<Signature, String> {
        let parsed = parse(message).ok_or("these are not the bytes of a consensus message")?;
        let signature = self.key.sign(message);
        let mut signed = self.signed.lock().unwrap_or_else(PoisonError::into_inner);
        // Messages of a finished height no longer leave, so that looking for them can end.
        signed.retain(|_, message| message.place.0.saturating_add(1) >= parsed.place.0);
        signed.insert(signature.0, parsed);
        Ok(signature)
    }
}

type Place = (CertificateKind, ChainId, Height, Round);

fn parse(message: &[u8]) -> Option<SignedMessage> {
    let after = |tag: Tag| message.strip_prefix(tag.bytes());
    let nil = |rest: &[u8], kind| {
        let (_, _, height, round): Place = decode(rest, usize::MAX).ok()?;
        Some(SignedMessage { place: (height, round, kind), header_hash: None, valid_round: None })
    };
    let vote = |rest: &[u8], kind| {
        let (_, _, height, round, hash): (CertificateKind, ChainId, Height, Round, Hash) =
            decode(rest, usize::MAX).ok()?;
        Some(SignedMessage { place: (height, round, kind), header_hash: Some(hash), valid_round: None })
    };
    if let Some(rest) = after(Tag::PREVOTE_NIL) {
        return nil(rest, SignedKind::Prevote);
    }
    if let Some(rest) = after(Tag::PRECOMMIT_NIL) {
        return nil(rest, SignedKind::Precommit);
    }
    if let Some(rest) = after(Tag::PREVOTE) {
        return vote(rest, SignedKind::Prevote);
    }
    if let Some(rest) = after(Tag::PRECOMMIT) {
        return vote(rest, SignedKind::Precommit);
    }
    let rest = after(Tag::BLOCK_PROPOSAL)?;
    let (_, _, height, round, valid_round, hash): (CertificateKind, ChainId, Height, Round, Round, Hash) =
        decode(rest, usize::MAX).ok()?;
    Some(SignedMessage {
        place: (height, round, SignedKind::Proposal),
        header_hash: Some(hash),
        valid_round: (valid_round != Round(u32::MAX)).then_some(valid_round),
    })
}
