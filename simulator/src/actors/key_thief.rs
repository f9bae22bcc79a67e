//! Whoever has the keys that a subchain began with, after it has handed over: they sign a second header of an old height,
//! and the relay is shown both.
//!
//! Only heights at or below the hand-off that the relay knows: for those the keys count, and they only make the chain
//! SUSPECT (R8). Some while after that the members clear the mark, so that it can come again.

use crate::fixture::{Member, Network};
use crate::random::{Random, Seed};
use crate::scenario::{ActorKind, ActorPlan};
use crate::world::World;
use ledger_protocol::Height;
use ledger_protocol::interchain::Motion;

/// The span between two attempts.
const EVERY_MS: (u64, u64) = (700, 2_500);
/// How long the members let a mark stand.
const MARKED_MS: u64 = 4_000;

/// A key thief of one subchain.
#[derive(Debug)]
pub(crate) struct KeyThief {
    plan: ActorPlan,
    random: Random,
    position: usize,
    next_ms: u64,
    cleared_ms: u64,
}

impl KeyThief {
    pub(crate) fn new(plan: &ActorPlan, position: usize, seed: Seed, number: u64) -> Self {
        let random = Random::new(seed, 300 + number);
        Self { plan: plan.clone(), random, position, next_ms: plan.from_ms, cleared_ms: 0 }
    }

    /// The next time at which it does something; nothing after `end_ms`.
    pub(crate) fn next_ms(&self, end_ms: u64) -> Option<u64> {
        (self.next_ms < self.plan.until_ms.unwrap_or(end_ms).min(end_ms)).then_some(self.next_ms)
    }

    /// Does what is due.
    pub(crate) fn advance(&mut self, world: &mut World, network: &mut Network, now_ms: u64, end_ms: u64) {
        while self.next_ms(end_ms).is_some_and(|next_ms| next_ms <= now_ms) {
            self.next_ms += self.random.within(EVERY_MS);
            if self.random.chance(self.plan.chance_per_mille) {
                self.accuse(world, network);
            }
            self.clear(world, network, now_ms);
        }
    }

    fn accuse(&mut self, world: &mut World, network: &Network) {
        let client = network.client(world, Member::Relay, Member::Subchain(self.position));
        let last = client.map_or(0, |client| client.last_handoff_height_on_source.0);
        let Some(keys) = network.subchains.get(self.position).map(|chain| chain.keys.clone()) else { return };
        // Registration is no hand-off: as long as nothing was given up there is nothing to steal.
        if last == 0 {
            return;
        }
        let height = Height(1 + self.random.below(last));
        if let Some(evidence) = network.equivocation(world, self.position, height, &keys) {
            network.accuse(world, evidence);
            world.count_misdeed(ActorKind::KeyThief.name());
        }
    }

    /// The members have looked, and take the mark away.
    fn clear(&mut self, world: &mut World, network: &mut Network, now_ms: u64) {
        let record = network.chain_record(world, self.position).filter(|record| record.suspect);
        if let Some(record) = record.filter(|_| now_ms >= self.cleared_ms + MARKED_MS) {
            self.cleared_ms = now_ms;
            network.decide(world, vec![Motion::ClearSuspect(record.chain)]);
        }
    }
}
