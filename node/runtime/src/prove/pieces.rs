//! Proofs of single pieces of a chain: a header, an event, a change or its absence, a message, a leg's record, and
//! that two blocks are of one history.

use super::versions::Made;
use super::{Proven, Prover, gap, not_found, not_provable};
use chain_engine::chain_reader::ProvenLeaf;
use chain_state::{BlockState, Place};
use ledger_protocol::chain::Checkpoint;
use ledger_protocol::codec::{Text, decode, encode};
use ledger_protocol::merkle::{ConsistencyPath, Tree};
use ledger_protocol::proof::{
    AnchoredMessage, AnyProof, ChangeInclusion, ChangeProof, ConsistencyProof, EventProof, KeyPlace, LedgerStateProof,
    MessageInclusion, NamedConsistency, UnchangedForm, UnchangedProof,
};
use ledger_protocol::system::{LegRecord, LegState, accounts, proposal_key};
use ledger_protocol::transaction::{Change, StateContent, StateKey};
use ledger_protocol::{ChainId, Height, LedgerId, ProposalId, Sequence, TransactionId, Version};

/// Most records of one proposal that are looked through.
const MAX_LEGS: usize = 256;

impl Prover<'_> {
    /// Proves a header.
    ///
    /// # Errors
    /// [`super::ProveError`].
    pub fn proven_header(&self, height: Height) -> Proven<AnyProof> {
        Ok(AnyProof::Header(Box::new(self.header_proof(height)?)))
    }

    /// Proves one of the events of a transaction.
    ///
    /// # Errors
    /// [`super::ProveError`].
    pub fn event(&self, transaction: TransactionId, number: u32) -> Proven<AnyProof> {
        let Some((place, receipt)) = self.blocks.receipt(&transaction.0)? else {
            return not_found(format!("transaction {transaction} is in no block"));
        };
        if number >= receipt.events.count {
            return not_found(format!("transaction {transaction} published {} events", receipt.events.count));
        }
        let index = receipt.events.first.saturating_add(number);
        let Some(ProvenLeaf { leaf, index, path }) = self.blocks.event_proof(place.height, index)? else {
            return Err(gap(format!("block {} lacks event {index}", place.height)));
        };
        let header = self.header_proof(place.height)?;
        Ok(AnyProof::Event(Box::new(EventProof { header, index, event: leaf, path })))
    }

    /// Proves the change that made a version of a key; without one, the newest.
    ///
    /// # Errors
    /// [`super::ProveError`].
    pub fn change_of(&self, place: &Place, version: Option<Version>) -> Proven<AnyProof> {
        let made = match version {
            Some(version) => self.made(place, version)?,
            None => self.version_at(place, self.tip.height)?,
        };
        let Some(made) = made else {
            return not_found("the key has no such version; `crosstie history` shows which it has");
        };
        let proof = ChangeProof { header: self.header_proof(made.height)?, inclusion: self.change_inclusion(&made)? };
        Ok(AnyProof::Change(Box::new(proof)))
    }

    fn change_inclusion(&self, made: &Made) -> Proven<ChangeInclusion> {
        let ProvenLeaf { leaf, index, path } = self.change(made)?;
        Ok(ChangeInclusion { index, change: leaf, path })
    }

    /// Proves that a key did not change in a block.
    ///
    /// # Errors
    /// [`super::ProveError`].
    pub fn unchanged(&self, place: &Place, height: Height) -> Proven<AnyProof> {
        let wanted = KeyPlace { ledger: place.ledger, account: place.account.clone(), key: place.key.clone() };
        let count = self.header(height)?.changes.count;
        let changes = if count == 0 { Vec::new() } else { self.blocks.changes(height)?.unwrap_or_default() };
        if changes.iter().any(|change| KeyPlace::of(change) == wanted) {
            return not_provable(format!("the key did change in block {height}"));
        }
        let after = changes.iter().take_while(|change| KeyPlace::of(change) < wanted).count();
        let at = |index: usize| -> Proven<ProvenLeaf<Change>> {
            let index = u32::try_from(index).map_err(|_| gap("a block has too many changes"))?;
            let leaf = self.blocks.change_proof(height, index)?;
            leaf.ok_or_else(|| gap(format!("block {height} lacks change {index}")))
        };
        let form = match (after.checked_sub(1), after < changes.len()) {
            (None, false) => UnchangedForm::Empty,
            (None, true) => {
                let ProvenLeaf { leaf, path, .. } = at(0)?;
                UnchangedForm::BeforeFirst { first: leaf, path }
            }
            (Some(last), false) => {
                let ProvenLeaf { leaf, path, .. } = at(last)?;
                UnchangedForm::AfterLast { last: leaf, path }
            }
            (Some(before), true) => {
                let (left, right) = (at(before)?, at(after)?);
                UnchangedForm::Between {
                    left: ChangeInclusion { index: left.index, change: left.leaf, path: left.path },
                    right: right.leaf,
                    right_path: right.path,
                }
            }
        };
        let header = self.header_proof(height)?;
        Ok(AnyProof::Unchanged(Box::new(UnchangedProof { header, place: wanted, form })))
    }

    /// Proves a message that this chain sent.
    ///
    /// # Errors
    /// [`super::ProveError`].
    pub fn message(&self, destination: &ChainId, sequence: Sequence) -> Proven<AnyProof> {
        let found = self.blocks.undelivered(destination, sequence, self.tip.height, 1)?.first().copied();
        let no_such = || not_found(format!("no message {sequence} to {destination} was sent"));
        let Some(height) = found else { return no_such() };
        let Some(leaf) = self.blocks.outbox_leaf(destination, height)? else { return no_such() };
        let messages = self.blocks.messages(destination, height)?.into_vec();
        let Some(at) = messages.iter().position(|message| message.sequence == sequence) else { return no_such() };
        let leaves: Vec<Vec<u8>> = messages.iter().map(encode).collect();
        let path = u64::try_from(at).ok().and_then(|at| Tree::new(self.chain().suite, &leaves).path(at).ok());
        let (Some(message), Some(path)) = (messages.into_iter().nth(at), path) else {
            return Err(gap(format!("the messages of block {height} have no tree")));
        };
        let header = self.header_proof(height)?;
        let inclusion = MessageInclusion { leaf, message, path };
        Ok(AnyProof::Message(Box::new(AnchoredMessage { header, inclusion })))
    }

    /// Proves this chain's record of a proposal's leg: of the one that began at this relay height, or of the only one
    /// that is LOCKED, or of the only one.
    ///
    /// # Errors
    /// [`super::ProveError`].
    pub fn leg(&self, id: &ProposalId, started_at: Option<Height>) -> Proven<AnyProof> {
        let started_at = match started_at {
            Some(height) => height,
            None => self.only_leg(id)?,
        };
        let place = Place::system(accounts::LEGS, proposal_key(id, started_at));
        let (shown_at, inclusion) = self.newest_state(&place, Height::ZERO)?;
        let Place { ledger, account, key } = place;
        let proof = LedgerStateProof {
            header: self.header_proof(shown_at)?,
            place: KeyPlace { ledger, account, key },
            inclusion,
        };
        Ok(AnyProof::LedgerState(Box::new(proof)))
    }

    fn only_leg(&self, id: &ProposalId) -> Proven<Height> {
        let state = BlockState::open(self.reader, self.chain().suite, self.tip.height.saturating_add(1))?;
        let account = Text::new(accounts::LEGS).unwrap_or_default();
        let prefix = encode(id);
        let mut legs: Vec<(Height, LegState)> = Vec::new();
        for (key, value) in state.scan(LedgerId::SYSTEM, &account, &prefix, None, MAX_LEGS)? {
            let (Some(height), StateContent::Plain(bytes)) = (began(&key), &value.content) else { continue };
            let record: LegRecord =
                decode(bytes, bytes.len()).map_err(|error| gap(format!("a leg's record: {error}")))?;
            legs.push((height, record.state));
        }
        let locked: Vec<Height> =
            legs.iter().filter(|(_, state)| *state == LegState::Locked).map(|(height, _)| *height).collect();
        match (locked.as_slice(), legs.as_slice()) {
            ([only], _) | ([], [(only, _)]) => Ok(*only),
            ([], []) => not_found(format!("this chain has no record of proposal {id}")),
            _ => {
                let all: Vec<String> = legs.iter().map(|(height, state)| format!("{height} ({state:?})")).collect();
                not_provable(format!(
                    "this chain has several records of the proposal, begun at relay heights {}; say which",
                    all.join(", ")
                ))
            }
        }
    }

    /// Proves that the checkpoint, which is the newer one, and an older block are of one history.
    ///
    /// # Errors
    /// [`super::ProveError`].
    pub fn consistency(&self, older: Height) -> Proven<AnyProof> {
        let newer = self.checkpoint.height;
        if older >= newer {
            return not_provable(format!("block {older} is not older than block {newer}"));
        }
        let (first, second) = (self.header(older)?, self.header(newer)?);
        let consistency = if older == Height::ZERO {
            ConsistencyPath::default()
        } else {
            let path = self.blocks.history_consistency(older, newer)?;
            path.ok_or_else(|| gap(format!("the history has no path from block {older} to block {newer}")))?
        };
        let proof = ConsistencyProof {
            path: self.history_path(older, newer)?,
            older: Box::new(first),
            newer: Box::new(second),
            consistency,
        };
        let older = Checkpoint::at(&proof.older, self.checkpoint.kind);
        Ok(AnyProof::Consistency(Box::new(NamedConsistency { older, newer: self.checkpoint, proof })))
    }
}

/// The relay height in the key of a leg's record.
fn began(key: &StateKey) -> Option<Height> {
    key.last_chunk::<8>().map(|bytes| Height(u64::from_be_bytes(*bytes)))
}
