//! How throughput grows with subchains, and where the relay is saturated: a model in virtual time, and the simulated
//! world beside it.
//!
//! Blocks, lists, Advances and proposals are those of the protocol, with its bounds; what steps cost comes from a
//! [`Profile`] that was measured, what else takes time from [`calibrate`], never from here. A run is a closed loop: every
//! subchain's clients keep items of work under way, of which a fixed share are proposals. The same profile and plan give
//! the same [`Point`]. [`run`] is the model, [`measure`] the real code with the profile's costs.
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

pub use bounds::{AT_WORK, Bound, GAIN, bound, is_saturated, saturated_from};
pub use measured::{calibrate, measure};
pub use meter::{Metered, Reading, Stopwatch, meter_network};
pub use model::run;
pub use plan::{Limits, Plan, Point, Timing};
pub use profile::{BlockCosts, CrossCosts, FORMAT, Machine, Profile, ProfileError, TransactionCosts};

/// Numbers of subchains of the table.
pub const SUBCHAINS: [usize; 9] = [1, 2, 4, 8, 16, 32, 64, 128, 256];
/// Shares of cross-chain work of the table, in percent.
pub const SHARES: [u32; 4] = [0, 10, 50, 100];
/// How far the model may be from the simulated world, in throughput and in the relay's CPU time.
pub const TOLERANCE: f64 = 0.2;
/// When the relay counts as saturated, in words.
pub const SATURATION: &str = "The relay is saturated where one of its own limits binds: where twice as much of it (of a \
relay validator's speed, or of what its blocks and its queue hold) would give more items per second, by at least 5 %, than \
twice as much of anything that every subchain has for itself. Its CPU can bind only when it makes one block after the \
other, at work for at least 80 % of the time.";

/// Plans in which the relay is so many times slower that few proposals saturate it, so that the real code can be run
/// there too.
pub fn slow_plans(profile: &Profile, plan: &Plan) -> Vec<Plan> {
    let slow = |subchains, cross_percent| Plan {
        subchains,
        cross_percent,
        relay_slowness: 10.0,
        window: 100,
        local_window: 400,
        ..plan.clone()
    };
    [slow(2, 100), slow(4, 50), slow(4, 100), slow(8, 100)].map(|plan| plan.fitted(profile)).to_vec()
}

/// What moves the point where the relay is saturated.
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
        Change { what, plan: plan.fitted(&profile), profile }
    };
    // Of a certificate's cost what is no signature does not grow with the validators.
    let validators = |times: f64| {
        move |profile: &mut Profile, _: &mut Plan| {
            let more = (times - 1.0) * profile.certificate_verify;
            profile.relay.advance_admit = (profile.relay.advance_admit + more).max(0.0);
            profile.subchain.advance_admit = (profile.subchain.advance_admit + more).max(0.0);
            profile.block.votes *= times;
        }
    };
    vec![
        change("as measured", &|_, _| {}),
        change("relay's cost per proposal halved", &|profile, _| {
            profile.relay.proposal_admit /= 2.0;
            profile.relay.proposal_execute /= 2.0;
        }),
        change("relay's cost per message halved", &|profile, _| profile.relay.message_execute /= 2.0),
        change("relay's cost per Advance halved", &|profile, _| {
            profile.relay.advance_admit /= 2.0;
            profile.relay.advance_execute /= 2.0;
        }),
        change("certificates verified 5 times as slowly", &|profile, _| {
            profile.relay.advance_admit += 4.0 * profile.certificate_verify;
            profile.subchain.advance_admit += 4.0 * profile.certificate_verify;
        }),
        change("4 times as many validators per chain (signatures and votes)", &validators(4.0)),
        change("relay validators with 4 cores", &|_, plan| plan.relay_cores = 4.0),
        change("relay block interval halved", &|_, plan| plan.relay_interval_ms /= 2),
        change("relay block interval doubled", &|_, plan| plan.relay_interval_ms *= 2),
        change("lists of 512 messages", &|_, plan| plan.limits.list_messages *= 2),
        change("lists of 128 messages", &|_, plan| plan.limits.list_messages /= 2),
        change("votes that take 4 times as long", &|_, plan| plan.timing.votes_ms *= 4.0),
        change("4 legs per proposal", &|_, plan| plan.legs = 4),
    ]
}
