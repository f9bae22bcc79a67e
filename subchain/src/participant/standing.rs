//! Where this chain stands towards its relay: the highest height ever known, and whether it takes part.

use borsh::{BorshDeserialize, BorshSerialize};
use chain_interchain::AcknowledgementAlarm;
use chain_state::{BlockState, Place, StoreFault};
use ledger_protocol::codec::Text;
use ledger_protocol::interchain::Message;
use ledger_protocol::transaction::StateKey;
use ledger_protocol::{ChainId, Code, Height};

const ACCOUNT: &str = "participation";

/// Whether this chain takes part in proposals.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Standing {
    /// Takes part.
    TakesPart = 1,
    /// The relay contradicted itself, as this message proves; no part until this chain's governance says so.
    Suspended {
        /// The proven message.
        proof: Message,
    } = 2,
}

fn place() -> Place {
    Place::system(ACCOUNT, StateKey::new(b"standing".to_vec()).unwrap_or_default())
}

/// The highest relay height ever known here. Never falls, not even by a re-anchor (S5).
///
/// # Errors
/// [`StoreFault`] on I/O.
pub fn known_relay_height(state: &BlockState<'_>, relay: &ChainId) -> Result<Height, StoreFault> {
    Ok(chain_interchain::highest_known_height(state, relay)?.unwrap_or(Height::ZERO))
}

/// This chain's standing, with the proof if it is suspended.
///
/// # Errors
/// [`StoreFault`] on I/O.
pub fn standing(state: &BlockState<'_>) -> Result<Standing, StoreFault> {
    Ok(state.record(&place())?.unwrap_or(Standing::TakesPart))
}

pub(super) fn is_suspended(state: &BlockState<'_>) -> Result<bool, StoreFault> {
    Ok(matches!(standing(state)?, Standing::Suspended { .. }))
}

/// A contradiction: the proof is kept, this chain takes no further part.
pub(super) fn suspend(state: &mut BlockState<'_>, proof: &Message) -> Result<Code, StoreFault> {
    state.put_record(&place(), &Standing::Suspended { proof: proof.clone() })?;
    Ok(Code::CONTRADICTION)
}

/// This chain's governance lets it take part again.
///
/// # Errors
/// [`StoreFault`] on I/O.
pub fn resume_participation(state: &mut BlockState<'_>) -> Result<(), StoreFault> {
    if is_suspended(state)? {
        state.put_record(&place(), &Standing::TakesPart)?;
    }
    Ok(())
}

/// Something that no honest relay sends, but that contradicts nothing here: kept for people to see.
pub(super) fn alarm(state: &mut BlockState<'_>, code: Code, message: &Message) -> Result<Code, StoreFault> {
    let key = StateKey::new([b"alarm/".as_slice(), &message.sequence.0.to_be_bytes()].concat()).unwrap_or_default();
    state.put_record(&Place::system(ACCOUNT, key), message)?;
    Ok(code)
}

/// A relay leaf that follows a foreign header, or claims messages never sent: one of the two chains is forked.
pub(crate) fn alarm_acknowledgement(
    state: &mut BlockState<'_>,
    alarm: &AcknowledgementAlarm,
) -> Result<(), StoreFault> {
    let key = StateKey::new(b"alarm/acknowledgement".to_vec()).unwrap_or_default();
    let words: Text<256> = Text::new(format!("{alarm:?}").chars().take(250).collect::<String>()).unwrap_or_default();
    state.put_record(&Place::system(ACCOUNT, key), &words).map(|_| ())
}
