//! The legs of a bundle: Votes and Outcomes under the client records with which the relay ordered them, measured
//! against the proposal's record and its decision.

use super::error::{contradiction, same};
use super::verified::{LegEnd, ShownMessage, VerifiedLeg};
use super::verify::RelayBlocks;
use super::{BundleError, LegEvidence, LegMessages, MessageEvidence, Part};
use crate::chain::{CertificateKind, FinalityCertificate, Header, ValidatorSet};
use crate::codec::encode;
use crate::identifiers::{ChainId, Height, ProposalId, SuiteHash};
use crate::interchain::{DecisionVerdict, Message, MessageContent, Outcome, OutcomeResult, Verdict, Vote};
use crate::merkle;
use crate::proof::header::check_hash;
use crate::proof::message_hash;
use crate::proposal::{Leg, Submit};
use crate::suite::Suite;
use crate::system::{ChainRecord, ClientRecord, LegPhase, LegStatus, ProposalRecord, accounts, chain_key, client_key};

/// A certificate whose hash links hold and whose signatures are still to be verified.
pub(super) struct Certified<'a> {
    pub(super) part: Part,
    pub(super) header: &'a Header,
    pub(super) certificate: &'a FinalityCertificate,
    pub(super) validators: &'a ValidatorSet,
    pub(super) kind: CertificateKind,
}

impl Certified<'_> {
    /// Whether both are the very same certificate of the same header by the same set.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.kind == other.kind
            && self.certificate == other.certificate
            && self.header == other.header
            && self.validators == other.validators
    }
}

/// Verifies every hash link of every leg; pushes the certificates that remain to be verified.
pub(super) fn verify<'a>(
    shown: &'a [LegEvidence],
    submit: &Submit,
    record: &ProposalRecord,
    relay: &mut RelayBlocks<'a>,
    certified: &mut Vec<Certified<'a>>,
) -> Result<Vec<VerifiedLeg>, BundleError> {
    same(Part::Record, "entries, one per leg:", &submit.body.legs.len(), &shown.len())?;
    let legs = submit.body.legs.iter().zip(record.legs.iter()).zip(shown);
    legs.map(|((leg, status), shown)| one(Recorded { leg, status, record }, shown, relay, certified)).collect()
}

/// A leg as the Submit and the proposal's record have it.
#[derive(Clone, Copy)]
struct Recorded<'r> {
    leg: &'r Leg,
    status: &'r LegStatus,
    record: &'r ProposalRecord,
}

impl Recorded<'_> {
    /// That a message of its chain is about this very leg.
    fn check_subject(&self, part: Part, id: ProposalId, started_at: Height, chain: ChainId) -> Result<(), BundleError> {
        let expected = (self.record.id, self.record.started_at, self.leg.chain);
        same(part, "proposal, start and chain", &expected, &(id, started_at, chain))
    }
}

fn one<'a>(
    recorded: Recorded<'_>,
    shown: &'a LegEvidence,
    relay: &mut RelayBlocks<'a>,
    certified: &mut Vec<Certified<'a>>,
) -> Result<VerifiedLeg, BundleError> {
    let Recorded { leg, status, record } = recorded;
    let part = Part::Control(leg.chain);
    let (control, header): (ChainRecord, _) =
        relay.record(part, &shown.control, accounts::CHAINS, &chain_key(&leg.chain))?;
    same(part, "chain", &leg.chain, &control.chain)?;
    let (vote, outcome) = match &shown.messages {
        LegMessages::Silent => (None, None),
        LegMessages::Voted { vote } => (Some(&**vote), None),
        LegMessages::Ended { outcome } => (None, Some(&**outcome)),
        LegMessages::VotedAndEnded { vote, outcome } => (Some(&**vote), Some(&**outcome)),
    };
    let vote = match vote {
        Some(evidence) => Some(vote_of(recorded, evidence, relay, certified)?),
        None => None,
    };
    let outcome = match outcome {
        Some(evidence) => Some(outcome_of(recorded, evidence, relay, certified)?),
        None => None,
    };
    let end = end_of(leg, status, record, vote.map(|vote| vote.content), outcome.map(|outcome| outcome.content));
    check_end(leg, status, end, outcome.is_some())?;
    Ok(VerifiedLeg {
        chain: leg.chain,
        mode: leg.mode,
        controlled_by: control.controlled_by,
        chain_status: control.status,
        control_recorded_at: header.height,
        vote,
        outcome,
        end,
    })
}

/// A message, its client record's block, and the block of its chain that sent it.
struct Ordered<'a> {
    message: &'a Message,
    sent_in: &'a Header,
    trusted_in: &'a Header,
}

impl Ordered<'_> {
    fn shown<T>(&self, content: T) -> ShownMessage<T> {
        ShownMessage {
            content,
            sequence: self.message.sequence,
            height_on_source: self.sent_in.height,
            timestamp_ms_on_source: self.sent_in.timestamp_ms,
            trusted_at: self.trusted_in.height,
            trusted_at_ms: self.trusted_in.timestamp_ms,
        }
    }
}

/// The hash links from the relay's client record down to one message of the leg's chain to the relay.
fn message<'a>(
    part: Part,
    leg: &Leg,
    evidence: &'a MessageEvidence,
    relay: &mut RelayBlocks<'a>,
    certified: &mut Vec<Certified<'a>>,
) -> Result<Ordered<'a>, BundleError> {
    let (client, trusted_in): (ClientRecord, _) =
        relay.record(part, &evidence.client, accounts::CLIENTS, &client_key(&leg.chain))?;
    same(part, "chain", &leg.chain, &client.chain)?;
    let vouched = evidence.proof.check_links(&client, &evidence.standing).map_err(BundleError::part(part))?;
    same(part, "a message to relay", &trusted_in.chain, &vouched.message.destination)?;
    let (header, certificate) = evidence.proof.certified();
    let set = evidence.validators.hash(header.chain.suite);
    check_hash("the set that the certified header names", &header.validators_hash, set)
        .map_err(BundleError::part(part))?;
    certified.push(Certified { part, header, certificate, validators: &evidence.validators, kind: client.kind });
    Ok(Ordered { message: vouched.message, sent_in: vouched.header, trusted_in })
}

fn vote_of<'a>(
    recorded: Recorded<'_>,
    evidence: &'a MessageEvidence,
    relay: &mut RelayBlocks<'a>,
    certified: &mut Vec<Certified<'a>>,
) -> Result<ShownMessage<Verdict>, BundleError> {
    let Recorded { leg, status, .. } = recorded;
    let part = Part::Vote(leg.chain);
    let ordered = message(part, leg, evidence, relay, certified)?;
    let Some(MessageContent::Vote(vote)) = MessageContent::of(ordered.message) else {
        return contradiction(part, "a Vote", "another message");
    };
    let Vote { id, started_at_on_relay, chain, verdict } = vote;
    recorded.check_subject(part, id, started_at_on_relay, chain)?;
    if !leg.mode.votes() {
        return contradiction(part, "no Vote of a NOTIFY leg", "a Vote");
    }
    let hash = message_hash(ordered.message);
    match (&status.phase, &verdict) {
        (LegPhase::VotedYes { message_hash, write_set_root: noted }, Verdict::Yes { write_set_root, .. }) => {
            same(part, "message and write-set root", &(*message_hash, *noted), &(hash, *write_set_root))?;
        }
        (LegPhase::ClosedByNo { message_hash }, Verdict::No { .. }) => same(part, "message", message_hash, &hash)?,
        (LegPhase::VotedYes { .. } | LegPhase::ClosedByNo { .. }, _) => {
            return contradiction(
                part,
                format!("the vote that the record notes: {:?}", status.phase),
                format!("{verdict:?}"),
            );
        }
        _ => {}
    }
    Ok(ordered.shown(verdict))
}

fn outcome_of<'a>(
    recorded: Recorded<'_>,
    evidence: &'a MessageEvidence,
    relay: &mut RelayBlocks<'a>,
    certified: &mut Vec<Certified<'a>>,
) -> Result<ShownMessage<OutcomeResult>, BundleError> {
    let Recorded { leg, status, .. } = recorded;
    let part = Part::Outcome(leg.chain);
    let ordered = message(part, leg, evidence, relay, certified)?;
    let Some(MessageContent::Outcome(outcome)) = MessageContent::of(ordered.message) else {
        return contradiction(part, "an Outcome", "another message");
    };
    let Outcome { id, started_at_on_relay, chain, result } = outcome;
    recorded.check_subject(part, id, started_at_on_relay, chain)?;
    if let LegPhase::ClosedByOutcome { message_hash: noted } = &status.phase {
        same(part, "message", noted, &message_hash(ordered.message))?;
    }
    Ok(ordered.shown(result))
}

/// How the leg ended, from its Outcome or, without one, from its NO.
fn end_of(
    leg: &Leg,
    status: &LegStatus,
    record: &ProposalRecord,
    vote: Option<Verdict>,
    outcome: Option<OutcomeResult>,
) -> LegEnd {
    let decision = record.decision.as_option();
    let voted_root = match (vote, status.phase) {
        (Some(Verdict::Yes { write_set_root, .. }), _) | (_, LegPhase::VotedYes { write_set_root, .. }) => {
            Some(write_set_root)
        }
        _ => None,
    };
    let fits = |root: &SuiteHash| voted_root.is_none_or(|voted| voted == *root);
    match (outcome, vote) {
        (None, Some(Verdict::No { code, .. })) => LegEnd::RefusedByNo { code },
        (None, _) => LegEnd::Open,
        (Some(OutcomeResult::Disputed), _) => LegEnd::Disputed,
        // Before a decision nothing but a dispute can be judged.
        (Some(_), _) if decision.is_none() => LegEnd::Open,
        (Some(outcome), vote) => {
            let commits = matches!(decision, Some(DecisionVerdict::Commit { .. }));
            let voted_no = matches!(vote, Some(Verdict::No { .. }));
            match outcome {
                OutcomeResult::Applied { write_set_root }
                    if leg.mode.votes() && commits && !voted_no && fits(&write_set_root) =>
                {
                    LegEnd::Applied
                }
                OutcomeResult::Released if leg.mode.votes() && !commits => LegEnd::Released,
                OutcomeResult::Refused if leg.mode.votes() && !commits => LegEnd::Refused,
                OutcomeResult::Noted { code } if !leg.mode.votes() && commits => LegEnd::Noted { code },
                _ => LegEnd::Broken,
            }
        }
    }
}

/// What the record itself says of the leg's end must agree with what is shown.
fn check_end(leg: &Leg, status: &LegStatus, end: LegEnd, outcome_shown: bool) -> Result<(), BundleError> {
    if !outcome_shown {
        return Ok(());
    }
    let agrees = match &status.phase {
        LegPhase::Disputed => end == LegEnd::Disputed,
        LegPhase::Broken => end == LegEnd::Broken,
        LegPhase::Noted { code } => end == LegEnd::Noted { code: *code },
        LegPhase::ClosedByOutcome { .. } => !matches!(end, LegEnd::Broken | LegEnd::Disputed | LegEnd::Open),
        LegPhase::Waiting | LegPhase::VotedYes { .. } | LegPhase::ClosedByNo { .. } => true,
    };
    if agrees {
        return Ok(());
    }
    contradiction(
        Part::Outcome(leg.chain),
        format!("the end that the record notes: {:?}", status.phase),
        format!("{end:?}"),
    )
}

/// That COMMIT covers exactly the YES votes shown, once the record notes all of them: leaf = borsh(chain, message
/// hash), in leg order. The record's notes were compared with the votes that are shown.
pub(super) fn check_votes_root(
    record: &ProposalRecord,
    legs: &[VerifiedLeg],
    votes_root: &SuiteHash,
    suite: Suite,
) -> Result<(), BundleError> {
    for (leg, status) in legs.iter().zip(record.legs.iter()).filter(|(leg, _)| leg.mode.votes()) {
        if !matches!(leg.vote.map(|vote| vote.content), None | Some(Verdict::Yes { .. })) {
            return contradiction(
                Part::Vote(leg.chain),
                "YES under a COMMIT",
                format!("NO, record {:?}", status.phase),
            );
        }
    }
    let voting = || record.legs.iter().filter(|leg| leg.mode.votes());
    let noted: Vec<Vec<u8>> = voting()
        .filter_map(|leg| match &leg.phase {
            LegPhase::VotedYes { message_hash, .. } => Some(encode(&(leg.chain, message_hash))),
            _ => None,
        })
        .collect();
    if noted.len() != voting().count() {
        return contradiction(Part::Record, "a noted YES of every voting leg", format!("{} of them", noted.len()));
    }
    same(Part::Record, "root of the YES votes", &suite.foreign(merkle::root(suite, &noted)), votes_root)
}
