//! What is run, and what came out: the same for the model and for the simulated world.

use super::profile::Profile;
use ledger_protocol::chain::Parameters;
use ledger_protocol::interchain::{ChainLimits, MAX_LIST_MESSAGES};

/// Proposals that may wait in the relay's queue; those that have begun are not among them.
const MAX_QUEUED: usize = 8_192;

/// How long a block of the relay should take at the most.
const MADE_WITHIN_US: f64 = 400_000.0;

/// How often clients look what has ended, and begin something new in its place.
pub(super) const CLIENT_MS: u64 = 20;

/// What is run: a closed loop, in which every subchain's clients begin items in a fixed mix of transactions and
/// proposals, as long as the window of the next one's kind has room.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// Subchains.
    pub subchains: usize,
    /// Share of items that are proposals, in percent.
    pub cross_percent: u32,
    /// Legs of a proposal; fewer when there are fewer subchains.
    pub legs: usize,
    /// Proposals under way per subchain.
    pub window: u64,
    /// Transactions of its own under way per subchain.
    pub local_window: u64,
    /// Clients hold their proposals back while so many of all of them are on their way to a block of the relay.
    pub unordered: usize,
    /// Least time between blocks of the relay.
    pub relay_interval_ms: u64,
    /// Least time between blocks of a subchain.
    pub subchain_interval_ms: u64,
    /// Cores of a relay validator; the simulated world knows only one.
    pub relay_cores: f64,
    /// Cores of a subchain's validator.
    pub subchain_cores: f64,
    /// All CPU costs of the relay, times this.
    pub relay_slowness: f64,
    /// All CPU costs of the subchains, times this.
    pub subchain_slowness: f64,
    /// Of the time before it is counted, half serves to open the window.
    pub warm_up_ms: u64,
    /// Time in which it is counted.
    pub measured_ms: u64,
    /// What a block takes beside its execution.
    pub timing: Timing,
    /// What the protocol allows.
    pub limits: Limits,
}

/// Latencies and sizes, as the simulated world measured them.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Timing {
    /// From the moment at which a block's time is set until its replicas have published it, execution apart.
    pub votes_ms: f64,
    /// From the publication by a subchain until the relay's pools have the list.
    pub to_relay_ms: f64,
    /// From the publication by the relay until the subchain's pools have the list.
    pub to_subchain_ms: f64,
    /// From a client's submission until the chain's pools have it.
    pub submit_ms: f64,
    /// Of each of these three, what comes after the first pool has it: that one judges it before it passes it on.
    pub gossip_ms: f64,
    /// Bytes of a proposal of the plan's legs, signed.
    pub proposal_bytes: f64,
    /// Bytes of an Advance to the relay, without its lists.
    pub advance_bytes: f64,
    /// Bytes of a message in it.
    pub message_bytes: f64,
    /// Changes that a proposal's submission makes in the relay's state.
    pub proposal_changes: f64,
    /// Changes that a message makes there.
    pub message_changes: f64,
}

/// What the protocol allows. All that the relay bounds for one chain (legs begun in a window, their bytes, keys x blocks)
/// is wider than what a list of 256 messages lets through, so the lists stand for all of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Limits {
    /// Messages of a list, and of the lists of one Advance.
    pub list_messages: usize,
    /// Bytes of a relay's block that Advances may take.
    pub relay_interchain_bytes: f64,
    /// Changes of a relay's block at which further messages wait for the next one.
    pub relay_changes: f64,
    /// Inputs of a relay's block.
    pub relay_inputs: usize,
    /// Bytes of a relay's block.
    pub relay_bytes: f64,
    /// Proposals that wait in the relay's queue.
    pub queued: usize,
    /// Legs of a subchain that have begun and not ended.
    pub in_flight: usize,
    /// Transactions of a subchain's block.
    pub subchain_inputs: u64,
}

impl Default for Limits {
    fn default() -> Self {
        let relay = Parameters::relay();
        Self {
            list_messages: MAX_LIST_MESSAGES,
            relay_interchain_bytes: f64::from(relay.max_block_bytes) / 4.0,
            relay_changes: f64::from(relay.max_block_changes) / 2.0,
            relay_inputs: relay.max_block_transactions as usize,
            relay_bytes: f64::from(relay.max_block_bytes),
            queued: MAX_QUEUED,
            in_flight: ChainLimits::default().max_in_flight as usize,
            subchain_inputs: u64::from(Parameters::subchain().max_block_transactions),
        }
    }
}

impl Plan {
    /// The protocol's own intervals and limits, validators of one core.
    pub fn new(subchains: usize, cross_percent: u32, timing: Timing) -> Self {
        Self {
            subchains,
            cross_percent,
            legs: 2,
            window: 1_000,
            local_window: 4_000,
            unordered: 2_000,
            relay_interval_ms: u64::from(Parameters::relay().min_block_interval_ms),
            subchain_interval_ms: u64::from(Parameters::subchain().min_block_interval_ms),
            relay_cores: 1.0,
            subchain_cores: 1.0,
            relay_slowness: 1.0,
            subchain_slowness: 1.0,
            warm_up_ms: 5_000,
            measured_ms: 5_000,
            timing,
            limits: Limits::default(),
        }
    }

    /// The plan with clients who hold proposals back so that the relay's blocks take less than half a second: one that is
    /// not executed twice within a second, by its proposer and by the others, is made in vain.
    #[must_use]
    pub fn fitted(self, profile: &Profile) -> Self {
        let messages = 2 * self.legs.min(self.subchains.max(2));
        let costs = &profile.relay;
        let executed_us = (costs.proposal_execute + messages as f64 * costs.message_execute) * self.relay_slowness;
        // While one block is made, the next one's proposals arrive.
        let unordered = (2.0 * MADE_WITHIN_US / (2.0 * executed_us).max(1.0)) as usize;
        Self { unordered: unordered.clamp(20, 5_000), ..self }
    }

    /// The plan for another number of subchains, with clients who are [`fitted`](Self::fitted) to it: how many legs a
    /// proposal has depends on it.
    #[must_use]
    pub fn sized(&self, subchains: usize, profile: &Profile) -> Self {
        Self { subchains, ..self.clone() }.fitted(profile)
    }

    /// Whether a chain's clients may begin the next item, when `begun` are begun and so many transactions and proposals
    /// of theirs are under way. Windows open within half of the warm-up.
    pub(super) fn may_begin(&self, begun: u64, [locals, proposals]: [u64; 2], since_start_ms: u64) -> bool {
        let opening_ms = (self.warm_up_ms / 2).max(1);
        let is_cross = self.is_cross(begun + 1);
        let (window, under_way) = if is_cross { (self.window, proposals) } else { (self.local_window, locals) };
        under_way < (window * since_start_ms.min(opening_ms)).div_ceil(opening_ms)
    }

    /// Whether the item of this number, from 1 on, is a proposal.
    pub(super) fn is_cross(&self, number: u64) -> bool {
        let share = u64::from(self.cross_percent);
        number * share / 100 > (number - 1) * share / 100
    }
}

/// Chooses the legs of proposals: the home chain, and others evenly.
#[derive(Debug, Clone)]
pub(super) struct Partners(u64);

impl Partners {
    pub(super) const fn new() -> Self {
        Self(0x9e37_79b9_7f4a_7c15)
    }

    /// So many different chains of `count`, `home` first.
    pub(super) fn of(&mut self, home: usize, legs: usize, count: usize) -> Vec<usize> {
        let mut chosen = vec![home];
        while chosen.len() < legs.min(count) {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let mut other = (self.0 >> 33) as usize % count;
            while chosen.contains(&other) {
                other = (other + 1) % count;
            }
            chosen.push(other);
        }
        chosen
    }
}

/// What came out.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Point {
    /// Subchains.
    pub subchains: usize,
    /// Share of items that are proposals, in percent.
    pub cross_percent: u32,
    /// Items that came to their end per second: transactions, and proposals applied everywhere.
    pub items_per_s: f64,
    /// Proposals among them.
    pub proposals_per_s: f64,
    /// Of the relay's cores, what they were busy.
    pub relay_cpu: f64,
    /// Of the time, the share in which the relay makes a block: from the moment at which its time is set until it is
    /// published. At 1 one block follows the other without rest.
    pub relay_at_work: f64,
    /// Mean time between blocks of the relay.
    pub relay_block_ms: f64,
    /// Of a subchain's cores, the mean.
    pub subchain_cpu: f64,
    /// Of the relay's CPU time, what Advances took.
    pub relay_on_advances: f64,
    /// From submission to applied everywhere and known to the relay, half of the proposals.
    pub p50_ms: f64,
}

/// The middle one; sorts them.
pub(super) fn median(values: &mut [u64]) -> f64 {
    values.sort_unstable();
    values.get(values.len() / 2).copied().unwrap_or(0) as f64
}
