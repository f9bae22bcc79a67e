//! What binds a point: the one limit that, twice as wide, gives most.
//!
//! Whether the relay is saturated follows from nothing else: it is where one of its own limits binds.

use super::model::run;
use super::plan::{Plan, Point};
use super::profile::Profile;

/// A limit that binds gives at least so much more throughput when it is twice as wide.
pub const GAIN: f64 = 1.05;

/// The relay's CPU can bind only when it is at work for so much of the time.
pub const AT_WORK: f64 = 0.8;

/// A limit of throughput.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Bound {
    /// What a validator of the relay computes: a block is executed by its proposer and then by the others.
    RelayCpu,
    /// Inputs and bytes of a relay's block.
    RelayBlock,
    /// Changes of a relay's block, at which messages are postponed.
    RelayChanges,
    /// Proposals that wait in the relay's queue.
    RelayQueue,
    /// Messages of one list: per subchain, direction and block.
    Lists,
    /// Legs of one subchain that have begun and not ended.
    InFlight,
    /// What a validator of a subchain computes.
    SubchainCpu,
    /// Transactions of a subchain's block.
    SubchainBlock,
    /// Items that clients have under way: everything else has room.
    Clients,
}

impl Bound {
    /// All of them; the first of two that give the same is named.
    pub const ALL: [Self; 9] = [
        Self::RelayCpu,
        Self::RelayBlock,
        Self::RelayChanges,
        Self::RelayQueue,
        Self::Lists,
        Self::InFlight,
        Self::SubchainCpu,
        Self::SubchainBlock,
        Self::Clients,
    ];

    /// Its name in tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::RelayCpu => "relay CPU",
            Self::RelayBlock => "relay block bytes",
            Self::RelayChanges => "relay block changes",
            Self::RelayQueue => "relay queue",
            Self::Lists => "list of 256",
            Self::InFlight => "legs in flight",
            Self::SubchainCpu => "subchain CPU",
            Self::SubchainBlock => "subchain block",
            Self::Clients => "clients",
        }
    }

    /// Whether all subchains share it: more of them do not widen it.
    pub const fn is_the_relays(self) -> bool {
        matches!(self, Self::RelayCpu | Self::RelayBlock | Self::RelayChanges | Self::RelayQueue)
    }

    /// The plan with it twice as wide.
    fn widened(self, plan: &Plan) -> Plan {
        let mut wide = plan.clone();
        let limits = &mut wide.limits;
        match self {
            Self::RelayCpu => wide.relay_slowness /= 2.0,
            Self::RelayBlock => {
                limits.relay_bytes *= 2.0;
                limits.relay_interchain_bytes *= 2.0;
                limits.relay_inputs *= 2;
            }
            Self::RelayChanges => limits.relay_changes *= 2.0,
            Self::RelayQueue => limits.queued *= 2,
            Self::Lists => limits.list_messages *= 2,
            Self::InFlight => limits.in_flight *= 2,
            Self::SubchainCpu => wide.subchain_slowness /= 2.0,
            Self::SubchainBlock => limits.subchain_inputs *= 2,
            Self::Clients => {
                wide.window *= 2;
                wide.local_window *= 2;
                wide.unordered *= 2;
            }
        }
        wide
    }
}

/// What binds a point, and how many times as much it gives when it is twice as wide; `None` when nothing alone does.
pub fn bound(profile: &Profile, plan: &Plan, point: &Point) -> Option<(Bound, f64)> {
    let mut found: Option<(Bound, f64)> = None;
    for bound in Bound::ALL {
        // A relay that rests between its blocks has CPU time left: there a faster one only shortens the clients' waits.
        if bound == Bound::RelayCpu && point.relay_at_work < AT_WORK {
            continue;
        }
        let gain = run(profile, &bound.widened(plan)).items_per_s / point.items_per_s.max(1e-9);
        let is_better = found.is_none_or(|(_, best)| gain > best + 0.01);
        if gain >= GAIN && is_better {
            found = Some((bound, gain));
        }
    }
    found
}

/// Whether the relay is saturated: one of its own limits binds.
pub fn is_saturated(profile: &Profile, plan: &Plan) -> bool {
    bound(profile, plan, &run(profile, plan)).is_some_and(|(bound, _)| bound.is_the_relays())
}

/// The least number of subchains, up to `most`, with which the relay is saturated.
pub fn saturated_from(profile: &Profile, plan: &Plan, most: usize) -> Option<usize> {
    let is_at = |subchains: usize| is_saturated(profile, &plan.sized(subchains, profile));
    let mut high = 1;
    while !is_at(high) {
        if high >= most {
            return None;
        }
        high = (high * 2).min(most);
    }
    let mut low = high / 2;
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if is_at(middle) { high = middle } else { low = middle }
    }
    Some(high)
}
