//! A scenario's faults made definite by a seed: who is hit when. A list, so that a failing run can be tried again with
//! fewer of them.

use super::fault::{FaultKind, FaultPlan, Target};
use crate::random::{Random, Seed};
use std::fmt;

/// One strike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Strike {
    /// Its number in the schedule, which `--faults` names.
    pub number: usize,
    /// What.
    pub kind: FaultKind,
    /// Whom; what is left to chance is decided by [`Strike::draw`] when it strikes.
    pub target: Target,
    /// A number from the seed for choices at the time of the strike.
    pub draw: u64,
    /// When, from the start of the work.
    pub at_ms: u64,
    /// How long.
    pub for_ms: u64,
    /// Of a restoration: how old the disks are, and how long after it people begin to heal it.
    pub backup_ms: Option<(u64, u64)>,
}

impl fmt::Display for Strike {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { number, kind, target, at_ms, for_ms, .. } = self;
        write!(f, "{number}: {} of {target:?} at {at_ms} ms for {for_ms} ms", kind.name())
    }
}

/// Strikes in order of time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Schedule {
    strikes: Vec<Strike>,
}

/// Most strikes of a schedule.
const MAX_STRIKES: usize = 100_000;

impl Schedule {
    /// The strikes of these plans within `length_ms`.
    pub fn new(plans: &[FaultPlan], length_ms: u64, seed: Seed) -> Self {
        let mut strikes = Vec::new();
        for (stream, plan) in (100u64..).zip(plans) {
            // A stream of its own for each plan: adding one does not shift the others.
            let mut random = Random::new(seed, stream);
            let mut at_ms = plan.at_ms;
            while at_ms < length_ms && strikes.len() < MAX_STRIKES {
                let (strikes_now, draw) = (random.chance(plan.chance_per_mille), random.below(u64::MAX));
                // Repeated ones come within their interval, not on the beat.
                let shift_ms = plan.every_ms.map_or(0, |every_ms| random.below(every_ms));
                if strikes_now {
                    strikes.push(Strike {
                        number: 0,
                        kind: plan.kind,
                        target: plan.target.clone(),
                        draw,
                        at_ms: at_ms + shift_ms,
                        for_ms: plan.for_ms,
                        backup_ms: plan
                            .backup_age_ms
                            .map(|age_ms| (age_ms, plan.healed_after_ms.unwrap_or(super::fault::HEALED_AFTER_MS))),
                    });
                }
                let Some(every_ms) = plan.every_ms else { break };
                at_ms += every_ms;
            }
        }
        strikes.retain(|strike| strike.at_ms < length_ms);
        strikes.sort_by_key(|strike| strike.at_ms);
        for (number, strike) in strikes.iter_mut().enumerate() {
            strike.number = number;
        }
        Self { strikes }
    }

    /// Only the strikes of these numbers.
    #[must_use]
    pub fn only(&self, numbers: &[usize]) -> Self {
        let strikes = self.strikes.iter().filter(|strike| numbers.contains(&strike.number)).cloned().collect();
        Self { strikes }
    }

    /// The strikes.
    pub fn strikes(&self) -> &[Strike] {
        &self.strikes
    }
}
