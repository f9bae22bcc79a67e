//! What is counted, as plain values: windows, what legs hold in flight, what stands in the queue and in the state.
//!
//! Invariant: what is taken and what is given back are the same function of the Submit, so every count returns to zero.

use super::back_off::BackOff;
use borsh::{BorshDeserialize, BorshSerialize};
use chain_state::StoreFault;
use ledger_protocol::codec::Bounded;
use ledger_protocol::proposal::{Leg, Submit};
use ledger_protocol::{Height, LedgerId};
use std::collections::BTreeSet;

/// A count that begins anew when its time has passed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Window {
    /// The first height that is no longer in it.
    pub ends: Height,
    /// What was counted in it.
    pub count: u32,
}

impl Window {
    /// The count at a height.
    pub fn count_at(&self, height: Height) -> u32 {
        if height < self.ends { self.count } else { 0 }
    }

    /// Counts one more. A window that has passed is replaced by one that opens here.
    pub fn add(&mut self, height: Height, blocks: u32) {
        if height >= self.ends {
            *self = Self { ends: height.saturating_add(u64::from(blocks.max(1))), count: 0 };
        }
        self.count = self.count.saturating_add(1);
    }

    /// Forgets a window that has passed.
    pub(super) fn tidy(&mut self, height: Height) {
        if height >= self.ends {
            *self = Self::default();
        }
    }
}

/// What legs in flight hold.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Flight {
    /// Legs.
    pub legs: u32,
    /// Bytes of the legs with their authorisations.
    pub bytes: u64,
    /// Scope entries, each times its proposal's t_prep.
    pub key_blocks: u64,
}

impl Flight {
    pub(super) const fn plus(self, other: Self) -> Self {
        Self {
            legs: self.legs.saturating_add(other.legs),
            bytes: self.bytes.saturating_add(other.bytes),
            key_blocks: self.key_blocks.saturating_add(other.key_blocks),
        }
    }

    pub(super) fn minus(self, other: Self) -> Self {
        debug_assert!(other.is_within(self), "more is given back than was taken: {other:?} of {self:?}");
        Self {
            legs: self.legs.saturating_sub(other.legs),
            bytes: self.bytes.saturating_sub(other.bytes),
            key_blocks: self.key_blocks.saturating_sub(other.key_blocks),
        }
    }

    pub(super) const fn is_within(self, limit: Self) -> bool {
        self.legs <= limit.legs && self.bytes <= limit.bytes && self.key_blocks <= limit.key_blocks
    }
}

/// What legs take up in the relay's state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Load {
    /// Legs.
    pub legs: u32,
    /// Bytes of the legs with their authorisations.
    pub bytes: u64,
}

impl Load {
    pub(super) const fn plus(self, other: Self) -> Self {
        Self { legs: self.legs.saturating_add(other.legs), bytes: self.bytes.saturating_add(other.bytes) }
    }

    pub(super) fn minus(self, other: Self) -> Self {
        debug_assert!(other.is_within(self), "more is given back than was taken: {other:?} of {self:?}");
        Self { legs: self.legs.saturating_sub(other.legs), bytes: self.bytes.saturating_sub(other.bytes) }
    }

    pub(super) const fn is_within(self, limit: Self) -> bool {
        self.legs <= limit.legs && self.bytes <= limit.bytes
    }
}

/// What one leg takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Share {
    pub(super) load: Load,
    /// Nothing for a NOTIFY leg: it holds no key and no place among those in flight.
    pub(super) flight: Flight,
}

impl Share {
    pub(super) fn of(submit: &Submit, leg: &Leg) -> Self {
        let index = submit.body.legs.iter().position(|other| other.chain == leg.chain).unwrap_or_default();
        let authorisations = submit.authorisations.get(index).map_or(0, length);
        let bytes = length(leg).saturating_add(authorisations);
        let keys = u64::try_from(leg.scope.len()).unwrap_or(u64::MAX);
        let flight = if leg.mode.votes() {
            Flight { legs: 1, bytes, key_blocks: keys.saturating_mul(u64::from(submit.body.t_prep)) }
        } else {
            Flight::default()
        };
        Self { load: Load { legs: 1, bytes }, flight }
    }
}

fn length(value: &impl BorshSerialize) -> u64 {
    borsh::object_length(value).map_or(u64::MAX, |bytes| u64::try_from(bytes).unwrap_or(u64::MAX))
}

/// Most ledgers of a chain that offer a service.
const MAX_SERVICES: usize = 64;

/// What proposals hold of a chain.
#[derive(Debug, Clone, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct ChainUse {
    /// Voting legs in flight.
    pub flight: Flight,
    /// Legs begun in the window.
    pub begun: Window,
    /// Legs in the window that had no vote at their deadline.
    pub silent: Window,
    /// The first height at which its silence no longer keeps it out of new proposals; 0 if nothing does.
    pub silent_until: Height,
    /// Voting legs in flight by the ledgers that they address.
    pub services: Bounded<(LedgerId, u32), MAX_SERVICES>,
    /// When it is looked at next because of time; 0 if never.
    pub(super) review_at: Height,
}

impl ChainUse {
    /// Legs in flight that address a ledger.
    pub fn of_service(&self, ledger: LedgerId) -> u32 {
        self.services.iter().find(|(other, _)| *other == ledger).map_or(0, |(_, legs)| *legs)
    }

    /// The next height at which something ends by time.
    pub(super) fn next_end(&self, height: Height) -> Option<Height> {
        [self.begun.ends, self.silent.ends, self.silent_until].into_iter().filter(|end| *end > height).min()
    }

    pub(super) fn enter_services(&mut self, ledgers: &BTreeSet<LedgerId>) -> Result<(), StoreFault> {
        let mut services = std::mem::take(&mut self.services).into_vec();
        for ledger in ledgers {
            match services.iter_mut().find(|(other, _)| other == ledger) {
                Some((_, legs)) => *legs = legs.saturating_add(1),
                None => services.push((*ledger, 1)),
            }
        }
        // Admission has found each of them among the chain's services, which are as many at the most.
        self.services = Bounded::new(services)
            .map_err(|_| StoreFault("legs in flight address more ledgers than a chain may offer".into()))?;
        Ok(())
    }

    pub(super) fn leave_services(&mut self, ledgers: &BTreeSet<LedgerId>) {
        let mut services = std::mem::take(&mut self.services).into_vec();
        for (ledger, legs) in &mut services {
            *legs = legs.saturating_sub(u32::from(ledgers.contains(ledger)));
        }
        services.retain(|(_, legs)| *legs > 0);
        self.services = Bounded::new(services).unwrap_or_default();
    }
}

/// What one proposer's proposals hold of a chain.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct ProposerUse {
    /// Voting legs in flight.
    pub flight: Flight,
    /// Legs that are queued.
    pub queued: Load,
    /// Legs whose proposals the state holds.
    pub kept: Load,
    /// Legs begun in the window.
    pub begun: Window,
    /// What its aborts have led to.
    pub back_off: BackOff,
    /// When it is looked at next because of time; 0 if never.
    pub(super) review_at: Height,
}

impl ProposerUse {
    /// The next height at which something ends by time.
    pub(super) fn next_end(&self, height: Height) -> Option<Height> {
        let back_off = [self.back_off.vain.ends, self.back_off.until, self.back_off.forgotten_at];
        back_off.into_iter().chain([self.begun.ends]).filter(|end| *end > height).min()
    }
}
