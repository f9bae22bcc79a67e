//! Who proposes in which round: rotation by height, with absent proposers moved back.
//!
//! A pure function of the validator set, the height and headers that every node has: never of certificate rounds,
//! signer sets, clocks or own observations, which differ between nodes. Nobody is ever removed: each position stands
//! in the order exactly once, so an absent validator still gets its turn after everybody else.
//!
//! **Rule.** Heights are counted in stretches of [`PROPOSER_MEMORY_HEIGHTS`]. Within a stretch, whoever was due in a
//! round that passed without a block (its turn came before the round in the header) is moved behind the others until
//! the stretch ends. More absences than the chain could bear, ⌊(n − 1) / 3⌋, mean a disturbed network rather than
//! dead validators: then all are forgotten, so that never a few propose for everybody. The memory ends at a fixed height, rather than K heights after the absence, because an order can only be recomputed from the
//! headers if the point from which to fold them is known: with a sliding window, each order would depend on the one
//! before it, back to the genesis.
//!
//! Headers under another validator set say nothing about this one: the caller forgets them when the set changes
//! ([`Header::is_handoff`]). Should it not, absences are forgotten at the first header that does not fit.
//!
//! A block that is proposed again keeps the round in which it was built, so a header may show fewer absences than
//! there were; that costs time, not agreement.

use ledger_protocol::chain::{Header, ValidatorSet};
use ledger_protocol::{Address, Height, Round};

/// Heights for which an absence is remembered at most.
pub const PROPOSER_MEMORY_HEIGHTS: u64 = 64;

/// What the order needs to know of a committed header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecentHeader {
    /// The height.
    pub height: Height,
    /// The round in which the block was first built.
    pub round: Round,
    /// Who built it.
    pub proposer: Address,
}

impl From<&Header> for RecentHeader {
    fn from(header: &Header) -> Self {
        Self { height: header.height, round: header.round, proposer: header.proposer }
    }
}

/// Positions in `validators` in the order in which they propose at `height`: round r belongs to `order[r % n]`.
///
/// `recent` holds committed headers of heights certified by these `validators`, ascending and without gaps up to
/// `height − 1`. The last [`PROPOSER_MEMORY_HEIGHTS`] − 1 of them are enough; older ones make no difference.
pub fn proposer_order(height: Height, validators: &ValidatorSet, recent: &[RecentHeader]) -> Vec<u16> {
    let count = u16::try_from(validators.len()).unwrap_or(u16::MAX);
    let stretch = height.0 / PROPOSER_MEMORY_HEIGHTS;
    let of_stretch =
        |header: &&RecentHeader| header.height < height && header.height.0 / PROPOSER_MEMORY_HEIGHTS == stretch;
    let mut absent = vec![false; validators.len()];
    for header in recent.iter().filter(of_stretch) {
        let order = order_at(header.height, count, &absent);
        note(&mut absent, &order, validators, header);
    }
    order_at(height, count, &absent)
}

/// The rotation of a height, those marked absent after the others.
fn order_at(height: Height, count: u16, absent: &[bool]) -> Vec<u16> {
    let first = u16::try_from(height.0.checked_rem(u64::from(count)).unwrap_or(0)).unwrap_or(0);
    let rotation = (first..count).chain(0..first);
    let is_absent = |position: &u16| absent.get(usize::from(*position)).copied().unwrap_or(false);
    let mut order: Vec<u16> = rotation.clone().filter(|position| !is_absent(position)).collect();
    order.extend(rotation.filter(is_absent));
    order
}

/// Marks who was due and absent before the header's round.
fn note(absent: &mut [bool], order: &[u16], validators: &ValidatorSet, header: &RecentHeader) {
    let round = usize::try_from(header.round.0).unwrap_or(usize::MAX);
    let due = round.checked_rem(order.len()).and_then(|turn| order.get(turn));
    let proposer = validators.by_address(&header.proposer).map(|(position, _)| position);
    if due.map(|position| usize::from(*position)) != proposer {
        absent.fill(false);
        return;
    }
    for position in order.iter().take(round) {
        if let Some(absent) = absent.get_mut(usize::from(*position)) {
            *absent = true;
        }
    }
    let bearable = absent.len().saturating_sub(1) / 3;
    if absent.iter().filter(|absent| **absent).count() > bearable {
        absent.fill(false);
    }
}

#[cfg(test)]
mod tests;
