//! Making proofs from a replica's store. Nothing here is trusted: the verifiers of the ledger protocol check all of it.
//!
//! [`Prover`] works over any store that a replica has written, a node's or a simulated one, and ties every proof to
//! one checkpoint: a header below it by history inclusion, one above it by its certificate and the hand-offs between.
//! It reads a pinned snapshot, so blocks that come meanwhile do not matter. Bounds: a bundle searches at most
//! [`MAX_SEARCHED_BLOCKS`] relay blocks. Errors: [`ProveError`].

mod anchor;
mod bundle;
mod followed;
mod messages;
mod pieces;
mod proposal;
mod reanchor;
mod record;
mod sets;
#[cfg(test)]
mod tests;
mod transaction;
mod value;
mod versions;

pub use followed::{ShownHead, Trust};
pub use messages::MAX_SEARCHED_BLOCKS;

use crate::backend::{Sight, reads};
use chain_engine::ChainReader;
use chain_state::{StoreFault, StoreReader};
use ledger_protocol::chain::{Checkpoint, Header};
use ledger_protocol::codec::encode;
use ledger_protocol::proof::AnyProof;
use ledger_protocol::{ChainId, Height, ProposalId, TransactionId, Version};
use node_api::{AnchorView, Problem, ProblemKind, ProofReply, ReanchorView, TrustView};
use node_gateway::{KeyAddress, ProofQuery, ReanchorQuery};

/// Why there is no proof.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProveError {
    /// Nothing of that id, name or height is known here.
    #[error("{0}")]
    NotFound(String),
    /// It is known, but cannot be proven, or not any more, or not as it was asked for.
    #[error("{0}")]
    NotProvable(String),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreFault),
}

type Proven<T> = Result<T, ProveError>;

fn not_found<T>(words: impl Into<String>) -> Proven<T> {
    Err(ProveError::NotFound(words.into()))
}

fn not_provable<T>(words: impl Into<String>) -> Proven<T> {
    Err(ProveError::NotProvable(words.into()))
}

/// A row that the chain's own commit wrote is not there.
fn gap(words: impl Into<String>) -> ProveError {
    ProveError::Store(StoreFault(words.into()))
}

/// Makes proofs of one chain for whoever trusts one checkpoint of it.
pub struct Prover<'a> {
    reader: &'a dyn StoreReader,
    blocks: ChainReader<'a>,
    checkpoint: Checkpoint,
    tip: Header,
}

impl std::fmt::Debug for Prover<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Prover")
            .field("checkpoint", &self.checkpoint)
            .field("tip", &self.tip.height)
            .finish_non_exhaustive()
    }
}

impl<'a> Prover<'a> {
    /// A prover over a replica's store. The checkpoint must be of a block that the store holds.
    ///
    /// # Errors
    /// [`ProveError`].
    pub fn new(reader: &'a dyn StoreReader, checkpoint: Checkpoint) -> Proven<Self> {
        let blocks = ChainReader::new(reader, checkpoint.chain.suite);
        let Some(tip) = blocks.tip()? else { return not_found("this replica holds no block yet") };
        let prover = Self { reader, blocks, checkpoint, tip: tip.header };
        let header = prover.header(checkpoint.height)?;
        if header.hash() != checkpoint.header_hash || header.chain != checkpoint.chain {
            return not_provable(format!(
                "the checkpoint names another block {} than this replica holds; one of the two is of a fork",
                checkpoint.height
            ));
        }
        Ok(prover)
    }

    /// The chain.
    const fn chain(&self) -> ChainId {
        self.checkpoint.chain
    }

    fn header(&self, height: Height) -> Proven<Header> {
        match self.blocks.header(height)? {
            Some(header) => Ok(header),
            None if height > self.tip.height => {
                not_found(format!("block {height} does not exist yet; the newest is {}", self.tip.height))
            }
            None => Err(gap(format!("block {height} has no header"))),
        }
    }
}

impl From<ProveError> for Problem {
    fn from(error: ProveError) -> Self {
        match error {
            ProveError::NotFound(words) => Self::new(ProblemKind::NotFound, words),
            ProveError::NotProvable(words) => Self::new(ProblemKind::NotProvable, words),
            ProveError::Store(fault) => Self::new(ProblemKind::Internal, format!("{fault}; see the node's log")),
        }
    }
}

fn prover<'s>(sight: &'s Sight<'_>, checkpoint: Option<Height>) -> Result<Prover<'s>, Problem> {
    let checkpoint = reads::checkpoint_at(sight, checkpoint)?;
    Ok(Prover::new(&sight.reader, checkpoint)?)
}

fn reply(prover: &Prover<'_>, proof: &AnyProof) -> ProofReply {
    ProofReply { proof: hex::encode(proof.to_file()), checkpoint: hex::encode(encode(&prover.checkpoint)) }
}

pub(crate) fn transaction(
    sight: &Sight<'_>,
    id: TransactionId,
    checkpoint: Option<Height>,
) -> Result<ProofReply, Problem> {
    let prover = prover(sight, checkpoint)?;
    Ok(reply(&prover, &prover.transaction(id)?))
}

pub(crate) fn value(
    sight: &Sight<'_>,
    at: &KeyAddress,
    height: Option<Height>,
    checkpoint: Option<Height>,
) -> Result<ProofReply, Problem> {
    let prover = prover(sight, checkpoint)?;
    Ok(reply(&prover, &prover.value(&reads::place(at)?, height)?))
}

pub(crate) fn record(sight: &Sight<'_>, id: ProposalId, checkpoint: Option<Height>) -> Result<ProofReply, Problem> {
    let prover = prover(sight, checkpoint)?;
    Ok(reply(&prover, &prover.record(id)?))
}

pub(crate) fn bundle(sight: &Sight<'_>, id: ProposalId, checkpoint: Option<Height>) -> Result<Vec<u8>, Problem> {
    Ok(prover(sight, checkpoint)?.bundle(id)?.to_file())
}

pub(crate) fn piece(sight: &Sight<'_>, what: &ProofQuery, checkpoint: Option<Height>) -> Result<ProofReply, Problem> {
    let prover = prover(sight, checkpoint)?;
    let proof = match what {
        ProofQuery::Header(height) => prover.proven_header(*height)?,
        ProofQuery::Event { transaction, number } => prover.event(*transaction, *number)?,
        ProofQuery::Change { at, version } => prover.change_of(&reads::place(at)?, *version)?,
        ProofQuery::Unchanged { at, height } => prover.unchanged(&reads::place(at)?, *height)?,
        ProofQuery::Message { destination, sequence } => prover.message(destination, *sequence)?,
        ProofQuery::Leg { id, started_at } => prover.leg(id, *started_at)?,
        ProofQuery::Consistency { older, .. } => prover.consistency(*older)?,
    };
    Ok(reply(&prover, &proof))
}

pub(crate) fn trust(sight: &Sight<'_>, source: &ChainId, before: Option<u64>) -> Result<TrustView, Problem> {
    Ok(prover(sight, None)?.trust(source, before.map(Version))?.into())
}

pub(crate) fn reanchor(sight: &Sight<'_>, query: &ReanchorQuery) -> Result<ReanchorView, Problem> {
    let motion = prover(sight, None)?.reanchor(query.height, query.anchor, query.common, &query.receiver)?;
    Ok(ReanchorView { motion: hex::encode(encode(&motion)) })
}

/// A header with the set that certifies the next one.
pub(crate) fn anchor(sight: &Sight<'_>, height: Option<Height>) -> Result<AnchorView, Problem> {
    let prover = prover(sight, height)?;
    let set = prover.next_validators(&prover.header(prover.checkpoint.height)?)?;
    Ok(AnchorView { checkpoint: hex::encode(encode(&prover.checkpoint)), next_validators: hex::encode(encode(&set)) })
}
