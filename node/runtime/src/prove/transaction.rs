//! Proofs of an input with its receipt.

use super::{Proven, Prover, gap, not_found};
use chain_engine::rows::InputPlace;
use ledger_protocol::TransactionId;
use ledger_protocol::proof::{AnyProof, InputInclusion, ShownInput, TransactionProof};

impl Prover<'_> {
    /// Proves a transaction, shown whole, with its receipt; a system input by its hash just so.
    ///
    /// # Errors
    /// [`super::ProveError`].
    pub fn transaction(&self, id: TransactionId) -> Proven<AnyProof> {
        let Some(place) = self.blocks.input_place(&id.0)? else {
            return not_found(format!("transaction {id} is in no block; it may still be waiting, or have expired"));
        };
        let (header, inclusion) = (self.header_proof(place.height)?, self.input(&place)?);
        Ok(AnyProof::Transaction(Box::new(TransactionProof { header, inclusion })))
    }

    /// An input with its receipt, under its block's header.
    pub(super) fn input(&self, place: &InputPlace) -> Proven<InputInclusion> {
        let missing = || gap(format!("block {} lacks input {}", place.height, place.index));
        let leaf = self.blocks.input_proof(place)?.ok_or_else(missing)?;
        let receipt = self.blocks.receipt_proof(place)?.ok_or_else(missing)?;
        let block = self.blocks.block(place.height)?.ok_or_else(missing)?;
        let at = usize::try_from(place.index).map_err(|_| missing())?;
        let input = block.inputs.into_vec().into_iter().nth(at).ok_or_else(missing)?;
        Ok(InputInclusion {
            index: place.index,
            input: ShownInput::Whole(Box::new(input)),
            input_path: leaf.path,
            receipt: receipt.leaf,
            receipt_path: receipt.path,
        })
    }
}
