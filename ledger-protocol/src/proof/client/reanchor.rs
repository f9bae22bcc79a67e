//! Re-anchoring (R9): a motion gives a chain a new trusted header whose history contains its last anchor.

use super::error::ClientError;
use super::head::{TrustedHeader, check_certificate, check_chain, check_history, check_version};
use super::list::verify_leaf;
use crate::chain::Header;
use crate::identifiers::{ChainId, Hash, Height, Sequence};
use crate::interchain::{LeafPath, OutboxLeaf, Reanchor};
use crate::merkle::InclusionPath;

/// What a re-anchor proves. That a quorum of members wants it is the motion's affair.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct VerifiedReanchor {
    /// The new trust.
    pub trusted: TrustedHeader,
    /// The header X, whose next validators may be another set than its own.
    pub header: Header,
    /// The leaf of the newest common header.
    pub common_leaf: OutboxLeaf,
    /// The next sequence expected afterwards: min(counter, first + count of the common leaf).
    pub next_expected: Sequence,
}

/// Verifies a re-anchor.
///
/// `anchor` is the (height, hash) of the chain's last re-anchor or registration header, `trusted_history` the history
/// root of the trusted header; where that is not known, only the trusted header itself can be the common one.
///
/// # Errors
/// [`ClientError`].
pub fn verify_reanchor(
    trusted: &TrustedHeader,
    trusted_history: Option<Hash>,
    anchor: (Height, Hash),
    expected_next: Sequence,
    receiver: &ChainId,
    reanchor: &Reanchor,
) -> Result<VerifiedReanchor, ClientError> {
    let header = &reanchor.header;
    check_chain(&reanchor.chain, &trusted.chain)?;
    check_chain(&header.chain, &trusted.chain)?;
    check_chain(&reanchor.common.chain, &trusted.chain)?;
    check_version(header)?;
    check_version(&reanchor.common)?;
    let next = TrustedHeader::at(header, trusted.kind, reanchor.next_validators.clone())?;
    let suite = header.chain.suite;
    let shown = reanchor.validators.hash(suite);
    if shown != header.validators_hash {
        return Err(ClientError::OtherSet { got: shown, trusted: header.validators_hash });
    }
    reanchor.validators.check(suite)?;
    check_history(header, anchor.0, &anchor.1, &reanchor.anchor_path, "last anchor in the new header's history")?;
    let common_hash = reanchor.common.hash();
    check_history(
        header,
        reanchor.common.height,
        &common_hash,
        &reanchor.common_in_new,
        "common header in the new header's history",
    )?;
    if (reanchor.common.height, common_hash) == (trusted.height, trusted.header_hash) {
        if !reanchor.common_in_trusted.0.is_empty() {
            return Err(ClientError::Order("the trusted header needs no path to itself"));
        }
    } else {
        let history = trusted_history.ok_or(ClientError::NoFault("the trusted header's history root is not known"))?;
        let leaf = super::list::history_leaf(suite, &common_hash);
        let (index, size) = (reanchor.common.height.0, trusted.height.0);
        let _verified = crate::merkle::verify_inclusion(suite, leaf, index, size, &reanchor.common_in_trusted)
            .and_then(|recomputed| recomputed.expect_root(&history))
            .map_err(ClientError::path("common header in the trusted one's history"))?;
    }
    let common_leaf = common_leaf(reanchor, receiver)?;
    let boundary = common_leaf.next_sequence().ok_or(ClientError::Range)?;
    check_certificate(&reanchor.certificate, header, &reanchor.validators, trusted.kind)?;
    Ok(VerifiedReanchor {
        trusted: next,
        header: header.clone(),
        common_leaf,
        next_expected: expected_next.min(boundary),
    })
}

/// What the common header said to the receiver. A header 0 without an outbox said nothing: there is no leaf to prove,
/// and the one shown must be exactly the one that stands for it.
fn common_leaf(reanchor: &Reanchor, receiver: &ChainId) -> Result<OutboxLeaf, ClientError> {
    let common = &reanchor.common;
    if common.height != Height::ZERO || common.outbox.count != 0 {
        return verify_leaf(common, &reanchor.leaf, receiver);
    }
    let leaf = OutboxLeaf::of_header_zero(common, *receiver);
    if reanchor.leaf == (LeafPath { leaf, index: 0, path: InclusionPath::default() }) {
        Ok(leaf)
    } else {
        Err(ClientError::Leaf("header 0 has no outbox: the leaf must be the empty one, without a path"))
    }
}
