//! Validator sets and certificates of other chains, as this chain's archived inputs brought them.

use super::versions::Made;
use super::{Proven, Prover};
use chain_state::{BlockState, Place};
use ledger_protocol::chain::{FinalityCertificate, Header, Input, ValidatorSet};
use ledger_protocol::interchain::{Head, Motion};
use ledger_protocol::system::{ClientRecord, accounts, motion_key};
use ledger_protocol::transaction::{MotionProposal, Operation};
use ledger_protocol::{ChainId, Hash, Height, Version};

/// Most hand-offs and re-anchors of a chain that are gone back through.
const MAX_SET_CHANGES: usize = 1_024;

impl Prover<'_> {
    /// The set of a chain with this hash: the one trusted now, or the one that an older hand-off or motion named, at or
    /// before a version of the client record.
    pub(super) fn foreign_set(
        &self,
        place: &Place,
        source: &ChainId,
        wanted: &Hash,
        newest: &Made,
    ) -> Proven<Option<ValidatorSet>> {
        let state = BlockState::open(self.reader, self.chain().suite, self.tip.height.saturating_add(1))?;
        if let Some(trusted) = chain_interchain::trusted(&state, source)?
            && trusted.next_validators_hash() == *wanted
        {
            return Ok(Some(trusted.next_validators));
        }
        let is_wanted = |set: &ValidatorSet| set.hash(source.suite) == *wanted;
        let mut version = newest.version;
        for _ in 0..MAX_SET_CHANGES {
            let Some((made, record)) = self.client_version(place, version)? else { return Ok(None) };
            // The oldest version under the same hand-off was written by the block that holds it.
            let origin = self.first_under(place, &made, &record)?;
            for set in self.sets_shown_in(origin.height, source)? {
                if is_wanted(&set) {
                    return Ok(Some(set));
                }
            }
            let Some(before) = origin.version.0.checked_sub(1) else { return Ok(None) };
            version = Version(before);
        }
        Ok(None)
    }

    pub(super) fn client_version(&self, place: &Place, version: Version) -> Proven<Option<(Made, ClientRecord)>> {
        let Some(made) = self.made(place, version)? else { return Ok(None) };
        // Several hand-offs of one block are one step: the record at its end is the one that is kept.
        let Some((made, _, record)) = self.record_at::<ClientRecord>(place, made.height)? else { return Ok(None) };
        Ok(Some((made, record)))
    }

    /// The oldest version of a client record that names the same hand-off as this one.
    fn first_under(&self, place: &Place, made: &Made, record: &ClientRecord) -> Proven<Made> {
        let (mut low, mut high) = (0u64, *made);
        while low < high.version.0 {
            let middle = low.midpoint(high.version.0);
            let same = match self.client_version(place, Version(middle))? {
                Some((found, other))
                    if other.last_handoff_height_on_source == record.last_handoff_height_on_source
                        && other.next_validators_hash_on_source == record.next_validators_hash_on_source =>
                {
                    Some(found)
                }
                _ => None,
            };
            match same.and(self.made(place, Version(middle))?) {
                Some(found) => high = found,
                None => low = middle.saturating_add(1),
            }
        }
        Ok(high)
    }

    /// Every set of a chain that the inputs of a block show: in hand-offs, registrations and re-anchors.
    fn sets_shown_in(&self, height: Height, source: &ChainId) -> Proven<Vec<ValidatorSet>> {
        let mut sets = Vec::new();
        for input in self.inputs(height)? {
            match input {
                Input::Handoff(handoff) if handoff.source == *source => sets.push(handoff.next_validators),
                Input::Transaction(transaction) => {
                    for operation in transaction.body.operations.into_vec() {
                        match self.motion_of(operation.operation)? {
                            Some(Motion::Register(shown)) if shown.header.chain == *source => {
                                sets.push(shown.next_validators);
                            }
                            Some(Motion::Reanchor(shown)) if shown.chain == *source => {
                                sets.extend([shown.next_validators, shown.validators]);
                            }
                            _ => {}
                        }
                    }
                }
                _ => {}
            }
        }
        Ok(sets)
    }

    /// The motion that an operation proposes or votes for.
    fn motion_of(&self, operation: Operation) -> Proven<Option<Motion>> {
        let id = match operation {
            Operation::ProposeMotion(proposal) => return Ok(Some(proposal.motion)),
            Operation::VoteMotion(vote) => vote.motion,
            _ => return Ok(None),
        };
        // A motion is proposed in the block that writes the first version of its record.
        let place = Place::system(accounts::MOTIONS, motion_key(&id));
        let Some(first) = self.made(&place, Version::ZERO)? else { return Ok(None) };
        let is_it = |proposal: &MotionProposal| chain_ledger::motions::motion_id(self.chain().suite, proposal) == id;
        for input in self.inputs(first.height)? {
            let Input::Transaction(transaction) = input else { continue };
            for operation in transaction.body.operations.into_vec() {
                if let Operation::ProposeMotion(proposal) = operation.operation
                    && is_it(&proposal)
                {
                    return Ok(Some(proposal.motion));
                }
            }
        }
        Ok(None)
    }

    /// The certificate with which a block made this chain trust a header of another.
    pub(super) fn foreign_certificate(&self, header: &Header, height: Height) -> Proven<Option<FinalityCertificate>> {
        let (source, wanted) = (header.chain, header.hash());
        for input in self.inputs(height)? {
            let shown = match input {
                Input::Handoff(handoff) if handoff.source == source => vec![(handoff.header, handoff.certificate)],
                Input::Advance(advance) if advance.source == source => match advance.head {
                    Head::New { header, certificate, .. } => vec![(header, certificate)],
                    Head::Known { .. } => Vec::new(),
                },
                Input::Transaction(transaction) => {
                    let mut shown = Vec::new();
                    for operation in transaction.body.operations.into_vec() {
                        if let Some(Motion::Reanchor(motion)) = self.motion_of(operation.operation)? {
                            shown.push((motion.header, motion.certificate));
                        }
                    }
                    shown
                }
                _ => Vec::new(),
            };
            if let Some((_, certificate)) = shown.into_iter().find(|(header, _)| header.hash() == wanted) {
                return Ok(Some(certificate));
            }
        }
        Ok(None)
    }

    /// The inputs of a block; none at height 0.
    pub(super) fn inputs(&self, height: Height) -> Proven<Vec<Input>> {
        if self.header(height)?.transactions.count == 0 {
            return Ok(Vec::new());
        }
        Ok(self.blocks.block(height)?.map(|block| block.inputs.into_vec()).unwrap_or_default())
    }
}
