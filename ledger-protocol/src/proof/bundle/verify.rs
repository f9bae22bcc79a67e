//! The verification of a bundle: relay blocks, Submit, record, then the legs, then the signatures.

use super::error::{contradiction, same};
use super::legs::{self, Certified};
use super::verified::{Completeness, LegEnd, Missing, VerifiedBundle, VerifiedLeg};
use super::{Bundle, BundleError, Course, Part, RecordAt};
use crate::chain::{Checkpoint, Header, Input};
use crate::codec::{SortedVec, decode};
use crate::codes::Code;
use crate::identifiers::Height;
use crate::interchain::{DecisionVerdict, Verdict};
use crate::proof::ProofError;
use crate::proof::header::{OlderHeader, check_header};
use crate::proof::transaction::ShownInput;
use crate::proposal::Submit;
use crate::suite::{BatchItem, Verifier};
use crate::system::{ProposalRecord, ProposalState, accounts, proposal_key};
use crate::transaction::{Operation, SignatureItem, StateKey, Transaction, Value, signature_items};
use borsh::BorshDeserialize;
use std::collections::{BTreeMap, BTreeSet};

pub(super) fn verify(bundle: &Bundle, checkpoint: &Checkpoint) -> Result<VerifiedBundle, BundleError> {
    let head = bundle.head.claimed().map_err(BundleError::part(Part::Head))?;
    check_header(head, &checkpoint.chain).map_err(BundleError::part(Part::Head))?;
    let mut relay = RelayBlocks::new(head, &bundle.blocks)?;
    let (transaction, submit) = submission(bundle, &mut relay)?;
    let record = record(bundle, submit, &mut relay)?;
    let mut certified = Vec::new();
    let legs = match &bundle.course {
        Course::Rejected => Vec::new(),
        Course::Legs(shown) => legs::verify(shown, submit, &record, &mut relay, &mut certified)?,
    };
    check_votes_root(&record, &legs, head)?;
    relay.all_used()?;
    let submitted_at_ms = relay.get(Part::Submission, bundle.submission.height_on_relay)?.timestamp_ms;
    let recorded_at_ms = relay.get(Part::Record, bundle.record.height_on_relay)?.timestamp_ms;
    // Every hash link holds; now the signatures.
    let proven = bundle.head.verify(checkpoint).map_err(BundleError::part(Part::Head))?;
    check_certificates(&certified)?;
    let signatures = check_signatures(transaction)?;
    Ok(VerifiedBundle {
        id: record.id,
        body: submit.body.clone(),
        transaction: transaction.id(),
        submitted_at: bundle.submission.height_on_relay,
        submitted_at_ms,
        recorded_at: bundle.record.height_on_relay,
        recorded_at_ms,
        decision: record.decision.as_option().copied(),
        completeness: completeness(&record, &legs),
        legs,
        record,
        trusted_handoffs: proven.handoffs().to_vec(),
        signatures,
    })
}

/// The relay headers of a bundle, by height, with a note of which were used.
pub(super) struct RelayBlocks<'a> {
    by_height: BTreeMap<Height, &'a Header>,
    head: Height,
    used: BTreeSet<Height>,
}

impl<'a> RelayBlocks<'a> {
    fn new(
        head: &'a Header,
        blocks: &'a SortedVec<OlderHeader, { super::MAX_RELAY_BLOCKS }>,
    ) -> Result<Self, BundleError> {
        let mut by_height = BTreeMap::from([(head.height, head)]);
        for block in blocks {
            let part = Part::Block(block.header.height);
            // A block that is not below the head fails here: a path exists below only.
            let header = block.check_under(head).map_err(BundleError::part(part))?;
            by_height.insert(header.height, header);
        }
        Ok(Self { by_height, head: head.height, used: BTreeSet::new() })
    }

    /// The header at a height, for a part that names it.
    pub(super) fn get(&mut self, part: Part, height: Height) -> Result<&'a Header, BundleError> {
        let header = self.by_height.get(&height).copied().ok_or(BundleError::NoBlock { part, height })?;
        self.used.insert(height);
        Ok(header)
    }

    /// One version of a record, with the block that wrote it.
    pub(super) fn record<T: BorshDeserialize>(
        &mut self,
        part: Part,
        at: &RecordAt,
        account: &'static str,
        key: &StateKey,
    ) -> Result<(T, &'a Header), BundleError> {
        let header = self.get(part, at.height_on_relay)?;
        let record = at.record.check_under(header, account, key).map_err(BundleError::part(part))?;
        Ok((record, header))
    }

    fn all_used(&self) -> Result<(), BundleError> {
        match self.by_height.keys().find(|height| **height != self.head && !self.used.contains(height)) {
            Some(surplus) => Err(BundleError::SurplusBlock(*surplus)),
            None => Ok(()),
        }
    }
}

/// The Submit, in a transaction that succeeded.
fn submission<'a>(
    bundle: &'a Bundle,
    relay: &mut RelayBlocks<'a>,
) -> Result<(&'a Transaction, &'a Submit), BundleError> {
    let part = Part::Submission;
    let shown = &bundle.submission;
    let header = relay.get(part, shown.height_on_relay)?;
    shown.inclusion.check_under(header).map_err(BundleError::part(part))?;
    let ShownInput::Whole(input) = &shown.inclusion.input else {
        return contradiction(part, "the whole transaction", "its leaf alone");
    };
    let Input::Transaction(transaction) = &**input else {
        return contradiction(part, "a transaction", "a system input");
    };
    let operation = transaction.body.operations.get(usize::from(shown.operation));
    let Some(Operation::SubmitProposal(submit)) = operation.map(|operation| &operation.operation) else {
        return contradiction(part, format!("a Submit as operation {}", shown.operation), "another operation, or none");
    };
    same(part, "codes", &[Code::OK].as_slice(), &&*shown.inclusion.receipt.codes)?;
    same(part, "a proposal of relay", &header.chain, &submit.body.relay)?;
    submit.check_form()?;
    Ok((transaction, submit))
}

/// The proposal's record, which must be of this Submit and consistent in itself.
fn record<'a>(bundle: &'a Bundle, submit: &Submit, relay: &mut RelayBlocks<'a>) -> Result<ProposalRecord, BundleError> {
    let part = Part::Record;
    let id = submit.body.id();
    // The record names its own height of start, which is part of its key; the change then proves both.
    let claimed: ProposalRecord = decode(&bundle.record.record.value, Value::LIMIT)
        .map_err(|error| BundleError::part(part)(ProofError::Decode(error)))?;
    let key = proposal_key(&id, claimed.started_at);
    let (record, header): (ProposalRecord, _) = relay.record(part, &bundle.record, accounts::PROPOSALS, &key)?;
    same(part, "proposal", &id, &record.id)?;
    same(part, "proposer", &submit.body.proposer, &record.proposer)?;
    same(part, "submitted at", &bundle.submission.height_on_relay, &record.submitted_at)?;
    same(part, "valid until", &submit.body.valid_until, &record.valid_until)?;
    let listed: Vec<_> = submit.body.legs.iter().map(|leg| (leg.chain, leg.mode)).collect();
    let recorded: Vec<_> = record.legs.iter().map(|leg| (leg.chain, leg.mode)).collect();
    same(part, "legs", &listed, &recorded)?;
    check_state(&record, submit, header.height)?;
    let rejected = matches!(bundle.course, Course::Rejected);
    same(part, "a rejected proposal's course: state Rejected", &rejected, &(record.state == ProposalState::Rejected))?;
    Ok(record)
}

/// State, start, deadline and decision must belong together.
fn check_state(record: &ProposalRecord, submit: &Submit, recorded_at: Height) -> Result<(), BundleError> {
    let part = Part::Record;
    let decided = record.decision.as_option();
    let fits = match record.state {
        ProposalState::Queued | ProposalState::Preparing => decided.is_none(),
        ProposalState::Committing | ProposalState::Committed => matches!(decided, Some(DecisionVerdict::Commit { .. })),
        ProposalState::Aborting | ProposalState::Aborted | ProposalState::Rejected => {
            matches!(decided, Some(DecisionVerdict::Abort { .. }))
        }
    };
    if !fits {
        return contradiction(part, format!("a decision that fits {:?}", record.state), format!("{decided:?}"));
    }
    let never_started = matches!(record.state, ProposalState::Queued | ProposalState::Rejected);
    let deadline = if never_started {
        same(part, "height of start", &Height::ZERO, &record.started_at)?;
        Height::ZERO
    } else {
        if record.started_at < record.submitted_at || record.started_at == Height::ZERO {
            return contradiction(part, "a start at or after the Submit", format!("{}", record.started_at));
        }
        record.started_at.saturating_add(submit.body.t_prep.into())
    };
    same(part, "deadline", &deadline, &record.deadline)?;
    let decided_at = if decided.is_some() { recorded_at } else { Height::ZERO };
    same(part, "decided at", &decided_at, &record.decided_at)
}

/// The decision's root over the YES votes, once all of them are shown. Leaf = borsh(chain, message hash), leg order.
fn check_votes_root(record: &ProposalRecord, legs: &[VerifiedLeg], relay: &Header) -> Result<(), BundleError> {
    let Some(DecisionVerdict::Commit { votes_root }) = record.decision.as_option() else { return Ok(()) };
    legs::check_votes_root(record, legs, votes_root, relay.chain.suite)
}

fn completeness(record: &ProposalRecord, legs: &[VerifiedLeg]) -> Completeness {
    if record.state == ProposalState::Rejected {
        return Completeness::Complete;
    }
    let mut missing = Vec::new();
    if record.decision.as_option().is_none() {
        missing.push(Missing::Decision);
    }
    let commits = matches!(record.decision.as_option(), Some(DecisionVerdict::Commit { .. }));
    for leg in legs.iter().filter(|leg| leg.mode.votes()) {
        let has_yes = matches!(leg.vote.map(|vote| vote.content), Some(Verdict::Yes { .. }));
        if commits && !has_yes {
            missing.push(Missing::Vote(leg.chain));
        }
        if leg.end == LegEnd::Open {
            missing.push(Missing::End(leg.chain));
        }
    }
    if missing.is_empty() { Completeness::Complete } else { Completeness::Partial(missing) }
}

/// The certificates of the legs' chains; one that serves several messages is verified once.
fn check_certificates(certified: &[Certified<'_>]) -> Result<(), BundleError> {
    let mut done: Vec<&Certified<'_>> = Vec::new();
    for one in certified {
        if done.iter().any(|other| other.is_same(one)) {
            continue;
        }
        let _certificate = one
            .certificate
            .verify(one.header, one.validators, one.kind)
            .map_err(|error| BundleError::part(one.part)(error.into()))?;
        done.push(one);
    }
    Ok(())
}

/// Signers, approvers and authorisers, in one batch.
fn check_signatures(transaction: &Transaction) -> Result<usize, BundleError> {
    let items = signature_items(transaction);
    let batch: Vec<BatchItem<'_>> = items.iter().map(SignatureItem::as_batch_item).collect();
    match Verifier.verify_batch(&batch).iter().position(Result::is_err) {
        Some(index) => Err(BundleError::Signature { index, count: items.len() }),
        None => Ok(items.len()),
    }
}
