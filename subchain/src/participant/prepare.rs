//! Prepare: run the leg on a sandbox, lock, and vote.

#[cfg(feature = "planted-bugs")]
use super::planted_bugs;
use super::record::{HELD, HeldLeg, LegId, LegRecord};
use super::table::{Incoming, LegState, Reaction, react};
use super::{ParticipantFacts, answer, expired, reanchored, standing::known_relay_height};
use chain_ledger::leg::{LegError, LegRefusal, check_asserted, check_scope, execute_leg};
use chain_ledger::{LedgerError, LedgerFacts};
use chain_state::{Access, BlockState, StagedWrites, StoreFault, locks};
use ledger_protocol::codec::Ordered;
use ledger_protocol::codec::{SortedVec, decode};
use ledger_protocol::interchain::{Prepare, Verdict};
use ledger_protocol::proposal::{Call, Leg, LegMode, LockKey, MAX_LEG_BYTES, authorisation_sign_bytes};
use ledger_protocol::suite::{BatchItem, Verifier};
use ledger_protocol::transaction::{Operations, SignerSignature};
use ledger_protocol::{Address, Code, Hash, Height, ProposalId, SuiteHash};

/// Why a leg is refused, with the proposal in the way if one is.
struct No {
    code: Code,
    conflicting: Option<ProposalId>,
}

impl From<Code> for No {
    fn from(code: Code) -> Self {
        Self { code, conflicting: None }
    }
}

/// Handles a Prepare; returns its receipt code.
pub(super) fn on_prepare(
    state: &mut BlockState<'_>,
    facts: &ParticipantFacts<'_>,
    prepare: &Prepare,
) -> Result<Code, StoreFault> {
    if prepare.relay != facts.relay || prepare.leg.chain != facts.chain || !prepare.leg.mode.votes() {
        return Ok(Code::UNEXPECTED);
    }
    let leg = LegId { id: prepare.id, started_at_on_relay: prepare.started_at_on_relay };
    let deadline_ahead = !expired(prepare.deadline_on_relay, known_relay_height(state, &facts.relay)?);
    #[cfg(feature = "planted-bugs")]
    let deadline_ahead = deadline_ahead || planted::is(planted::Plant::DeadlineUnread);
    let known = leg.record(state)?.map(|record| record.state);
    let incoming = Incoming::Prepare { deadline_ahead };
    if reanchored::is_void(state, known, incoming)? {
        return Ok(Code::DROPPED);
    }
    match react(known, incoming) {
        Reaction::RunAndVote => {}
        #[cfg(feature = "planted-bugs")]
        Reaction::Receipt(_) if planted::is(planted::Plant::AnsweredTwice) => {
            let verdict = Verdict::No { code: Code::CONFLICT, conflicting: prepare.id };
            answer::vote(state, facts, &leg, verdict)?;
            return Ok(Code::OK);
        }
        Reaction::Receipt(code) => return Ok(code),
        _ => return Ok(Code::UNEXPECTED),
    }
    let none = facts.chain.suite.foreign(Hash::ZERO);
    match run(state, facts, prepare, &leg)? {
        Ok((staged, result_hash)) => {
            let suite = facts.chain.suite;
            let write_set_root = suite.foreign(staged.write_set_root(suite));
            let verdict = Verdict::Yes {
                result_hash: suite.foreign(result_hash),
                write_set_root,
                lock_set_root: suite.foreign(locks::lock_set_root(suite, &prepare.leg.scope)),
            };
            #[cfg(feature = "planted-bugs")]
            let staged = planted_bugs::staged(state, staged)?;
            locks::acquire(state, &holder(&leg), &prepare.leg.scope)?;
            let held = HeldLeg { scope: prepare.leg.scope.clone(), staged };
            state.put_working_as(HELD, &leg.working_key(), &held)?;
            let sequence = answer::vote(state, facts, &leg, verdict)?;
            put(state, &leg, prepare, LegState::Locked, write_set_root, sequence)?;
            Ok(Code::OK)
        }
        Err(no) => {
            let verdict = Verdict::No { code: no.code, conflicting: no.conflicting.unwrap_or(prepare.id) };
            let sequence = answer::vote(state, facts, &leg, verdict)?;
            put(state, &leg, prepare, LegState::Refused, none, sequence)?;
            answer::note_prunable(state, &leg, sequence)?;
            Ok(no.code)
        }
    }
}

pub(super) fn holder(leg: &LegId) -> locks::Holder {
    locks::Holder { id: leg.id, started_at_on_relay: leg.started_at_on_relay }
}

fn put(
    state: &mut BlockState<'_>,
    leg: &LegId,
    prepare: &Prepare,
    to: LegState,
    write_set_root: SuiteHash,
    answered_by: ledger_protocol::Sequence,
) -> Result<(), StoreFault> {
    let deadline_on_relay = prepare.deadline_on_relay;
    leg.put_record(state, &LegRecord { state: to, deadline_on_relay, write_set_root, answered_by })
}

/// Runs a voting leg on a sandbox. Nothing of the state changes.
fn run(
    state: &mut BlockState<'_>,
    facts: &ParticipantFacts<'_>,
    prepare: &Prepare,
    leg_id: &LegId,
) -> Result<Result<(StagedWrites, Hash), No>, StoreFault> {
    let leg = &prepare.leg;
    let Some(index) = prepare.legs.position(&facts.chain).and_then(|index| u8::try_from(index).ok()) else {
        return Ok(Err(Code::UNDECODABLE.into()));
    };
    if !authorisations_are_valid(facts, leg, &prepare.authorisations, &prepare.id, index) {
        return Ok(Err(Code::AUTHORISATION.into()));
    }
    if let Err(refusal) = locks::check(state, &holder(leg_id), &leg.scope)? {
        let conflicting = match refusal {
            locks::LockRefusal::Conflict(id) => Some(id),
            _ => None,
        };
        return Ok(Err(No { code: refusal.code(), conflicting }));
    }
    let (staged, result_hash) = match sandbox(state, facts, leg)? {
        Ok(ran) => ran,
        Err(refusal) => return Ok(Err(No { code: refusal.code, conflicting: refusal.conflicting })),
    };
    if leg.mode == LegMode::Read && staged.count() > 0 {
        return Ok(Err(Code::SCOPE.into()));
    }
    if staged.count() > facts.max_leg_changes {
        return Ok(Err(Code::SIZE.into()));
    }
    Ok(Ok((staged, result_hash)))
}

fn refused(code: Code) -> LegRefusal {
    LegRefusal { code, cause: code, key: None, conflicting: None }
}

/// Runs a leg's operations with its authorisers' identities; the writes are staged, not made.
pub(super) fn sandbox(
    state: &mut BlockState<'_>,
    facts: &ParticipantFacts<'_>,
    leg: &Leg,
) -> Result<Result<(StagedWrites, Hash), LegRefusal>, StoreFault> {
    let Call::Plain(bytes) = &leg.call else {
        // A sealed call whose opening never came: silence until the deadline is the relay's business; a leg that
        // reaches the sandbox sealed cannot be run.
        return Ok(Err(refused(Code::SEAL)));
    };
    let Ok(operations) = decode::<Operations>(bytes, MAX_LEG_BYTES) else {
        return Ok(Err(refused(Code::UNDECODABLE)));
    };
    let authorisers: Vec<Address> = leg.authorisers.iter().copied().collect();
    let suite = state.suite();
    let run = |state: &mut BlockState<'_>| -> Result<(StagedWrites, Hash), LegError> {
        check_scope(state, &authorisers, &leg.scope)?;
        let mut access = Access::leg(state, &leg.scope);
        check_asserted(&mut access, &leg.asserted)?;
        let run = execute_leg(&mut access, facts.ledger, &authorisers, &operations)?;
        let staged = access.into_staged().map_err(LedgerError::from)?;
        Ok((staged, run.result_hash))
    };
    debug_assert_eq!(suite, facts.chain.suite);
    match run(state) {
        Ok(ran) => Ok(Ok(ran)),
        Err(LegError::Refused(refusal)) => Ok(Err(refusal)),
        Err(LegError::Fault(fault)) => Err(fault),
    }
}

/// Every listed address signed `tag ‖ relay ‖ id ‖ leg index`, in order, nobody else.
pub(super) fn authorisations_are_valid(
    facts: &ParticipantFacts<'_>,
    leg: &Leg,
    given: &SortedVec<SignerSignature, 16>,
    id: &ProposalId,
    index: u8,
) -> bool {
    let exact = leg.authorisers.len() == given.len()
        && leg.authorisers.iter().zip(given).all(|(address, signature)| *address == signature.key());
    if !exact {
        return false;
    }
    let message = authorisation_sign_bytes(&facts.relay, id, index);
    let items: Vec<BatchItem<'_>> = given
        .iter()
        .map(|entry| BatchItem { public_key: &entry.public_key, message: &message, signature: &entry.signature })
        .collect();
    Verifier.verify_batch(&items).iter().all(Result::is_ok)
}

/// What a leg would do now: the code of its NO and the key it is about, or nothing in its way. Authorisations are not
/// asked for, so that a proposer can learn the scope before anybody signs (S6).
///
/// # Errors
/// [`StoreFault`] on I/O.
pub fn dry_run(
    state: &mut BlockState<'_>,
    ledger: &LedgerFacts<'_>,
    leg: &Leg,
) -> Result<Result<(), (Code, Option<LockKey>)>, StoreFault> {
    let changes = usize::try_from(ledger.parameters.max_block_changes).unwrap_or(usize::MAX);
    let facts = ParticipantFacts {
        chain: leg.chain,
        relay: leg.chain,
        ledger,
        max_leg_changes: changes / 4,
        max_block_changes: changes / 2,
    };
    let nobody = ProposalId(leg.chain.suite.foreign(Hash::ZERO));
    let holder = locks::Holder { id: nobody, started_at_on_relay: Height::ZERO };
    if let Err(refusal) = locks::check(state, &holder, &leg.scope)? {
        return Ok(Err((refusal.code(), None)));
    }
    Ok(match sandbox(state, &facts, leg)? {
        Ok((staged, _)) if staged.count() > facts.max_leg_changes => Err((Code::SIZE, None)),
        Ok(_) => Ok(()),
        Err(refusal) => Err((refusal.code, refusal.key)),
    })
}
