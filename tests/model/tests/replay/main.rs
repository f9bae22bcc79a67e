//! Random walks through the model, replayed message by message against the real state machines.
//!
//! Every action of a walk is carried out on the coordinator or a participant, over a store in memory; after each one
//! the relay's states, the closed legs, the legs' records, the counters and everything emitted must be the model's.
//! Left out: pruning and re-anchoring, Cancel before Submit, NOTIFY legs, implicit counters, and local transactions
//! other than amounts.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, missing_docs, unreachable_pub)]
// A test may say how far it went and ask how long it should run.
#![allow(clippy::print_stdout, clippy::disallowed_methods)]

#[path = "../../../../relay/tests/proposals/fixture.rs"]
mod fixture;
mod real;
#[path = "../../../../ledger-protocol/tests/client/synthetic.rs"]
mod synthetic;

use proposal_model::model::{A, Cfg, Kind, M, Mode, Prune};
use real::Real;

/// Walks in all; `CROSSTIE_WALKS` sets another number.
fn walks() -> u64 {
    std::env::var("CROSSTIE_WALKS").ok().and_then(|text| text.parse().ok()).unwrap_or(10_000)
}

/// They are walked in so many tests, which run side by side.
const SHARDS: usize = 5;

/// The scenarios that can be replayed, without what is left out.
fn scenarios() -> Vec<Cfg> {
    let fits = |cfg: &Cfg| {
        let specified = !(cfg.name.starts_with("lit-") || cfg.name.starts_with("mut-"));
        let legs = cfg.props.iter().flat_map(|proposal| &proposal.legs);
        let plain = legs.clone().all(|leg| leg.mode == Mode::Vote && leg.acc.iter().all(|acc| acc.kind != Kind::I));
        let amounts = cfg.locals.iter().flat_map(|local| &local.acc).all(|acc| acc.kind == Kind::D);
        // One leg of a proposal per chain, as the protocol has it.
        let apart = cfg.props.iter().all(|proposal| {
            proposal.legs.iter().enumerate().all(|(at, leg)| proposal.legs[..at].iter().all(|other| other.c != leg.c))
        });
        specified
            && plain
            && amounts
            && apart
            && !cfg.s_refused_emits
            && cfg.byz.is_none()
            && !cfg.rollback_s
            && cfg.rollback_r == 0
    };
    let mut fitting: Vec<Cfg> = proposal_model::all().into_iter().filter(fits).collect();
    for cfg in &mut fitting {
        (cfg.prune, cfg.rprune, cfg.resubmit) = (Prune::No, false, false);
        if cfg.hmax == 0 {
            cfg.hmax = cfg.submit_by + cfg.vu + cfg.tp + 2;
        }
    }
    fitting
}

/// A small generator, so that a walk is its number.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) % sides as u64) as usize
    }
}

#[test]
fn walks_of_the_model_are_walks_of_the_machines_first_fifth() {
    walk_shard(0);
}

#[test]
fn walks_of_the_model_are_walks_of_the_machines_second_fifth() {
    walk_shard(1);
}

#[test]
fn walks_of_the_model_are_walks_of_the_machines_third_fifth() {
    walk_shard(2);
}

#[test]
fn walks_of_the_model_are_walks_of_the_machines_fourth_fifth() {
    walk_shard(3);
}

#[test]
fn walks_of_the_model_are_walks_of_the_machines_last_fifth() {
    walk_shard(4);
}

fn walk_shard(shard: usize) {
    let scenarios = scenarios();
    assert!(scenarios.len() >= 12, "{}", scenarios.len());
    let fresh: Vec<Real> = scenarios.iter().map(Real::new).collect();
    let (mut steps, mut endings) = (0u64, std::collections::BTreeMap::<u8, u64>::new());
    for walk in (0..walks()).skip(shard).step_by(SHARDS) {
        // Not the walk's remainder alone: a shard must see every scenario, also if their number is a multiple of five.
        let at = (walk as usize / SHARDS + walk as usize) % scenarios.len();
        let model = M { c: scenarios[at].clone() };
        let mut dice = Dice(walk.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0xC0FFEE);
        let (mut real, mut state) = (fresh[at].clone(), model.start());
        let actions = model.actions();
        let mut trace = Vec::new();
        loop {
            let possible: Vec<_> = actions
                .iter()
                .map(|(action, _)| *action)
                .filter(|action| !matches!(action, A::Cancel(p) if state.r[*p as usize].st == 0))
                .filter_map(|action| Some((action, model.next(&state, action)?)))
                .collect();
            if possible.is_empty() {
                break;
            }
            // Blocks, cancels and freezes come seldom, so that walks get somewhere.
            let mut choice = dice.roll(possible.len());
            for _ in 0..4 {
                if matches!(possible[choice].0, A::Tick | A::Cancel(_) | A::Freeze(_)) {
                    choice = dice.roll(possible.len());
                }
            }
            let (action, next) = possible[choice].clone();
            trace.push(action);
            real.act(&model, &state, action);
            state = next;
            steps += 1;
            if let Err(difference) = real.compare(&model, &state) {
                panic!("{}, walk {walk}: {difference}\nmodel: {}\nafter {trace:?}", model.c.name, model.show(&state));
            }
        }
        for proposal in &state.r[..model.c.props.len()] {
            *endings.entry(proposal.st).or_default() += 1;
        }
    }
    // Committed, aborted and rejected ones must all be among them.
    assert!([5, 6, 7].iter().all(|ending| endings.contains_key(ending)), "{endings:?}");
    println!(
        "shard {shard} of {} walks over {} scenarios, {steps} steps, endings {endings:?}",
        walks(),
        scenarios.len()
    );
}
