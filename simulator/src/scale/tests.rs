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
        machine: Machine { cores: 2, validators: 4, suite: "standard".into() },
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

fn short(subchains: usize, percent: u32) -> Plan {
    Plan { warm_up_ms: 8_000, measured_ms: 8_000, ..Plan::new(subchains, percent) }
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
    assert!(error(&text.replace("profile/1", "profile/9")).contains("crosstie-profile/9"));
    assert!(error(&text.replace("\"state\": 40.0", "\"state\": -1.0")).starts_with("transaction.state:"));
    let free = text.replace("\"execute\": 20.0", "\"execute\": 0.0").replace("\"state\": 40.0", "\"state\": 0.0");
    assert!(error(&free).starts_with("transaction:"), "{}", error(&free));
}

#[test]
fn without_cross_chain_work_subchains_add_up_and_the_relay_rests() {
    let points: Vec<Point> = [1, 2, 4, 8, 16].map(|subchains| run(&profile(), &short(subchains, 0))).to_vec();
    for pair in points.windows(2) {
        let ratio = pair[1].items_per_s / pair[0].items_per_s;
        assert!((1.95..=2.05).contains(&ratio), "{pair:?}");
    }
    assert!(points.iter().all(|point| point.relay_cpu < 0.05), "{points:?}");
}

#[test]
fn cross_chain_work_alone_fills_the_relay_and_then_more_subchains_do_not_help() {
    let points: Vec<Point> = [4, 16, 64].map(|subchains| run(&profile(), &short(subchains, 100))).to_vec();
    assert!(points[2].is_full(), "{points:?}");
    assert!(points[2].proposals_per_s <= points[1].proposals_per_s * 1.05, "{points:?}");
    let relay_us: f64 = 2.0 * 150.0 + 4.0 * 60.0;
    assert!(points.iter().all(|point| point.proposals_per_s <= 1e6 / relay_us), "{points:?}");
    assert!(points.iter().all(|point| point.relay_cpu <= 1.02), "{points:?}");
}

#[test]
fn a_cheaper_proposal_moves_the_point_and_a_second_core_gives_rest() {
    let now = run(&profile(), &short(16, 100));
    let mut cheaper = profile();
    cheaper.relay.proposal_admit /= 2.0;
    cheaper.relay.proposal_execute /= 2.0;
    cheaper.relay.message_execute /= 2.0;
    let halved = run(&cheaper, &short(16, 100));
    assert!(halved.proposals_per_s > now.proposals_per_s * 1.2, "{now:?} {halved:?}");
    // Blocks are executed one after the other: a second core gives the relay rest, and little throughput.
    let two_cores = run(&profile(), &Plan { relay_cores: 2.0, ..short(16, 100) });
    assert!(two_cores.proposals_per_s >= now.proposals_per_s * 0.98, "{now:?} {two_cores:?}");
    assert!(two_cores.relay_cpu < now.relay_cpu * 0.7, "{now:?} {two_cores:?}");
}

#[test]
fn the_same_plan_gives_the_same_point() {
    assert_eq!(run(&profile(), &short(4, 50)), run(&profile(), &short(4, 50)));
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
