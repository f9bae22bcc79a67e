//! What a chain shows to be re-anchored: all of the motion but what only the other branch's history can say.

use super::{Proven, Prover, gap, not_found, not_provable};
use ledger_protocol::codec::Text;
use ledger_protocol::interchain::{HistoryPath, LeafPath, OutboxLeaf, Reanchor};
use ledger_protocol::merkle::InclusionPath;
use ledger_protocol::{ChainId, Height};

impl Prover<'_> {
    /// The motion that gives this chain the header of a height as its new trusted one, without the common header's
    /// path in the header that is trusted now, and without the reason. `anchor` is its last registration or re-anchor
    /// header, `common` the newest header that both branches share.
    ///
    /// # Errors
    /// [`super::ProveError`].
    pub fn reanchor(&self, to: Height, anchor: Height, common: Height, receiver: &ChainId) -> Proven<Reanchor> {
        let header = self.header(to)?;
        if to <= anchor || to <= common {
            return not_provable(format!(
                "block {to} does not stand above block {}; name a newer one",
                anchor.max(common)
            ));
        }
        let validators = self.blocks.validators(&header.validators_hash)?;
        let Some(validators) = validators else {
            return Err(gap(format!("the validators of block {to} are not stored")));
        };
        let common = self.header(common)?;
        let leaf = if common.height == Height::ZERO && common.outbox.count == 0 {
            let leaf = OutboxLeaf::of_header_zero(&common, *receiver);
            LeafPath { leaf, index: 0, path: InclusionPath::default() }
        } else {
            match self.blocks.outbox_leaf(receiver, common.height)? {
                Some(leaf) => leaf,
                None => return not_found(format!("block {} says nothing to {receiver}", common.height)),
            }
        };
        Ok(Reanchor {
            chain: self.chain(),
            certificate: self.certificate(to)?,
            validators,
            next_validators: self.next_validators(&header)?,
            anchor_path: self.history_path(anchor, to)?,
            common_in_new: self.history_path(common.height, to)?,
            common_in_trusted: HistoryPath::default(),
            common,
            leaf,
            reason: Text::default(),
            header,
        })
    }
}
