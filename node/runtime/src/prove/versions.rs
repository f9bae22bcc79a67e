//! Versions of a key: which one was in force when, and what it held.

use super::{Proven, Prover, gap, not_provable};
use chain_engine::chain_reader::ProvenLeaf;
use chain_state::{Place, prove};
use ledger_protocol::codec::decode;
use ledger_protocol::proof::bundle::RecordAt;
use ledger_protocol::proof::{RecordVersion, StateInclusion};
use ledger_protocol::transaction::{Change, StateContent, StateValue, Value};
use ledger_protocol::{Hash, Height, Version};

/// One version of a key, and where its change stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Made {
    pub(super) version: Version,
    pub(super) height: Height,
    pub(super) index: u32,
}

impl Prover<'_> {
    /// A version of a key, if it was ever made.
    pub(super) fn made(&self, place: &Place, version: Version) -> Proven<Option<Made>> {
        let found = prove::change_of_version(self.reader, place.ledger, &place.account, &place.key, version)?;
        Ok(found.map(|(height, index)| Made { version, height, index }))
    }

    /// The version of a key at the end of a height: versions rise with the height, so a few look-ups find it.
    pub(super) fn version_at(&self, place: &Place, height: Height) -> Proven<Option<Made>> {
        let made_by = |version: u64| -> Proven<Option<Made>> {
            Ok(self.made(place, Version(version))?.filter(|made| made.height <= height))
        };
        let Some(mut newest) = made_by(0)? else { return Ok(None) };
        let mut step = 1u64;
        while let Some(made) = made_by(newest.version.0.saturating_add(step))? {
            newest = made;
            step = step.saturating_mul(2);
        }
        while step > 0 {
            if let Some(made) = made_by(newest.version.0.saturating_add(step))? {
                newest = made;
            }
            step /= 2;
        }
        Ok(Some(newest))
    }

    /// The leaf of a version in its block's changes tree, with its path.
    pub(super) fn change(&self, made: &Made) -> Proven<ProvenLeaf<Change>> {
        let change = self.blocks.change_proof(made.height, made.index)?;
        change.ok_or_else(|| gap(format!("block {} lacks change {}", made.height, made.index)))
    }

    /// What a version held; `None` for one that another of the same block replaced, which no state ever held.
    pub(super) fn content(&self, place: &Place, made: &Made) -> Proven<Option<StateValue>> {
        let Some(ledger) = self.blocks.ledger_proof(made.height, place.ledger)? else { return Ok(None) };
        let suite = self.chain().suite;
        let value = prove::value_in_version(self.reader, suite, place, ledger.leaf.state_version)?;
        Ok(value.filter(|value| value.version == made.version))
    }

    /// The hash of what a version wrote, as its change names it.
    pub(super) fn value_hash(&self, made: &Made) -> Proven<Hash> {
        Ok(self.change(made)?.leaf.value_hash)
    }

    /// One version of a record under its change, with the record's bytes.
    pub(super) fn record_version(&self, made: &Made, value: Value) -> Proven<RecordAt> {
        let ProvenLeaf { index, path, .. } = self.change(made)?;
        let record = RecordVersion { index, version: made.version, value, path };
        Ok(RecordAt { height_on_relay: made.height, record })
    }

    /// A record at the end of a height, under the change that wrote it, and decoded.
    pub(super) fn record_at<T: borsh::BorshDeserialize>(
        &self,
        place: &Place,
        height: Height,
    ) -> Proven<Option<(Made, RecordAt, T)>> {
        let Some(made) = self.version_at(place, height)? else { return Ok(None) };
        let Some(value) = self.content(place, &made)? else {
            return not_provable(format!(
                "this replica does not keep version {} of a record of account {}; ask one that has been an archive \
                 since block {}",
                made.version, place.account, made.height
            ));
        };
        let StateContent::Plain(bytes) = value.content else { return Ok(None) };
        let decoded = decode(&bytes, Value::LIMIT)
            .map_err(|error| gap(format!("a record of account {}: {error}", place.account)))?;
        Ok(Some((made, self.record_version(&made, bytes)?, decoded)))
    }

    /// What a ledger's state holds of a key at the end of a block; `None` if that state is no longer served.
    pub(super) fn state_inclusion(&self, place: &Place, height: Height) -> Proven<Option<StateInclusion>> {
        let Some(ProvenLeaf { leaf, index, path }) = self.blocks.ledger_proof(height, place.ledger)? else {
            return Ok(None);
        };
        let suite = self.chain().suite;
        let version = leaf.state_version;
        let state = prove::state_proof(self.reader, suite, place.ledger, &place.account, &place.key, version)?;
        Ok(state.map(|state| StateInclusion { ledger: leaf, index, path, state }))
    }

    /// The state at the checkpoint if it is served and not older than `from`, otherwise that of the newest block.
    pub(super) fn newest_state(&self, place: &Place, from: Height) -> Proven<(Height, StateInclusion)> {
        let trusted = self.checkpoint.height;
        if trusted >= from
            && let Some(state) = self.state_inclusion(place, trusted)?
        {
            return Ok((trusted, state));
        }
        let newest = self.tip.height;
        let state = self.state_inclusion(place, newest)?;
        let state = state.ok_or_else(|| gap(format!("the state of block {newest} is not served")))?;
        Ok((newest, state))
    }
}
