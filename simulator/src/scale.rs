//! How throughput grows with subchains, and where the relay is full: a model in virtual time.
//!
//! Blocks, lists, Advances and proposals are those of the protocol, with its bounds; what steps cost comes from a
//! [`Profile`] that was measured, never from here. A run is a closed loop: every subchain has a fixed number of items
//! of work under way, of which a fixed share are proposals. The same profile and plan give the same [`Point`].
//! Bounds: [`MAX_SUBCHAINS`](crate::scenario::MAX_SUBCHAINS) subchains, 16 legs.

mod bounds;
mod measured;
mod meter;
mod model;
mod plan;
mod prices;
mod profile;
#[cfg(test)]
mod tests;
mod watch;

pub use bounds::{Bound, GAIN, bound, is_saturated, saturated_from};
pub use measured::{calibrate, measure};
pub use meter::{Metered, Reading, Stopwatch, meter_network};
pub use model::run;
pub use plan::{Limits, Plan, Point, Timing};
pub use profile::{BlockCosts, CrossCosts, FORMAT, Machine, Profile, ProfileError, TransactionCosts};

/// Numbers of subchains of the table.
pub const SUBCHAINS: [usize; 9] = [1, 2, 4, 8, 16, 32, 64, 128, 256];
/// Shares of cross-chain work of the table, in percent.
pub const SHARES: [u32; 4] = [0, 10, 50, 100];
/// What moves the point where the relay is full.
#[derive(Debug, Clone)]
pub struct Change {
    /// In words.
    pub what: &'static str,
    /// The costs with it.
    pub profile: Profile,
    /// The plan with it.
    pub plan: Plan,
}

/// The plan as it is, and with one thing changed at a time.
pub fn changes(profile: &Profile, plan: &Plan) -> Vec<Change> {
    let change = |what, edit: &dyn Fn(&mut Profile, &mut Plan)| {
        let (mut profile, mut plan) = (profile.clone(), plan.clone());
        edit(&mut profile, &mut plan);
        Change { what, profile, plan }
    };
    vec![
        change("as measured", &|_, _| {}),
        change("relay validators with 2 cores", &|_, plan| plan.relay_cores = 2.0),
        change("relay validators with 4 cores", &|_, plan| plan.relay_cores = 4.0),
        change("relay block interval halved", &|_, plan| plan.relay_interval_ms /= 2),
        change("relay block interval doubled", &|_, plan| plan.relay_interval_ms *= 2),
        change("4 legs per proposal", &|_, plan| plan.legs = 4),
        change("relay's cost per proposal halved", &|profile, _| {
            profile.relay.proposal_admit /= 2.0;
            profile.relay.proposal_execute /= 2.0;
        }),
        change("relay's cost per message halved", &|profile, _| profile.relay.message_execute /= 2.0),
        change("relay's cost per Advance halved", &|profile, _| {
            profile.relay.advance_admit /= 2.0;
            profile.relay.advance_execute /= 2.0;
        }),
        change("every Advance costs 5 certificates more (a slower suite)", &|profile, _| {
            profile.relay.advance_admit += 5.0 * profile.certificate_verify;
        }),
    ]
}
