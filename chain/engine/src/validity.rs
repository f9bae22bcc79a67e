//! The rules of a block that need no execution.
//!
//! Pure: they depend on the parent, the replay window and the block alone. [`check_fresh`] is the one exception: it
//! asks the clock, and only for a block that is proposed for the first time.

use crate::assemble::{BlockInputs, leaf_hash};
use crate::replay::{ReplayWindow, check_window};
use crate::rows::Tip;
use ledger_protocol::chain::{Header, Input, Section};
use ledger_protocol::transaction::{Operation, check_signature_form};
use ledger_protocol::{Address, ChainId, Height, Round, TimestampMs};
use std::collections::BTreeSet;

/// Why a block is invalid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidBlock {
    /// Another chain, height or parent than the next block's.
    #[error("the block is for {what} {got}, expected {expected}")]
    Place {
        /// Chain, height or parent.
        what: &'static str,
        /// The block's.
        got: String,
        /// The expected one.
        expected: String,
    },
    /// Not the proposer whose turn the header's round is.
    #[error("proposer {got:?} built it, round {round} belongs to {expected:?}")]
    Proposer {
        /// The block's.
        got: Address,
        /// The round's.
        expected: Option<Address>,
        /// The header's round.
        round: Round,
    },
    /// Time does not rise.
    #[error("timestamp {got} is not above the parent's {parent}")]
    Time {
        /// The block's.
        got: TimestampMs,
        /// The parent's.
        parent: TimestampMs,
    },
    /// Above a limit.
    #[error("{what} {got} is above {limit}")]
    Limit {
        /// Bytes or inputs.
        what: &'static str,
        /// The block's.
        got: u64,
        /// The limit.
        limit: u64,
    },
    /// The inputs are not those of the header.
    #[error("the inputs are not those that the header names")]
    Inputs,
    /// An input that must not be there.
    #[error("input {index}: {reason}")]
    Input {
        /// Its position.
        index: usize,
        /// Why.
        reason: String,
    },
    /// Execution gives another header.
    #[error("execution gives another {field}")]
    Header {
        /// The first field that differs.
        field: &'static str,
    },
}

/// The section of an input. A transaction stands in the section of motions if all its operations are of motions.
pub fn section_of(input: &Input) -> Section {
    match input {
        Input::Evidence(_) => Section::Governance,
        #[cfg(feature = "planted-bugs")]
        Input::Advance(_) if planted::is(planted::Plant::SectionsOutOfOrder) => Section::Transactions,
        Input::Handoff(_) | Input::Advance(_) => Section::Interchain,
        Input::Transaction(transaction) => {
            let of_motions =
                |operation: &Operation| matches!(operation, Operation::ProposeMotion(_) | Operation::VoteMotion(_));
            if transaction.body.operations.iter().all(|operation| of_motions(&operation.operation)) {
                Section::Governance
            } else {
                Section::Transactions
            }
        }
    }
}

/// Who proposes in `round` on this parent.
pub fn proposer_of(parent: &Tip, round: Round) -> Option<Address> {
    let turns = u32::try_from(parent.proposer_order.len()).ok().filter(|turns| *turns > 0)?;
    let turn = usize::try_from(round.0 % turns).ok()?;
    let position = parent.proposer_order.get(turn)?;
    parent.next_validators.validators().get(usize::from(*position)).map(|validator| validator.address())
}

/// Checks everything about a block that needs neither execution nor a signature.
///
/// # Errors
/// [`InvalidBlock`] names the first violation.
pub fn check_block(
    chain: &ChainId,
    parent: &Tip,
    replay: &ReplayWindow,
    header: &Header,
    inputs: &BlockInputs,
    block_bytes: usize,
) -> Result<(), InvalidBlock> {
    check_place(chain, parent, header)?;
    let parameters = &parent.next_parameters;
    let limit = |what, got: u64, limit: u64| {
        if got > limit { Err(InvalidBlock::Limit { what, got, limit }) } else { Ok(()) }
    };
    limit("block bytes", block_bytes as u64, parameters.max_block_bytes.into())?;
    limit("inputs", inputs.inputs().len() as u64, parameters.max_block_transactions.into())?;
    if inputs.root() != header.transactions {
        return Err(InvalidBlock::Inputs);
    }
    check_order(inputs.inputs())?;
    let mut seen = BTreeSet::new();
    for (index, (input, leaf)) in inputs.inputs().iter().zip(inputs.leaves()).enumerate() {
        let refuse = |reason: String| InvalidBlock::Input { index, reason };
        if !seen.insert(leaf_hash(leaf)) {
            return Err(refuse("it stands in this block already".into()));
        }
        let Input::Transaction(transaction) = input else { continue };
        let is_foreign = transaction.body.chain != *chain;
        #[cfg(feature = "planted-bugs")]
        let is_foreign = is_foreign && !planted::is(planted::Plant::ForeignTransactionAccepted);
        if is_foreign {
            return Err(refuse("it is for another chain".into()));
        }
        check_signature_form(transaction).map_err(|error| refuse(error.to_string()))?;
        check_window(&transaction.body.replay, header.height, parameters).map_err(|(_, reason)| refuse(reason))?;
        if let ledger_protocol::chain::InputLeaf::Signed { id, .. } = leaf
            && replay.contains(id, header.height, parameters)
        {
            return Err(refuse("its id is in an earlier block of the replay window".into()));
        }
    }
    Ok(())
}

fn check_place(chain: &ChainId, parent: &Tip, header: &Header) -> Result<(), InvalidBlock> {
    let place = |what, got: String, expected: String| {
        if got == expected { Ok(()) } else { Err(InvalidBlock::Place { what, got, expected }) }
    };
    place("chain", format!("{:?}", header.chain.hash), format!("{:?}", chain.hash))?;
    place("suite", header.chain.suite.to_string(), chain.suite.to_string())?;
    let next: Height = parent.header.height.saturating_add(1);
    place("height", header.height.to_string(), next.to_string())?;
    place("parent", header.parent.to_string(), parent.header_hash.to_string())?;
    if header.timestamp_ms <= parent.header.timestamp_ms {
        return Err(InvalidBlock::Time { got: header.timestamp_ms, parent: parent.header.timestamp_ms });
    }
    let expected = proposer_of(parent, header.round);
    if expected != Some(header.proposer) {
        return Err(InvalidBlock::Proposer { got: header.proposer, expected, round: header.round });
    }
    Ok(())
}

/// Sections in order; in the interchain section every source in one piece, its hand-offs before at most one Advance.
fn check_order(inputs: &[Input]) -> Result<(), InvalidBlock> {
    let mut section = Section::Governance;
    let mut finished = BTreeSet::new();
    let mut current: Option<(ChainId, bool)> = None;
    for (index, input) in inputs.iter().enumerate() {
        let refuse = |reason: &str| InvalidBlock::Input { index, reason: reason.into() };
        let own = section_of(input);
        if own < section {
            return Err(refuse("its section has passed"));
        }
        section = own;
        let (source, is_advance) = match input {
            Input::Handoff(handoff) => (handoff.source, false),
            Input::Advance(advance) => (advance.source, true),
            Input::Evidence(_) | Input::Transaction(_) => continue,
        };
        match &mut current {
            Some((open, advanced)) if *open == source => {
                if *advanced {
                    return Err(refuse("it comes after its source's Advance"));
                }
                *advanced = is_advance;
            }
            _ => {
                if let Some((before, _)) = current.replace((source, is_advance)) {
                    finished.insert(before);
                }
                if finished.contains(&source) {
                    return Err(refuse("its source's inputs are not in one piece"));
                }
            }
        }
    }
    Ok(())
}

/// Checks what holds for a block only in the round in which it is first proposed: round, and time against the clock.
///
/// # Errors
/// Words that say what does not fit.
pub fn check_fresh(parent: &Tip, header: &Header, round: Round, now: TimestampMs) -> Result<(), String> {
    if header.round != round {
        return Err(format!("the block of round {} is proposed as fresh in round {round}", header.round));
    }
    let drift_ms = header.timestamp_ms.0.abs_diff(now.0);
    let limit_ms = u64::from(parent.next_parameters.max_clock_drift_ms);
    if drift_ms > limit_ms {
        return Err(format!("its time differs by {drift_ms} ms from this clock, at most {limit_ms} ms are accepted"));
    }
    Ok(())
}

/// Compares the header that execution gives with the block's, field by field.
///
/// # Errors
/// [`InvalidBlock::Header`] names the first field that differs.
pub fn compare_headers(computed: &Header, given: &Header) -> Result<(), InvalidBlock> {
    macro_rules! same {
        ($($field:ident),*) => {
            $(if computed.$field != given.$field {
                return Err(InvalidBlock::Header { field: stringify!($field) });
            })*
        };
    }
    same!(
        version,
        chain,
        height,
        round,
        timestamp_ms,
        parent,
        proposer,
        transactions,
        receipts,
        changes,
        events,
        outbox,
        ledgers,
        history,
        validators_hash,
        next_validators_hash,
        parameters_hash,
        next_parameters_hash
    );
    assert_eq!(computed, given, "every field of a header is compared");
    Ok(())
}
