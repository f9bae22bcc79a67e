//! Proofs of the value of a key at the end of a height: which of the four forms fits.
//!
//! (a) change n at or below the height and change n + 1 above it; (b) change n at or below it and a state that still
//! shows version n; (c) change 0 above it, or a state without the key; (d) one of the first two, where n is a delete.
//! What none of them can say of ledger 0, whose records are pruned and whose working entries have no version, a plain
//! state proof of that very block says.

use super::versions::Made;
use super::{Proven, Prover, gap, not_found, not_provable};
use chain_engine::chain_reader::ProvenLeaf;
use chain_state::Place;
use ledger_protocol::proof::{
    AnyProof, ChangedIn, KeyPlace, LaterChange, LedgerStateProof, ValueForm, ValueProof, Written, WrittenChange,
};
use ledger_protocol::transaction::{Change, ChangeKind};
use ledger_protocol::{Height, LedgerId, Version};

impl Prover<'_> {
    /// Proves what a key held at the end of a height; without one, at the newest block.
    ///
    /// # Errors
    /// [`super::ProveError`].
    pub fn value(&self, place: &Place, height: Option<Height>) -> Proven<AnyProof> {
        let height = height.unwrap_or(self.tip.height);
        // Refuses a height that does not exist.
        let _header = self.header(height)?;
        if self.blocks.ledger_proof(self.tip.height, place.ledger)?.is_none() {
            return not_found(format!("the chain has no ledger {}", place.ledger));
        }
        let (shown_at, form) = match self.version_at(place, height)? {
            Some(made) => {
                let change = self.change(&made)?;
                if change.leaf.kind == ChangeKind::Prune {
                    return self.plain_state(place, height);
                }
                match self.made(place, following(&made)?)? {
                    Some(next) => self.replaced(place, &made, change, &next)?,
                    None => self.current(place, height, &made, change)?,
                }
            }
            None => match self.made(place, Version::ZERO)? {
                Some(first) => (first.height, ValueForm::WrittenLater { first: self.later(&first)? }),
                None if place.ledger == LedgerId::SYSTEM => return self.plain_state(place, height),
                None => {
                    let (shown_at, state) = self.newest_state(place, height)?;
                    (shown_at, ValueForm::Absent { state })
                }
            },
        };
        let proof = ValueProof { header: self.header_proof(shown_at)?, place: key_place(place), form };
        Ok(AnyProof::Value(Box::new(proof)))
    }

    fn replaced(
        &self,
        place: &Place,
        made: &Made,
        change: ProvenLeaf<Change>,
        next: &Made,
    ) -> Proven<(Height, ValueForm)> {
        let written = match change.leaf.kind {
            ChangeKind::Delete => Written::Deleted,
            _ => match self.content(place, made)? {
                Some(value) => Written::Set(value.content),
                None => {
                    return not_provable(format!(
                        "this replica does not keep what was written in block {}; ask one that has been an archive \
                         since then",
                        made.height
                    ));
                }
            },
        };
        let ProvenLeaf { index, path, .. } = change;
        let written = WrittenChange { index, version: made.version, written, path };
        let older = Box::new(self.older(made.height, next.height)?);
        Ok((next.height, ValueForm::Replaced { older, written, next: self.later(next)? }))
    }

    fn current(
        &self,
        place: &Place,
        height: Height,
        made: &Made,
        change: ProvenLeaf<Change>,
    ) -> Proven<(Height, ValueForm)> {
        let (shown_at, state) = self.newest_state(place, height)?;
        let changed_in = if made.height == shown_at {
            ChangedIn::Same
        } else {
            ChangedIn::Older(Box::new(self.older(made.height, shown_at)?))
        };
        Ok((shown_at, ValueForm::Current { changed_in, index: change.index, path: change.path, state }))
    }

    fn later(&self, made: &Made) -> Proven<LaterChange> {
        let ProvenLeaf { leaf, index, path } = self.change(made)?;
        Ok(LaterChange { index, kind: leaf.kind, value_hash: leaf.value_hash, path })
    }

    fn plain_state(&self, place: &Place, height: Height) -> Proven<AnyProof> {
        let Some(inclusion) = self.state_inclusion(place, height)? else {
            return not_provable(format!(
                "the key has no version in force at block {height}, and the state of that block is no longer kept; \
                 ask for a newer height, or for a height at which the record stood"
            ));
        };
        let header = self.header_proof(height)?;
        Ok(AnyProof::LedgerState(Box::new(LedgerStateProof { header, place: key_place(place), inclusion })))
    }
}

fn following(made: &Made) -> Proven<Version> {
    made.version.next().ok_or_else(|| gap("a key has used up its versions"))
}

fn key_place(place: &Place) -> KeyPlace {
    let Place { ledger, account, key } = place.clone();
    KeyPlace { ledger, account, key }
}
