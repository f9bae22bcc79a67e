//! What ends by time alone: windows, back-offs, silence.
//!
//! Every row on which time runs has one entry in an index by height, at the earliest end; when it is due the row is
//! tidied, whoever waits in the queue is looked at again, and the row goes if nothing is left in it. Beside it stands who
//! is barred at present, for statuses, and so that the height goes on while somebody is.

use super::back_off::BackOff;
use super::usage::{ChainUse, ProposerUse};
use super::{chain_use, proposer_use, put_chain_use, put_proposer_use};
use crate::coordinator::due::due;
use crate::coordinator::queue::{self, Released};
use crate::coordinator::{RelayFacts, overdue};
use chain_state::{BlockState, StoreFault};
use ledger_protocol::codec::{decode, encode};
use ledger_protocol::transaction::Choice;
use ledger_protocol::{Address, ChainId, Height};

/// Working area: (height, chain, proposer or none) of the next look at a row.
const REVIEWS: &str = "limits-reviews";
/// Working area: (chain, proposer or none) → until when a proposer backs off, or a chain is held silent.
const BARRED: &str = "limits-barred";
/// Most rows looked at in one block; more follow in the next one.
const MAX_REVIEWED: usize = 4_096;
/// Most back-offs of one chain that are shown.
const MAX_SHOWN: usize = 64;

type Whose = (ChainId, Choice<Address>);

fn review_key(at: Height, whose: &Whose) -> Vec<u8> {
    let mut key = at.0.to_be_bytes().to_vec();
    key.extend(encode(whose));
    key
}

/// Moves the entry of a row to its earliest end, if that comes before the one noted.
fn schedule(
    state: &mut BlockState<'_>,
    whose: &Whose,
    noted: Height,
    next: Option<Height>,
) -> Result<Height, StoreFault> {
    let Some(next) = next.filter(|next| noted == Height::ZERO || *next < noted) else { return Ok(noted) };
    if noted > Height::ZERO {
        state.remove_working(REVIEWS, &review_key(noted, whose))?;
    }
    state.put_working(REVIEWS, &review_key(next, whose), &[])?;
    Ok(next)
}

fn bar(state: &mut BlockState<'_>, height: Height, whose: &Whose, until: Height) -> Result<(), StoreFault> {
    if until > height { state.put_working_as(BARRED, &encode(whose), &until) } else { Ok(()) }
}

/// Writes a chain's row back after something was counted on which time runs.
pub(super) fn watch_chain(
    state: &mut BlockState<'_>,
    facts: &RelayFacts,
    chain: &ChainId,
    mut usage: ChainUse,
) -> Result<(), StoreFault> {
    let whose = (*chain, Choice::None);
    usage.review_at = schedule(state, &whose, usage.review_at, usage.next_end(facts.height))?;
    bar(state, facts.height, &whose, usage.silent_until)?;
    put_chain_use(state, chain, &usage)
}

/// The same for a proposer's row.
pub(super) fn watch_proposer(
    state: &mut BlockState<'_>,
    facts: &RelayFacts,
    chain: &ChainId,
    proposer: &Address,
    mut usage: ProposerUse,
) -> Result<(), StoreFault> {
    let whose = (*chain, Choice::Some(*proposer));
    usage.review_at = schedule(state, &whose, usage.review_at, usage.next_end(facts.height))?;
    bar(state, facts.height, &whose, usage.back_off.until)?;
    put_proposer_use(state, chain, proposer, &usage)
}

/// A proposer need not back off any more. The next look at its row may have been for that alone, and far away.
pub(super) fn lift(
    state: &mut BlockState<'_>,
    facts: &RelayFacts,
    chain: &ChainId,
    proposer: &Address,
    usage: ProposerUse,
) -> Result<(), StoreFault> {
    let whose = (*chain, Choice::Some(*proposer));
    state.remove_working(BARRED, &encode(&whose))?;
    state.remove_working(REVIEWS, &review_key(usage.review_at, &whose))?;
    let usage = ProposerUse { back_off: BackOff::default(), review_at: Height::ZERO, ..usage };
    watch_proposer(state, facts, chain, proposer, usage)
}

/// Due work: looks at the rows on which something ends at this height.
///
/// # Errors
/// [`StoreFault`] on I/O.
pub fn review(state: &mut BlockState<'_>, facts: &RelayFacts, released: &mut Released) -> Result<(), StoreFault> {
    for key in due(state, REVIEWS, facts.height.saturating_add(1), MAX_REVIEWED)? {
        state.remove_working(REVIEWS, &key)?;
        let Some(whose) = key.get(8..).and_then(|bytes| decode::<Whose>(bytes, 256).ok()) else { continue };
        match &whose.1 {
            Choice::None => tidy_chain(state, facts, &whose.0)?,
            Choice::Some(proposer) => tidy_proposer(state, facts, &whose.0, proposer)?,
        }
        queue::caps_changed(released);
    }
    Ok(())
}

fn tidy_chain(state: &mut BlockState<'_>, facts: &RelayFacts, chain: &ChainId) -> Result<(), StoreFault> {
    let mut usage = chain_use(state, chain)?;
    usage.review_at = Height::ZERO;
    usage.begun.tidy(facts.height);
    usage.silent.tidy(facts.height);
    let speaks_again = usage.silent_until > Height::ZERO && usage.silent_until <= facts.height;
    if speaks_again {
        usage.silent_until = Height::ZERO;
        state.remove_working(BARRED, &encode(&(*chain, Choice::<Address>::None)))?;
    }
    watch_chain(state, facts, chain, usage)?;
    if speaks_again { overdue::settle_lagging(state, chain) } else { Ok(()) }
}

fn tidy_proposer(
    state: &mut BlockState<'_>,
    facts: &RelayFacts,
    chain: &ChainId,
    proposer: &Address,
) -> Result<(), StoreFault> {
    let mut usage = proposer_use(state, chain, proposer)?;
    usage.review_at = Height::ZERO;
    usage.begun.tidy(facts.height);
    usage.back_off.tidy(facts.height);
    if usage.back_off.until == Height::ZERO {
        state.remove_working(BARRED, &encode(&(*chain, Choice::Some(*proposer))))?;
    }
    watch_proposer(state, facts, chain, proposer, usage)
}

/// The members have set a chain's limits: its silence so far is forgiven, and whoever waits is looked at again.
///
/// # Errors
/// [`StoreFault`] on I/O.
pub fn forgive(
    state: &mut BlockState<'_>,
    facts: &RelayFacts,
    chain: &ChainId,
    released: &mut Released,
) -> Result<(), StoreFault> {
    let mut usage = chain_use(state, chain)?;
    (usage.silent, usage.silent_until) = Default::default();
    state.remove_working(BARRED, &encode(&(*chain, Choice::<Address>::None)))?;
    watch_chain(state, facts, chain, usage)?;
    queue::caps_changed(released);
    overdue::settle_lagging(state, chain)
}

/// Whether a chain is held silent or a proposer backs off: then the height must go on, for it is the clock of both.
///
/// # Errors
/// [`StoreFault`] on I/O.
pub fn is_barred(state: &BlockState<'_>) -> Result<bool, StoreFault> {
    Ok(!state.scan_working(BARRED, &[], None, 1)?.is_empty())
}

/// A proposer that must back off from a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BackOffView {
    /// Who.
    pub proposer: Address,
    /// The first relay height at which it may propose again.
    pub until: Height,
}

/// Who must back off from a chain, at most 64 of them.
///
/// # Errors
/// [`StoreFault`] on I/O.
pub fn back_offs(state: &BlockState<'_>, chain: &ChainId) -> Result<Vec<BackOffView>, StoreFault> {
    let mut found = Vec::new();
    for (key, value) in state.scan_working(BARRED, &encode(chain), None, MAX_SHOWN)? {
        if let (Ok((_, Choice::Some(proposer))), Ok(until)) = (decode::<Whose>(&key, 256), decode(&value, 8)) {
            found.push(BackOffView { proposer, until });
        }
    }
    Ok(found)
}
