//! ABORT for what began in a lost interval of the relay (§7 of the proposal protocol, ADR 0013).
//!
//! The relay has no record of such a proposal; a chain that holds it LOCKED can be shown to, and then it is decided
//! ABORT, once, for the legs that are shown. Nobody can be shown APPLIED by the same proof: it counts only from a block
//! of the chain after its re-anchor, when no decision of the lost branch can reach it any more.
//! Bounds: [`MAX_OPEN`] open legs; a closed record leaves the state after [`KEPT_BLOCKS`].

use super::due::due;
use super::record;
use super::send::send;
use super::{MAX_T_PREP_CEILING, RelayFacts};
use crate::registry;
use chain_interchain::trusted;
use chain_state::{BlockState, Place, StoreFault};
use ledger_protocol::chain::Checkpoint;
use ledger_protocol::codec::{Bounded, decode, encode};
use ledger_protocol::interchain::{Decision, DecisionVerdict, Message, MessageContent, Outcome, OutcomeResult};
use ledger_protocol::proof::state::VerifiedState;
use ledger_protocol::proof::{HeaderProof, KeyPlace, LedgerStateProof, message_hash};
use ledger_protocol::system::{
    LegPhase, LegRecord, LegState, LostLeg, LostProposal, accounts, lost_proposal_key, proposal_key,
};
use ledger_protocol::transaction::{LockedReport, StateContent, Value};
use ledger_protocol::{AccountName, ChainId, Code, Height, LedgerId, ProposalId};

/// Working area: (chain, id, h0) of every such leg that is not closed.
const OPEN: &str = "lost-open";
/// Working area: their number.
const COUNT: &str = "lost-count";
/// Working area: (height, id, h0) of records that leave the state after that height.
const CLOSED: &str = "lost-closed";
/// Most such legs open at once.
pub(super) const MAX_OPEN: u64 = 65_536;
/// How long a record stays after its last leg was closed: no honest chain's deadline is further ahead.
const KEPT_BLOCKS: u64 = MAX_T_PREP_CEILING as u64;
/// Most records pruned in one block.
const MAX_PRUNED: usize = 1_024;

fn place(id: &ProposalId, started_at: Height) -> Place {
    Place::system(accounts::LOST, lost_proposal_key(id, started_at))
}

fn open_key(chain: &ChainId, id: &ProposalId, started_at: Height) -> Vec<u8> {
    encode(&(chain, id, started_at.0.to_be_bytes()))
}

fn closed_key(at: Height, id: &ProposalId, started_at: Height) -> Vec<u8> {
    [at.0.to_be_bytes().to_vec(), encode(&(id, started_at.0))].concat()
}

/// The record of a proposal that began in a lost interval.
///
/// # Errors
/// [`StoreFault`] on I/O.
pub fn find_lost(
    state: &BlockState<'_>,
    id: &ProposalId,
    started_at: Height,
) -> Result<Option<LostProposal>, StoreFault> {
    state.record(&place(id, started_at))
}

fn count(state: &BlockState<'_>) -> Result<u64, StoreFault> {
    Ok(state.working_as(COUNT, b"open")?.unwrap_or(0))
}

/// A chain is shown to hold a proposal of a lost interval: it is decided ABORT. Refused unless the interval is on
/// record, the relay knows nothing of (id, h0), and the proof shows the record LOCKED in a block of the chain from
/// after its re-anchor.
///
/// # Errors
/// [`StoreFault`] on I/O.
pub fn report_locked(
    state: &mut BlockState<'_>,
    facts: &RelayFacts,
    report: &LockedReport,
) -> Result<Code, StoreFault> {
    let (id, started_at, chain) = (report.id, report.started_at_on_relay, report.chain);
    if registry::chain(state, &chain)?.is_none() {
        return Ok(Code::CHAIN_UNKNOWN);
    }
    let lane = registry::lane(state, &chain)?;
    if registry::is_lost(state, &chain)? || lane.is_held() {
        return Ok(Code::CHAIN_NOT_ACTIVE);
    }
    let is_inside =
        registry::intervals(state)?.iter().any(|it| it.first_lost <= started_at && started_at <= it.last_lost);
    if id.0.suite != facts.relay.suite || !is_inside {
        return Ok(Code::BAD_ARGUMENT);
    }
    if record::find(state, &id)?.is_some_and(|record| record.started_at == started_at) {
        return Ok(Code::PROPOSAL_EXISTS);
    }
    let known = find_lost(state, &id, started_at)?;
    if known.as_ref().is_some_and(|it| it.legs.iter().any(|leg| leg.chain == chain)) {
        return Ok(Code::DUPLICATE);
    }
    let Some((shown_at, leg)) = verify(state, report)? else { return Ok(Code::PROOF) };
    if shown_at < lane.resumed_at_on_source {
        return Ok(Code::TOO_LATE);
    }
    if leg.state != LegState::Locked {
        return Ok(Code::UNEXPECTED);
    }
    let open = count(state)?;
    if open >= MAX_OPEN {
        return Ok(Code::LIMIT);
    }
    let decision = DecisionVerdict::Abort { code: Code::LOST_ON_RELAY, culprit: facts.relay };
    let record = known.unwrap_or_else(|| LostProposal {
        id,
        started_at,
        decision,
        decided_at: facts.height,
        legs: Bounded::default(),
    });
    let mut legs = record.legs.into_vec();
    legs.push(LostLeg { chain, deadline: leg.deadline_on_relay, phase: LegPhase::Waiting });
    legs.sort_by_key(|leg| leg.chain);
    let Ok(legs) = Bounded::new(legs) else { return Ok(Code::LIMIT) };
    // The record before the message, as for every decision (R2).
    state.put_record(&place(&id, started_at), &LostProposal { legs, ..record })?;
    state.put_working(OPEN, &open_key(&chain, &id, started_at), &[])?;
    state.put_working_as(COUNT, b"open", &open.saturating_add(1))?;
    #[cfg(feature = "planted-bugs")]
    if planted::is(planted::Plant::LostLockKept) {
        return Ok(Code::OK);
    }
    announce(state, facts, &chain, (&id, started_at, leg.deadline_on_relay), record.decision)?;
    Ok(Code::OK)
}

/// The chain's record of the leg and the height at which it stood, if the proof shows one that the trusted header
/// vouches for.
fn verify(state: &BlockState<'_>, report: &LockedReport) -> Result<Option<(Height, LegRecord)>, StoreFault> {
    let Some(trusted) = trusted(state, &report.chain)? else { return Ok(None) };
    let checkpoint = Checkpoint {
        chain: trusted.chain,
        kind: trusted.kind,
        height: trusted.height,
        header_hash: trusted.header_hash,
        next_validators_hash: trusted.next_validators_hash(),
    };
    let LedgerStateProof { header, place: shown, .. } = &report.proof;
    // Hand-offs have a way of their own, in which none is skipped; here each would cost a certificate.
    if matches!(header, HeaderProof::Above(above) if !above.handoffs.is_empty()) {
        return Ok(None);
    }
    let Ok(account) = AccountName::new(accounts::LEGS) else { return Ok(None) };
    let key = proposal_key(&report.id, report.started_at_on_relay);
    if *shown != (KeyPlace { ledger: LedgerId::SYSTEM, account, key }) {
        return Ok(None);
    }
    let Ok(verified) = report.proof.verify(&checkpoint) else { return Ok(None) };
    let VerifiedState::Present(value) = &verified.state else { return Ok(None) };
    let StateContent::Plain(bytes) = &value.content else { return Ok(None) };
    let leg = decode::<LegRecord>(bytes, Value::LIMIT).ok();
    Ok(leg.map(|leg| (verified.header.header().height, leg)))
}

fn announce(
    state: &mut BlockState<'_>,
    facts: &RelayFacts,
    chain: &ChainId,
    (id, started_at, deadline): (&ProposalId, Height, Height),
    verdict: DecisionVerdict,
) -> Result<(), StoreFault> {
    let decision = Decision::Voting {
        relay: facts.relay,
        id: *id,
        started_at_on_relay: started_at,
        deadline_on_relay: deadline,
        verdict,
    };
    send(state, chain, &MessageContent::Decision(decision))
}

/// Everything open of a chain, as (id, h0).
fn open_of(state: &BlockState<'_>, chain: &ChainId) -> Result<Vec<(ProposalId, Height)>, StoreFault> {
    let prefix = encode(chain);
    let limit = usize::try_from(MAX_OPEN).unwrap_or(usize::MAX);
    let rows = state.scan_working(OPEN, &prefix, None, limit)?;
    rows.into_iter()
        .map(|(key, _)| {
            let (id, at) = key
                .get(prefix.len()..)
                .and_then(|bytes| decode::<(ProposalId, [u8; 8])>(bytes, 64).ok())
                .ok_or_else(|| StoreFault("an entry of the lost legs is corrupt".into()))?;
            Ok((id, Height(u64::from_be_bytes(at))))
        })
        .collect()
}

/// Whether a chain has such a leg that is not closed: then it may not retire.
///
/// # Errors
/// [`StoreFault`] on I/O.
pub fn has_open_lost_legs(state: &BlockState<'_>, chain: &ChainId) -> Result<bool, StoreFault> {
    Ok(!state.scan_working(OPEN, &encode(chain), None, 1)?.is_empty())
}

/// Says the ABORTs again, after another re-anchor.
pub(super) fn resend(state: &mut BlockState<'_>, facts: &RelayFacts, chain: &ChainId) -> Result<(), StoreFault> {
    for (id, started_at) in open_of(state, chain)? {
        let Some(record) = find_lost(state, &id, started_at)? else { continue };
        for leg in record.legs.iter().filter(|leg| leg.chain == *chain) {
            announce(state, facts, chain, (&id, started_at, leg.deadline), record.decision)?;
        }
    }
    Ok(())
}

/// A retired chain's legs: nobody will close them by proof.
///
/// # Errors
/// [`StoreFault`] on I/O.
pub(crate) fn give_up_lost_legs(
    state: &mut BlockState<'_>,
    facts: &RelayFacts,
    chain: &ChainId,
) -> Result<(), StoreFault> {
    for (id, started_at) in open_of(state, chain)? {
        if let Some(record) = find_lost(state, &id, started_at)? {
            leave(state, facts, &record, chain)?;
        }
    }
    Ok(())
}

/// A leg is awaited no more; the record leaves the state some time after its last one.
fn leave(
    state: &mut BlockState<'_>,
    facts: &RelayFacts,
    record: &LostProposal,
    chain: &ChainId,
) -> Result<(), StoreFault> {
    state.remove_working(OPEN, &open_key(chain, &record.id, record.started_at))?;
    match count(state)?.saturating_sub(1) {
        0 => state.remove_working(COUNT, b"open")?,
        left => state.put_working_as(COUNT, b"open", &left)?,
    }
    for leg in &record.legs {
        if state.working(OPEN, &open_key(&leg.chain, &record.id, record.started_at))?.is_some() {
            return Ok(());
        }
    }
    let until = facts.height.saturating_add(KEPT_BLOCKS);
    state.put_working(CLOSED, &closed_key(until, &record.id, record.started_at), &[])
}

/// What an Outcome does to such a leg.
pub(super) enum LostOutcome {
    /// It is about nothing that is known here.
    Unknown,
    /// A receipt, with or without a change.
    Receipt(Code),
    /// It contradicts the ABORT: the leg is BROKEN, its chain is to be frozen.
    Broken,
}

/// An Outcome of something that the relay has no ordinary record of.
pub(super) fn on_outcome(
    state: &mut BlockState<'_>,
    facts: &RelayFacts,
    message: &Message,
    outcome: &Outcome,
) -> Result<LostOutcome, StoreFault> {
    let (id, started_at, chain) = (outcome.id, outcome.started_at_on_relay, outcome.chain);
    let Some(record) = find_lost(state, &id, started_at)? else { return Ok(LostOutcome::Unknown) };
    let mut legs = record.legs.clone().into_vec();
    let Some(leg) = legs.iter_mut().find(|leg| leg.chain == chain) else { return Ok(LostOutcome::Unknown) };
    if leg.phase != LegPhase::Waiting {
        return Ok(LostOutcome::Receipt(Code::DUPLICATE));
    }
    leg.phase = match outcome.result {
        OutcomeResult::Released | OutcomeResult::Refused => {
            LegPhase::ClosedByOutcome { message_hash: message_hash(message) }
        }
        OutcomeResult::Disputed => LegPhase::Disputed,
        OutcomeResult::Applied { .. } | OutcomeResult::Noted { .. } => LegPhase::Broken,
    };
    let is_broken = leg.phase == LegPhase::Broken;
    let record = LostProposal { legs: Bounded::new(legs).unwrap_or_default(), ..record };
    state.put_record(&place(&id, started_at), &record)?;
    leave(state, facts, &record, &chain)?;
    Ok(if is_broken { LostOutcome::Broken } else { LostOutcome::Receipt(Code::OK) })
}

/// Due work: prunes what nobody can ask for any more (R2). A leg that was shown later keeps its record.
///
/// # Errors
/// [`StoreFault`] on I/O.
pub fn prune_lost(state: &mut BlockState<'_>, facts: &RelayFacts) -> Result<(), StoreFault> {
    'due: for entry in due(state, CLOSED, facts.height, MAX_PRUNED)? {
        state.remove_working(CLOSED, &entry)?;
        let Some((id, started_at)) = entry.get(8..).and_then(|bytes| decode::<(ProposalId, u64)>(bytes, 64).ok())
        else {
            continue;
        };
        let Some(record) = find_lost(state, &id, Height(started_at))? else { continue };
        for leg in &record.legs {
            if state.working(OPEN, &open_key(&leg.chain, &id, record.started_at))?.is_some() {
                continue 'due;
            }
        }
        state.prune(&place(&id, record.started_at))?;
    }
    Ok(())
}
