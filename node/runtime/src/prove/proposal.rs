//! A proposal's record over time: every version that the relay wrote, pruned ones included.
//!
//! The replica keeps what records held at the end of a block. Some versions live only inside one: the rejection of an
//! expired proposal, pruned in the block that writes it, and a decision that a message of the same block overtook.
//! Both follow from what is known, so they are made again and compared with the hash in their change. The last version
//! of a proposal that ended by a postponed message after its validity is not kept either; an older one then stands for
//! it, and the messages themselves say how its legs ended.

use super::versions::Made;
use super::{ProveError, Proven, Prover, gap, not_found, not_provable};
use chain_state::{Place, prove};
use ledger_protocol::codec::{Bounded, decode, encode};
use ledger_protocol::interchain::DecisionVerdict;
use ledger_protocol::proof::bundle::RecordAt;
use ledger_protocol::system::{LegPhase, LegStatus, ProposalRecord, ProposalState, accounts, proposal_key};
use ledger_protocol::transaction::{ChangeKind, Choice, StateContent, StateKey, StateValue, Value};
use ledger_protocol::{ChainId, Code, Hash, Height, LedgerId, ProposalId, Version};

/// Most versions of one proposal's record: per leg a vote and an end, and a few steps of its own.
const MAX_VERSIONS: usize = 1_024;

/// What the relay wrote of one proposal.
#[derive(Debug)]
pub(super) struct ProposalHistory {
    /// Where its record stands, or stood.
    pub(super) place: Place,
    /// The relay height at which it began; 0 for one that did not.
    pub(super) started_at: Height,
    /// Every version but the last change of a pruned record, oldest first.
    pub(super) versions: Vec<Made>,
    /// The newest version that is known.
    pub(super) newest: ProposalRecord,
    /// Whether newer versions were written, which closed all legs.
    pub(super) has_unknown_end: bool,
}

impl Prover<'_> {
    /// Where the record of a proposal stands or stood last, with its versions.
    pub(super) fn proposal_place(&self, id: &ProposalId) -> Proven<(Place, Height, Vec<Made>)> {
        let unstarted = Place::system(accounts::PROPOSALS, proposal_key(id, Height::ZERO));
        let (account, length) = (&unstarted.account, unstarted.key.len());
        let found = prove::versions_under(self.reader, LedgerId::SYSTEM, account, length, &encode(id), MAX_VERSIONS)?;
        // Keys ascend by the height of start: the last one is that of the started record, if there is one.
        let Some(last) = found.last().map(|made| made.key.clone()) else {
            return not_found(format!("the relay has no record of proposal {id}; was its Submit accepted?"));
        };
        let made = |it: prove::VersionMade| Made { version: it.version, height: it.height, index: it.index };
        let versions = found.into_iter().filter(|made| made.key == last).map(made).collect();
        Ok((Place { key: last.clone(), ..unstarted }, started_at(&last), versions))
    }

    /// Everything that the relay wrote of a proposal.
    pub(super) fn proposal_history(&self, id: &ProposalId) -> Proven<ProposalHistory> {
        let (place, started_at, mut versions) = self.proposal_place(id)?;
        if let Some(last) = versions.last()
            && self.change(last)?.leaf.kind == ChangeKind::Prune
        {
            versions.pop();
        }
        let Some(last) = versions.last().copied() else { return Err(gap("a proposal's record has no version")) };
        if let Some(newest) = self.record_of(&place, &last)? {
            return Ok(ProposalHistory { place, started_at, versions, newest, has_unknown_end: false });
        }
        for made in versions.iter().rev().skip(1) {
            let Some(known) = self.record_of(&place, made)? else { continue };
            let rejected = rejected_when_expired(&known, self.chain(), last.height);
            let is_rejected = known.state == ProposalState::Queued && self.is_written(&rejected, &last)?;
            let newest = if is_rejected { rejected } else { known };
            return Ok(ProposalHistory { place, started_at, versions, newest, has_unknown_end: !is_rejected });
        }
        not_provable(format!(
            "this replica does not keep the record of proposal {id} as block {} wrote it; ask one that has been an \
             archive since then",
            last.height
        ))
    }

    fn record_of(&self, place: &Place, made: &Made) -> Proven<Option<ProposalRecord>> {
        let Some(value) = self.content(place, made)? else { return Ok(None) };
        let StateContent::Plain(bytes) = value.content else { return Ok(None) };
        let record = decode(&bytes, Value::LIMIT).map_err(|error| gap(format!("a proposal's record: {error}")))?;
        Ok(Some(record))
    }

    fn is_written(&self, record: &ProposalRecord, made: &Made) -> Proven<bool> {
        Ok(hash_of(record, self)? == self.value_hash(made)?)
    }

    /// The version that shows the decision, or the newest one where there is none.
    ///
    /// `voted` are the phases that the votes found put the voting legs in.
    pub(super) fn decided_version(
        &self,
        history: &ProposalHistory,
        voted: &[LegStatus],
    ) -> Proven<(RecordAt, ProposalRecord)> {
        let wanted = match history.newest.decision.as_option() {
            None if history.has_unknown_end => {
                return not_provable(format!(
                    "proposal {} was decided in a block that left no record of it; ask for the record itself",
                    history.newest.id
                ));
            }
            None => history.versions.last().map_or(Height::ZERO, |made| made.height),
            Some(_) => history.newest.decided_at,
        };
        let mut in_block = history.versions.iter().rev().filter(|made| made.height == wanted).peekable();
        let Some(last) = in_block.peek().copied() else { return Err(gap("no version of the record at its decision")) };
        let record = match self.record_of(&history.place, last)? {
            Some(record) => record,
            // Only a rejection that `proposal_history` made again is not kept where a decision is known.
            None => history.newest.clone(),
        };
        let commits = matches!(record.decision.as_option(), Some(DecisionVerdict::Commit { .. }));
        let overtaken = |leg: &&LegStatus| leg.mode.votes() && !matches!(leg.phase, LegPhase::VotedYes { .. });
        if commits && record.legs.iter().any(|leg| overtaken(&leg)) {
            let legs = Bounded::new(voted.to_vec()).map_err(|_| gap("a proposal with too many legs"))?;
            let decided = ProposalRecord { state: ProposalState::Committing, legs, ..record.clone() };
            for made in in_block {
                if self.is_written(&decided, made)? {
                    return Ok((self.record_version(made, bytes_of(&decided)?)?, decided));
                }
            }
        }
        Ok((self.record_version(last, bytes_of(&record)?)?, record))
    }
}

/// What becomes of a queued proposal whose validity has ended.
fn rejected_when_expired(queued: &ProposalRecord, relay: ChainId, height: Height) -> ProposalRecord {
    ProposalRecord {
        state: ProposalState::Rejected,
        decision: Choice::Some(DecisionVerdict::Abort { code: Code::PROPOSAL_EXPIRED, culprit: relay }),
        decided_at: height,
        ..queued.clone()
    }
}

fn bytes_of(record: &ProposalRecord) -> Result<Value, ProveError> {
    Value::new(encode(record)).map_err(|error| gap(format!("a proposal's record: {error}")))
}

fn hash_of(record: &ProposalRecord, prover: &Prover<'_>) -> Proven<Hash> {
    let content = StateContent::Plain(bytes_of(record)?);
    let value = StateValue { version: Version::ZERO, content };
    Ok(value.value_hash(prover.chain().suite))
}

/// The height of start at the end of a record's key.
fn started_at(key: &StateKey) -> Height {
    key.last_chunk::<8>().map_or(Height::ZERO, |bytes| Height(u64::from_be_bytes(*bytes)))
}
