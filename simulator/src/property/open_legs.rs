//! Open legs: the voting legs of proposals that have begun, until a proven Outcome or NO closes them (R6). What a block of
//! the relay says of them, for the properties that follow them.

use super::reading::Read;
use super::{Fact, Observation, reading};
use crate::world::ChainIndex;
use ledger_protocol::Height;
use ledger_protocol::proposal::Submit;
use ledger_protocol::system::{LegPhase, LegStatus, ProposalRecord, ProposalState, accounts};

/// A new block of the relay.
pub(super) struct RelayBlock {
    pub(super) height: Height,
    /// Every proposal that it orders.
    pub(super) submits: Vec<Submit>,
    /// Every record that it sets, as it stands now.
    pub(super) records: Vec<ProposalRecord>,
}

/// The block that a replica of the relay published first, if that is what was observed.
pub(super) fn relay_block(observation: &Observation<'_>, relay: ChainIndex) -> Read<Option<RelayBlock>> {
    let Fact::Published { block, is_first: true } = observation.fact else { return Ok(None) };
    if observation.index != relay {
        return Ok(None);
    }
    let height = block.header.height;
    let records = reading::records::<ProposalRecord>(observation, accounts::PROPOSALS)?;
    let records = records.into_iter().map(|(_, record)| record).collect();
    Ok(Some(RelayBlock { height, submits: reading::submits(observation)?, records }))
}

/// The records as a relay has them that was restored from a backup, if that is what was observed.
pub(super) fn kept_records(observation: &Observation<'_>, relay: ChainIndex) -> Read<Option<Vec<ProposalRecord>>> {
    match observation.fact {
        Fact::Restored(restoration) if observation.index == relay => {
            reading::proposals(observation, restoration.kept).map(Some)
        }
        _ => Ok(None),
    }
}

/// Whether a proposal has left the queue, other than by being rejected.
pub(super) fn has_begun(record: &ProposalRecord) -> bool {
    !matches!(record.state, ProposalState::Queued | ProposalState::Rejected)
}

/// Whether a leg of a proposal that has begun is open.
pub(super) fn is_open(leg: &LegStatus) -> bool {
    leg.mode.votes() && matches!(leg.phase, LegPhase::Waiting | LegPhase::VotedYes { .. })
}
