//! What peers acknowledge (S8): `received`, but only in a leaf whose `follows` is a header of this very chain.
//!
//! Invariant: an acknowledgement never falls but by a re-anchor, and never passes what this chain has sent.

use crate::areas;
use crate::outbox::sent;
use crate::own_history::OwnHeader;
use borsh::{BorshDeserialize, BorshSerialize};
use chain_state::{BlockState, StoreFault};
use ledger_protocol::interchain::{Follows, OutboxLeaf};
use ledger_protocol::{ChainId, Sequence};

/// The newest acknowledgement of a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct PeerView {
    /// The next sequence the peer expects from here.
    pub received: Sequence,
    /// The own header that the peer trusts.
    pub follows: Follows,
}

/// Why a peer's leaf acknowledges nothing and somebody should look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AcknowledgementAlarm {
    /// The peer follows a header that is not in this chain's history: one of the two is forked.
    ForeignHeader(Follows),
    /// The peer claims messages that were never sent.
    ReceivedAhead {
        /// What it claims.
        received: Sequence,
        /// What was sent.
        sent: Sequence,
    },
}

/// What a leaf acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Acknowledgement {
    /// Everything before this sequence.
    Learnt(Sequence),
    /// Nothing new: the followed header is too far back to judge.
    Unjudged,
    /// Nothing, and an alarm.
    Alarm(AcknowledgementAlarm),
}

/// What a peer is known to have and to follow.
///
/// # Errors
/// [`StoreFault`] on I/O.
pub fn peer_view(state: &BlockState<'_>, peer: &ChainId) -> Result<Option<PeerView>, StoreFault> {
    state.working_as(areas::PEERS, &areas::of_peer(peer))
}

/// The sequence before which everything sent to a peer is acknowledged.
///
/// # Errors
/// [`StoreFault`] on I/O.
pub fn acknowledged(state: &BlockState<'_>, peer: &ChainId) -> Result<Sequence, StoreFault> {
    Ok(peer_view(state, peer)?.map_or(Sequence::ZERO, |view| view.received))
}

/// Learns from the leaf of a consumed Advance; `standing` judges the leaf's `follows`, usually by
/// [`crate::own_header`].
///
/// # Errors
/// [`StoreFault`] on I/O.
pub fn learn_acknowledgement(
    state: &mut BlockState<'_>,
    peer: &ChainId,
    leaf: &OutboxLeaf,
    standing: OwnHeader,
) -> Result<Acknowledgement, StoreFault> {
    match standing {
        OwnHeader::Own => {}
        OwnHeader::Foreign => {
            return Ok(Acknowledgement::Alarm(AcknowledgementAlarm::ForeignHeader(leaf.follows)));
        }
        OwnHeader::Forgotten => return Ok(Acknowledgement::Unjudged),
    }
    let sent = sent(state, peer)?;
    if leaf.received > sent {
        return Ok(Acknowledgement::Alarm(AcknowledgementAlarm::ReceivedAhead { received: leaf.received, sent }));
    }
    let before = peer_view(state, peer)?;
    let newest = PeerView {
        received: before.map_or(leaf.received, |view| view.received.max(leaf.received)),
        follows: before
            .map(|view| view.follows)
            .filter(|follows| follows.height_on_peer > leaf.follows.height_on_peer)
            .unwrap_or(leaf.follows),
    };
    if before != Some(newest) {
        state.put_working_as(areas::PEERS, &areas::of_peer(peer), &newest)?;
    }
    Ok(Acknowledgement::Learnt(newest.received))
}

/// Forgets what a peer acknowledged on a branch that was lost: the next leaf says what it has.
pub(crate) fn forget_all_acknowledged(state: &mut BlockState<'_>, peer: &ChainId) -> Result<(), StoreFault> {
    state.remove_working(areas::PEERS, &areas::of_peer(peer))
}

/// Takes an acknowledgement back to what the kept history of a re-anchored chain says, where that is less.
pub(crate) fn forget_acknowledgement(
    state: &mut BlockState<'_>,
    peer: &ChainId,
    kept: &OutboxLeaf,
) -> Result<(), StoreFault> {
    match peer_view(state, peer)? {
        Some(view) if view.received > kept.received => {
            let kept = PeerView { received: kept.received, follows: kept.follows };
            state.put_working_as(areas::PEERS, &areas::of_peer(peer), &kept)
        }
        _ => Ok(()),
    }
}
