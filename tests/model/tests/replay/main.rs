//! Random walks through the model, replayed message by message against the real state machines.
//!
//! Every action of a walk is carried out on the coordinator or a participant, over a store in memory; after each one
//! the relay's states, the closed legs, the legs' records, the counters and everything emitted must be the model's.
//! A side that falls back gets the state of an earlier moment back, and is re-anchored by the real functions: see
//! `real/fallen_subchain.rs` and `real/fallen_relay.rs`.
//! Left out: pruning, Cancel before Submit, NOTIFY legs, implicit counters, and local transactions other than amounts.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, missing_docs, unreachable_pub)]
// A test may say how far it went and ask how long it should run.
#![allow(clippy::print_stdout, clippy::disallowed_methods)]

#[path = "../../../../relay/tests/proposals/fixture.rs"]
mod fixture;
mod real;
#[path = "../../../../ledger-protocol/tests/client/synthetic.rs"]
mod synthetic;

use proposal_model::model::{A, CD, CG, Cfg, Kind, LK, M, Mode, Prune, St};
use real::{Real, Tally};

/// Walks in all; `CROSSTIE_WALKS` sets another number.
fn walks() -> u64 {
    std::env::var("CROSSTIE_WALKS").ok().and_then(|text| text.parse().ok()).unwrap_or(10_000)
}

/// From so many walks on, every shard must have come to everything that there is to try.
const THOROUGH: u64 = 10_000;

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
        specified && plain && amounts && apart && !cfg.s_refused_emits && cfg.byz.is_none()
    };
    let mut fitting: Vec<Cfg> = proposal_model::all().into_iter().filter(fits).collect();
    for cfg in &mut fitting {
        (cfg.prune, cfg.rprune, cfg.resubmit) = (Prune::No, false, false);
        // The list as ADR 0012 has it.
        cfg.reanchor_told = cfg.rollback_s;
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

/// Whether a chain holds something LOCKED, of a proposal with COMMIT if that is asked for.
fn holds_locks(model: &M, state: &St, chain: usize, with_commit: bool) -> bool {
    (0..model.c.props.len()).filter(|p| !with_commit || matches!(state.r[*p].st, CG | CD)).any(|p| {
        let legs = model.c.props[p].legs.iter().zip(&state.st[p]);
        legs.into_iter().any(|(leg, there)| leg.c == chain && *there == LK)
    })
}

/// Whether walks that take this action often would get nowhere. Every other walk is patient: the chain that is to fall
/// back is frozen only when it is to apply what it holds.
fn is_dull(model: &M, state: &St, action: A, is_patient: bool) -> bool {
    let forgets = |c: u8| holds_locks(model, state, c as usize, is_patient);
    match action {
        A::Tick | A::Cancel(_) => true,
        A::Freeze(c) => !(model.c.rollback_s && forgets(c)),
        A::RollS(c) => !forgets(c),
        A::Dec(p, g, true) if is_patient && model.c.rollback_s && !state.rolled => {
            model.c.freeze == Some(model.c.props[p as usize].legs[g as usize].c)
        }
        A::RollR(_) => model.c.rollback_r == 3 && !has_to_lose(state),
        A::Thaw(_) => model.c.rollback_s && !state.rolled,
        _ => false,
    }
}

/// Whether the relay would lose something about what some chain holds LOCKED.
fn has_to_lose(state: &St) -> bool {
    let kept = state.kept.as_ref().map(|kept| &kept.0);
    kept.is_some_and(|kept| (0..kept.len()).any(|p| kept[p] != state.r[p] && state.st[p].contains(&LK)))
}

/// The actions of a walk, said also when a machine refuses one.
struct Trace(Vec<A>);

impl Drop for Trace {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("after {:?}", self.0);
        }
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
    let mut tallies = std::collections::BTreeMap::new();
    let (mut steps, mut endings) = (0u64, std::collections::BTreeMap::<u8, u64>::new());
    for walk in (0..walks()).skip(shard).step_by(SHARDS) {
        // A shard sees every scenario.
        let at = walk as usize / SHARDS % scenarios.len();
        let model = M { c: scenarios[at].clone() };
        let mut dice = Dice(walk.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0xC0FFEE);
        let (mut real, mut state) = (fresh[at].clone(), model.start());
        let actions = model.actions();
        let is_patient = dice.roll(2) == 0;
        let may_fall = model.c.rollback_s || model.c.rollback_r != 0;
        let mut trace = Trace(Vec::new());
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
            // Blocks, cancels and freezes come seldom, so that walks get somewhere; a chain that is to forget something
            // is frozen when it has something to forget.
            let mut choice = dice.roll(possible.len());
            for _ in 0..if may_fall { 12 } else { 4 } {
                if is_dull(&model, &state, possible[choice].0, is_patient) {
                    choice = dice.roll(possible.len());
                }
            }
            // What makes something fall back can wait.
            let can_wait = matches!(possible[choice].0, A::Freeze(_) | A::RollS(_) | A::RollR(_));
            if may_fall && can_wait && is_dull(&model, &state, possible[choice].0, is_patient) {
                choice = possible.iter().position(|(action, _)| *action == A::Tick).unwrap_or(choice);
            }
            let (action, next) = possible[choice].clone();
            trace.0.push(action);
            // What was asked for comes at some time.
            if may_fall && dice.roll(4) == 0 {
                real.catch_up(state.h);
            }
            real.act(&model, &state, action);
            state = next;
            steps += 1;
            if let Err(difference) = real.compare(&model, &state) {
                panic!(
                    "{}, walk {walk}: {difference}\nmodel: {}\nafter {:?}",
                    model.c.name,
                    model.show(&state),
                    trace.0
                );
            }
        }
        if may_fall {
            real.settle(state.h);
            if let Err(difference) = real.compare(&model, &state) {
                panic!("{}, walk {walk}, at its end: {difference}\nafter {:?}", model.c.name, trace.0);
            }
            let tally: &mut Tally = tallies.entry(model.c.name).or_default();
            tally.add(&real.tally);
        }
        for proposal in &state.r[..model.c.props.len()] {
            *endings.entry(proposal.st).or_default() += 1;
        }
    }
    // Committed, aborted and rejected ones must all be among them.
    assert!([5, 6, 7].iter().all(|ending| endings.contains_key(ending)), "{endings:?}");
    for (name, tally) in tallies {
        let cfg = scenarios.iter().find(|it| it.name == name).unwrap();
        assert!(walks() < THOROUGH || tally.was_tried(cfg), "{name}: {tally:?}");
        println!("{name}: {tally:?}");
    }
    println!(
        "shard {shard} of {} walks over {} scenarios, {steps} steps, endings {endings:?}",
        walks(),
        scenarios.len()
    );
}
