//! A member of the consortium whose proposals take locks and come to nothing: their time is too short for every vote,
//! or they are cancelled as soon as they have begun.

use crate::fixture::{LegDraft, Network};
use crate::random::{Random, Seed};
use crate::scenario::{ActorKind, ActorPlan, HOT};
use crate::trial::Submitted;
use crate::world::World;
use ledger_protocol::ProposalId;
use std::collections::VecDeque;

/// Blocks of the relay in which nobody can vote.
const TOO_SHORT: u32 = 1;
/// Enough for everybody.
const LONG: u32 = 100;
/// Most legs of one grab.
const MAX_LEGS: u64 = 3;
/// How long a grab that is cancelled holds what it took.
const HELD_MS: (u64, u64) = (1, 900);
/// The span between two grabs.
const EVERY_MS: (u64, u64) = (300, 1_500);

/// A lock-grabber and what it has under way.
#[derive(Debug)]
pub(crate) struct LockGrabber {
    plan: ActorPlan,
    random: Random,
    next_ms: u64,
    to_cancel: VecDeque<(u64, ProposalId)>,
}

impl LockGrabber {
    pub(crate) fn new(plan: &ActorPlan, seed: Seed, number: u64) -> Self {
        let random = Random::new(seed, 300 + number);
        Self { plan: plan.clone(), random, next_ms: plan.from_ms, to_cancel: VecDeque::new() }
    }

    /// The next time at which it does something; nothing after `end_ms`.
    pub(crate) fn next_ms(&self, end_ms: u64) -> Option<u64> {
        let grabs = (self.next_ms < self.plan.until_ms.unwrap_or(end_ms).min(end_ms)).then_some(self.next_ms);
        [grabs, self.to_cancel.front().map(|(at_ms, _)| *at_ms)].into_iter().flatten().min()
    }

    /// Does what is due.
    pub(crate) fn advance(
        &mut self,
        world: &mut World,
        network: &mut Network,
        now_ms: u64,
        end_ms: u64,
        submitted: &mut Submitted,
    ) {
        while let Some((_, id)) = self.to_cancel.pop_front_if(|(at_ms, _)| *at_ms <= now_ms) {
            network.cancel_by(world, network.members.len() - 1, id);
        }
        while self.next_ms <= now_ms && self.next_ms < self.plan.until_ms.unwrap_or(end_ms).min(end_ms) {
            self.next_ms += self.random.within(EVERY_MS);
            if self.random.chance(self.plan.chance_per_mille) {
                self.grab(world, network, now_ms, submitted);
            }
        }
    }

    fn grab(&mut self, world: &mut World, network: &mut Network, now_ms: u64, submitted: &mut Submitted) {
        let cancels = match (self.plan.takes("time-out"), self.plan.takes("cancel")) {
            (true, true) => self.random.chance(500),
            (_, cancels) => cancels,
        };
        let named = self.plan.chain.as_ref();
        let mut left: Vec<usize> = (0..network.subchains.len()).collect();
        left.sort_by_key(|position| network.subchains.get(*position).map(|chain| &chain.name) != named);
        let count = 1 + self.random.below(MAX_LEGS);
        let mut legs = Vec::new();
        while (legs.len() as u64) < count && !left.is_empty() {
            let is_first_named = named.is_some() && legs.is_empty();
            let place = if is_first_named { 0 } else { self.random.below(left.len() as u64) };
            let position = left.remove(usize::try_from(place).unwrap_or(0));
            // The key that everybody wants.
            let draft =
                LegDraft { writes: vec![(HOT.to_owned(), format!("grabbed at {now_ms}"))], ..LegDraft::default() };
            legs.push((position, draft));
        }
        let valid_until = network.relay_height(world).saturating_add(1_500);
        let t_prep = if cancels { LONG } else { TOO_SHORT };
        let member = network.members.len() - 1;
        let (id, input) = network.draft_by(world, member, &legs, t_prep, valid_until);
        submitted.submit(world, network, id, input);
        if cancels {
            self.to_cancel.push_back((now_ms + self.random.within(HELD_MS), id));
            self.to_cancel.make_contiguous().sort_unstable();
        }
        let way = if cancels { "cancel" } else { "time-out" };
        world.count_misdeed(&format!("{}: {way}", ActorKind::LockGrabber.name()));
    }
}
