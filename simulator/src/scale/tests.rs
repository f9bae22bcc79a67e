//! What follows from the model whatever was measured, and profiles that are refused.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use super::meter::least_squares;
use super::*;

fn profile() -> Profile {
    let cross = |proposal: f64| CrossCosts {
        proposal_admit: proposal,
        proposal_execute: proposal,
        advance_admit: 150.0,
        advance_execute: 250.0,
        message_execute: 60.0,
    };
    Profile {
        format: FORMAT.into(),
        machine: Machine {
            cores: 2,
            validators: 4,
            suite: "standard".into(),
            measured_at: "2026-11-23T12:00:00Z".into(),
            load_average: Some([0.2, 2.0]),
        },
        transaction: TransactionCosts {
            verify: 30.0,
            execute: 20.0,
            state: 40.0,
            store: 10.0,
            log: 5.0,
            consensus: 8.0,
            serve: 0.5,
            network: 25.0,
        },
        block: BlockCosts { relay_execute: 200.0, subchain_execute: 150.0, consensus: 300.0, vote: 60.0, votes: 6.0 },
        certificate_verify: 110.0,
        relay: cross(150.0),
        subchain: cross(0.0),
    }
}

fn timing() -> Timing {
    Timing {
        votes_ms: 26.0,
        to_relay_ms: 9.0,
        to_subchain_ms: 25.0,
        submit_ms: 4.0,
        gossip_ms: 5.0,
        proposal_bytes: 1_200.0,
        advance_bytes: 1_000.0,
        message_bytes: 250.0,
        proposal_changes: 3.0,
        message_changes: 1.5,
    }
}

fn plan(subchains: usize, percent: u32) -> Plan {
    Plan::new(subchains, percent, timing()).fitted(&profile())
}

#[test]
fn a_profile_is_read_back_as_it_was_written() {
    let profile = profile();
    assert_eq!(Profile::parse(&profile.to_text()), Ok(profile));
}

#[test]
fn a_profile_with_a_mistake_is_refused_by_the_name_of_the_mistake() {
    let text = profile().to_text();
    let error = |text: &str| Profile::parse(text).unwrap_err().to_string();
    assert!(error("{").contains("line 1"), "{}", error("{"));
    assert!(error(&text.replace("\"verify\"", "\"verfy\"")).contains("unknown field `verfy`"));
    assert!(error(&text.replace("profile/2", "profile/9")).contains("crosstie-profile/9"));
    assert!(error(&text.replace("\"state\": 40.0", "\"state\": -1.0")).starts_with("transaction.state:"));
    let suite = error(&text.replace("\"standard\"", "\"guomy\""));
    assert!(suite.starts_with("machine.suite: \"guomy\"") && suite.contains("\"guomi\""), "{suite}");
    assert!(Profile::parse(&text.replace("\"standard\"", "\"guomi\"")).is_ok());
    let free = text.replace("\"execute\": 20.0", "\"execute\": 0.0").replace("\"state\": 40.0", "\"state\": 0.0");
    assert!(error(&free).starts_with("transaction:"), "{}", error(&free));
}

#[test]
fn without_cross_chain_work_subchains_add_up_and_the_relay_rests() {
    let points: Vec<Point> = [1, 2, 4, 8, 16].map(|subchains| run(&profile(), &plan(subchains, 0))).to_vec();
    for pair in points.windows(2) {
        let ratio = pair[1].items_per_s / pair[0].items_per_s;
        assert!((1.95..=2.05).contains(&ratio), "{pair:?}");
    }
    assert!(points.iter().all(|point| point.relay_cpu < 0.05), "{points:?}");
    assert!(!is_saturated(&profile(), &plan(16, 0)));
}

#[test]
fn cross_chain_work_alone_saturates_the_relay_and_then_more_subchains_do_not_help() {
    let points: Vec<Point> = [4, 16, 64].map(|subchains| run(&profile(), &plan(subchains, 100))).to_vec();
    assert!(points[2].proposals_per_s <= points[1].proposals_per_s * 1.1, "{points:?}");
    let relay_us: f64 = 2.0 * 150.0 + 4.0 * 60.0;
    assert!(points.iter().all(|point| point.proposals_per_s <= 1e6 / relay_us), "{points:?}");
    assert!(points.iter().all(|point| point.relay_cpu <= 1.02), "{points:?}");
    let from = saturated_from(&profile(), &plan(1, 100), 64).unwrap();
    assert!((2..=8).contains(&from), "{from}");
    assert!(is_saturated(&profile(), &plan(64, 100)) && !is_saturated(&profile(), &plan(1, 100)));
}

#[test]
fn clients_of_proposals_of_many_legs_are_fitted_to_each_number_of_subchains() {
    let of = |subchains| Plan { legs: 16, ..Plan::new(subchains, 100, timing()) }.fitted(&profile());
    assert_eq!(of(1).sized(16, &profile()), of(16));
    // Proposals of 16 legs cost the relay more than those of one chain alone, so fewer are on their way.
    assert!(of(16).unordered < of(1).unordered / 2, "{} and {}", of(16).unordered, of(1).unordered);
    // Where the relay is first said to be saturated is what the points of the table say.
    let from = saturated_from(&profile(), &of(1), 64).unwrap();
    assert!(is_saturated(&profile(), &of(from)) && !is_saturated(&profile(), &of(from - 1)), "{from}");
}

#[test]
fn every_limit_binds_where_it_is_narrow() {
    let bound_of = |edit: &dyn Fn(&mut Plan)| {
        let mut plan = plan(4, 100);
        // A fast relay, so that nothing binds before what is made narrow.
        plan.relay_slowness = 0.1;
        edit(&mut plan);
        bound(&profile(), &plan, &run(&profile(), &plan)).map(|(bound, _)| bound)
    };
    assert_eq!(bound_of(&|_| {}), Some(Bound::Lists));
    assert_eq!(bound_of(&|plan| plan.relay_slowness = 2.0), Some(Bound::RelayCpu));
    assert_eq!(bound_of(&|plan| plan.limits.relay_inputs = 50), Some(Bound::RelayBlock));
    assert_eq!(bound_of(&|plan| plan.limits.relay_interchain_bytes = 20_000.0), Some(Bound::RelayBlock));
    assert_eq!(bound_of(&|plan| plan.limits.relay_changes = 300.0), Some(Bound::RelayChanges));
    assert_eq!(bound_of(&|plan| plan.limits.in_flight = 100), Some(Bound::InFlight));
    assert_eq!(bound_of(&|plan| plan.subchain_slowness = 20.0), Some(Bound::SubchainCpu));
    assert_eq!(bound_of(&|plan| plan.window = 50), Some(Bound::Clients));
    // What has begun does not stand in the queue: as long as legs have a place, any queue is long enough.
    let short = Plan { limits: Limits { queued: 2_000, ..Limits::default() }, ..plan(16, 100) };
    assert_eq!(run(&profile(), &short), run(&profile(), &plan(16, 100)));
}

#[test]
fn a_cheaper_proposal_moves_the_point_and_more_cores_hardly_do() {
    let now = run(&profile(), &plan(16, 100));
    let mut cheaper = profile();
    cheaper.relay.proposal_admit /= 2.0;
    cheaper.relay.proposal_execute /= 2.0;
    cheaper.relay.message_execute /= 2.0;
    let halved = run(&cheaper, &plan(16, 100));
    assert!(halved.proposals_per_s > now.proposals_per_s * 1.3, "{now:?} {halved:?}");
    let two_cores = run(&profile(), &Plan { relay_cores: 2.0, ..plan(16, 100) });
    assert!(two_cores.proposals_per_s < now.proposals_per_s * 1.4, "{now:?} {two_cores:?}");
    assert!(two_cores.relay_cpu < now.relay_cpu * 0.8, "{now:?} {two_cores:?}");
}

#[test]
fn the_same_plan_gives_the_same_point() {
    assert_eq!(run(&profile(), &plan(4, 50)), run(&profile(), &plan(4, 50)));
}

/// The real code with these costs, where lists, clients or the relay bind; the relay is slowed so that few proposals
/// saturate it.
#[test]
fn the_model_agrees_with_the_simulated_world() {
    let timing = calibrate(&profile(), 2).unwrap();
    let slow = |subchains, percent, relay_slowness, window| Plan {
        relay_slowness,
        window,
        local_window: 4 * window,
        unordered: 60,
        warm_up_ms: 4_000,
        measured_ms: 6_000,
        ..Plan::new(subchains, percent, timing.clone())
    };
    let plans = [slow(1, 50, 1.0, 40), slow(2, 100, 20.0, 60), slow(4, 50, 20.0, 40), slow(4, 100, 1.0, 20)];
    for plan in plans {
        let (model, world) = (run(&profile(), &plan), measure(&profile(), &plan).unwrap());
        let ratios = [model.items_per_s / world.items_per_s, model.relay_cpu / world.relay_cpu];
        assert!(ratios.iter().all(|ratio| (ratio - 1.0).abs() <= TOLERANCE), "{ratios:?}\n{model:?}\n{world:?}");
    }
}

#[test]
fn what_the_calibration_measures_fits_the_network_that_it_ran() {
    let Timing { votes_ms, to_relay_ms, to_subchain_ms, submit_ms, gossip_ms, .. } = calibrate(&profile(), 2).unwrap();
    // Messages take 1 to 12 ms, barriers up to 2.
    assert!((15.0..45.0).contains(&votes_ms), "{votes_ms}");
    assert!(
        to_relay_ms > gossip_ms && to_subchain_ms > to_relay_ms && submit_ms > 1.0,
        "{to_relay_ms} {to_subchain_ms}"
    );
    assert!((1.0..12.0).contains(&gossip_ms), "{gossip_ms}");
}

#[test]
fn parts_are_priced_from_blocks_of_different_contents() {
    let readings: Vec<([f64; 4], f64)> = (0..200u32)
        .map(|number| [1.0, f64::from(number % 7), f64::from(number % 3), f64::from(number % 11)])
        .map(|parts| (parts, 100.0 + 50.0 * parts[1] + 300.0 * parts[2] + 20.0 * parts[3]))
        .collect();
    for (found, put) in least_squares(&readings).iter().zip([100.0, 50.0, 300.0, 20.0]) {
        assert!((found - put).abs() < 0.1, "{found} for {put}");
    }
}

#[test]
fn the_real_code_is_watched_step_by_step() {
    struct Counter;
    impl Stopwatch for Counter {
        fn time(&mut self, run: &mut dyn FnMut()) -> f64 {
            run();
            1.0
        }
    }
    let metered = meter_network(Counter, ledger_protocol::Suite::Standard, 4, 30).unwrap();
    assert!(metered.proposals >= 30 && metered.relay_blocks > 5, "{metered:?}");
    assert!(metered.block.votes > 3.0 && metered.block.votes < 60.0, "{metered:?}");
}

/// A relay that makes one block after the other builds each of them once: what its last block overtook has left the pool
/// before.
#[test]
fn a_late_relay_executes_every_block_once_per_validator() {
    let timing = timing();
    let plan = Plan {
        relay_slowness: 20.0,
        window: 60,
        unordered: 60,
        warm_up_ms: 2_000,
        measured_ms: 6_000,
        ..Plan::new(4, 100, timing)
    };
    let (point, executions) = super::measured::measure_counting(&profile(), &plan).unwrap();
    assert!(point.relay_block_ms > 250.0, "{point:?}");
    assert!((0.9..1.05).contains(&executions), "{executions} {point:?}");
}
