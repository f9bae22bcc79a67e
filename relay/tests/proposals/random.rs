//! A1–A6 on random schedules: proposals over three chains with overlapping scopes, lanes that come late or not,
//! cancels, pauses, freezes, local transactions and tiny blocks. At the end nothing is left anywhere.

use super::fixture::*;
use super::world::*;
use ledger_protocol::chain::Input;
use ledger_protocol::codec::encode;
use ledger_protocol::interchain::*;
use ledger_protocol::proposal::*;
use ledger_protocol::system::{ChainStatus, ProposalRecord, ProposalState};
use ledger_protocol::*;
use proptest::prelude::*;
use relay::coordinator::limits::{self, Flight, Load};
use std::collections::{BTreeMap, BTreeSet};
use subchain::participant::LegId;
use subchain::participant::table::LegState;

const CHAINS: usize = 3;

/// What the test remembers of an admitted proposal.
struct Known {
    submit: Submit,
    id: ProposalId,
    started_at: Option<Height>,
    decision: Option<DecisionVerdict>,
    finished: bool,
}

struct Run {
    world: World,
    limits: ChainLimits,
    known: Vec<Known>,
    /// By chain and counter: what it must hold.
    expected: BTreeMap<(usize, &'static str), i64>,
    applied: BTreeSet<(ProposalId, usize)>,
    locals: u64,
}

fn word(bits: u32, at: u32, range: u32) -> u32 {
    (bits >> at) % range
}

/// What makes a run differ from the plain one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Plain,
    /// Blocks that hold few changes.
    TinyBlocks,
    /// Every limit bites.
    TightLimits,
}

impl Run {
    fn new(kind: Kind) -> Self {
        let few = ChainLimits {
            max_in_flight: 4,
            max_queue_per_key: 5,
            max_in_flight_per_proposer: 4,
            window_blocks: 7,
            ..ChainLimits::default()
        };
        let tight = ChainLimits {
            max_in_flight_per_service: 3,
            max_begun: 5,
            max_begun_per_proposer: 4,
            max_bytes: 1_600,
            max_bytes_per_proposer: 1_500,
            max_key_blocks: 60,
            max_key_blocks_per_proposer: 50,
            max_queued_per_proposer: 4,
            max_queued_bytes_per_proposer: 2_500,
            max_kept_per_proposer: 10,
            max_kept_bytes_per_proposer: 8_000,
            max_silent: 1,
            max_vain: 2,
            ..few
        };
        let limits = if kind == Kind::TightLimits { tight } else { few };
        let changes = if kind == Kind::TinyBlocks { 64 } else { 40_000 };
        let setting = Setting {
            subchains: CHAINS,
            limits,
            relay_changes: changes,
            subchain_changes: changes,
            ..Setting::default()
        };
        let mut expected = BTreeMap::new();
        for chain in 0..CHAINS {
            expected.extend(COUNTERS.map(|counter| ((chain, counter), START_VALUE)));
        }
        let (known, applied) = (Vec::new(), BTreeSet::new());
        Self { world: World::with(setting), limits, known, expected, applied, locals: 0 }
    }

    fn leg(&self, chain: usize, bits: u32, value: &str) -> Leg {
        let id = self.world.id(chain);
        let amount = i64::from(word(bits, 8, 60)) - 30;
        let counter = COUNTERS[word(bits, 5, 3) as usize];
        let many: Vec<String> = (0..9).map(|number| format!("w{number}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        match word(bits, 0, 12) {
            0 => write(id, &["k0"], value),
            1 => write(id, &["k0", "k1"], value),
            2 => read(id, &["k0"]),
            3 => read(id, &["k0", counter]),
            4 => leg(id, LegMode::Read, vec![under("k")], Vec::new()),
            5 | 6 => transfer(id, &[(counter, amount)]),
            7 => transfer(id, &[("c0", amount), ("c1", -amount)]),
            8 => notify(id, &["k0"], value),
            9 => transfer(id, &[(counter, -5_000)]),
            10 => leg(id, LegMode::Write, vec![exclusive("k1")], vec![at(BOOK, set("k0", value))]),
            _ => write(id, &many, value),
        }
    }

    fn submit(&mut self, bits: u32, more: u32) {
        let mask = 1 + word(bits, 0, 7);
        let number = self.known.len();
        let legs: Vec<Leg> = (0..CHAINS)
            .filter(|chain| mask & (1 << chain) != 0)
            .map(|chain| self.leg(chain, (bits >> 3).rotate_right(7 * chain as u32) ^ more, &format!("p{number}")))
            .collect();
        let submit = self.world.proposal_for(8 + u64::from(word(more, 0, 20)), 3 + word(more, 5, 8), legs);
        let (id, input) = (submit.body.id(), self.world.submit_input(&submit));
        let execution = self.world.collect_with(&[], Vec::new(), vec![input]);
        if execution.receipts[0].codes[0].is_ok() {
            self.known.push(Known { submit, id, started_at: None, decision: None, finished: false });
        }
        self.after_relay_block();
    }

    fn relay_block(&mut self, from: &[usize], governance: Vec<Input>, clients: Vec<Input>) {
        self.world.collect_with(from, governance, clients);
        self.after_relay_block();
    }

    fn sub_block(&mut self, chain: usize, delivers: bool) {
        if delivers {
            self.world.step(chain);
        } else {
            self.world.subs[chain].block(Vec::new());
        }
        self.after_sub_block(chain);
    }

    fn local(&mut self, chain: usize, bits: u32) {
        self.locals += 1;
        let counter = COUNTERS[word(bits, 2, 3) as usize];
        let amount = i64::from(word(bits, 4, 40)) - 20;
        if word(bits, 0, 2) == 0 {
            if self.world.subs[chain].local(vec![add(counter, amount)]).is_ok() {
                *self.expected.get_mut(&(chain, counter)).unwrap() += amount;
            }
        } else {
            let value = format!("l{}", self.locals);
            self.world.subs[chain].local(vec![set("k0", &value)]);
        }
        self.after_sub_block(chain);
    }

    /// R2, R6, A3 and A5 as the relay's records show them.
    fn after_relay_block(&mut self) {
        let height = self.world.relay.archive.tip();
        for index in 0..self.known.len() {
            if self.known[index].finished {
                continue;
            }
            let id = self.known[index].id;
            let Some(record) = self.world.record(&id) else {
                let known = &mut self.known[index];
                assert!(height > known.submit.body.valid_until, "R2: pruned too early");
                assert!(known.decision.is_some(), "R2: pruned undecided");
                known.finished = true;
                continue;
            };
            match record.state {
                ProposalState::Queued => assert!(height <= record.valid_until, "A5: queued for ever"),
                ProposalState::Preparing => assert!(height <= record.deadline, "A5: undecided after its deadline"),
                _ => assert!(record.decision.as_option().is_some()),
            }
            let decision = record.decision.as_option().copied();
            if let Some(DecisionVerdict::Abort { code, .. }) = decision {
                assert_ne!(code, Code::CONFLICT, "R6: two proposals that the queue released met at a lock");
            }
            if let Some(before) = self.known[index].decision {
                assert_eq!(decision, Some(before), "R2, R3: a decision is written once");
            }
            self.known[index].decision = decision;
            if self.known[index].started_at.is_none() && record.started_at > Height(0) {
                self.known[index].started_at = Some(record.started_at);
                self.check_start(index);
            }
        }
        self.check_limits();
    }

    /// §7: what is counted is what the open proposals hold, to the byte, and never above a limit.
    fn check_limits(&self) {
        let limits = &self.limits;
        for chain in 0..CHAINS {
            let (mut flight, mut queued, mut kept) = (Flight::default(), Load::default(), Load::default());
            for known in self.known.iter().filter(|known| !known.finished) {
                let record = self.world.record(&known.id).unwrap();
                let legs = known.submit.body.legs.iter().zip(&known.submit.authorisations).zip(&record.legs);
                for ((leg, authorisations), status) in legs.filter(|((leg, _), _)| leg.chain == self.world.id(chain)) {
                    let bytes = (encode(leg).len() + encode(authorisations).len()) as u64;
                    kept = Load { legs: kept.legs + 1, bytes: kept.bytes + bytes };
                    if record.state == ProposalState::Queued {
                        queued = Load { legs: queued.legs + 1, bytes: queued.bytes + bytes };
                    }
                    if record.started_at > Height(0) && leg.mode.votes() && !is_closed(&record, status) {
                        flight.legs += 1;
                        flight.bytes += bytes;
                        flight.key_blocks += leg.scope.len() as u64 * u64::from(known.submit.body.t_prep);
                    }
                }
            }
            let (id, height) = (self.world.id(chain), self.world.relay.archive.tip());
            let of_chain = self.world.relay.read(|state| limits::chain_use(state, &id).unwrap());
            let of_alice = self.world.relay.read(|state| limits::proposer_use(state, &id, &who(ALICE)).unwrap());
            assert_eq!((of_chain.flight, of_chain.of_service(BOOK)), (flight, flight.legs), "§7 on chain {chain}");
            assert_eq!((of_alice.flight, of_alice.queued, of_alice.kept), (flight, queued, kept), "§7, the proposer");
            assert!(flight.legs <= limits.max_in_flight.min(limits.max_in_flight_per_service));
            assert!(flight.legs <= limits.max_in_flight_per_proposer);
            assert!(flight.bytes <= limits.max_bytes.min(limits.max_bytes_per_proposer));
            assert!(flight.key_blocks <= limits.max_key_blocks.min(limits.max_key_blocks_per_proposer));
            assert!(of_chain.begun.count_at(height) <= limits.max_begun);
            assert!(of_alice.begun.count_at(height) <= limits.max_begun_per_proposer);
            assert!(queued.legs <= limits.max_queued_per_proposer);
            assert!(queued.bytes <= limits.max_queued_bytes_per_proposer);
            assert!(kept.legs <= limits.max_kept_per_proposer && kept.bytes <= limits.max_kept_bytes_per_proposer);
        }
    }

    /// R6: whoever came before and is not compatible has closed its legs there.
    fn check_start(&self, index: usize) {
        let new = &self.known[index].submit.body.legs;
        for before in &self.known[..index] {
            let Some(record) = self.world.record(&before.id) else { continue };
            for (leg, status) in before.submit.body.legs.iter().zip(&record.legs) {
                let Some(mine) = new.find(&leg.chain) else { continue };
                let meet = leg.mode.votes()
                    && mine.mode.votes()
                    && leg.scope.iter().any(|theirs| mine.scope.iter().any(|own| !own.is_compatible_with(theirs)));
                if meet {
                    let is_over = record.state == ProposalState::Rejected || is_closed(&record, status);
                    assert!(is_over, "R6: {index} started before {:?} was over", record);
                }
            }
        }
    }

    /// A1, A2 and conservation as a subchain's records show them.
    fn after_sub_block(&mut self, chain: usize) {
        let id = self.world.id(chain);
        for known in &self.known {
            let (Some(started_at), Some(leg)) = (known.started_at, known.submit.body.legs.find(&id)) else { continue };
            let leg_id = LegId { id: known.id, started_at_on_relay: started_at };
            let record = self.world.subs[chain].read(|state| leg_id.record(state).unwrap());
            let Some(record) = record else { continue };
            let commits = matches!(known.decision, Some(DecisionVerdict::Commit { .. }));
            let aborts = matches!(known.decision, Some(DecisionVerdict::Abort { .. }));
            match record.state {
                LegState::Applied | LegState::Noted | LegState::Waiting => assert!(commits, "A1"),
                LegState::Released | LegState::Tombstone => assert!(aborts, "A1"),
                LegState::Refused => assert!(!commits, "A2"),
                LegState::Locked => {}
                LegState::Disputed => panic!("nobody re-anchored"),
            }
            if record.state == LegState::Applied && self.applied.insert((known.id, chain)) {
                for entry in &leg.scope {
                    if let AccessKind::Delta(amount) = entry.access {
                        let counter = COUNTERS.iter().find(|name| name.as_bytes() == &*entry.key.key).unwrap();
                        *self.expected.get_mut(&(chain, *counter)).unwrap() += amount;
                    }
                }
            }
        }
        for counter in COUNTERS {
            let value = self.world.subs[chain].counter(counter);
            assert_eq!(value, self.expected[&(chain, counter)], "conservation of {counter} on chain {chain}");
            assert!((0..=MAX_VALUE).contains(&value));
        }
    }

    fn step(&mut self, kind: u8, bits: u32, more: u32) {
        let chain = word(bits, 0, CHAINS as u32) as usize;
        let some: Vec<usize> = (0..CHAINS).filter(|index| word(bits, 4 + *index as u32, 2) == 1).collect();
        match kind {
            0..=8 => self.submit(bits, more),
            9..=14 => self.relay_block(&some, Vec::new(), Vec::new()),
            15..=24 => self.sub_block(chain, word(bits, 8, 4) > 0),
            25..=27 => self.local(chain, bits >> 2),
            28 | 29 if !self.known.is_empty() => {
                let id = self.known[bits as usize % self.known.len()].id;
                let cancel = self.world.cancel_input(id, ALICE);
                self.relay_block(&some, Vec::new(), vec![cancel]);
            }
            30 => {
                let until = Height(self.world.height() + 2 + u64::from(word(more, 0, 6)));
                let motion = Motion::Pause { chain: self.world.id(chain), until };
                let motion = self.world.motion_input(motion);
                self.relay_block(&[], vec![motion], Vec::new());
            }
            31 => {
                if self.world.chain_record(chain).status == ChainStatus::Frozen {
                    self.world.thaw(chain);
                } else {
                    let motion = self.world.motion_input(Motion::Freeze(self.world.id(chain)));
                    self.relay_block(&[], vec![motion], Vec::new());
                }
            }
            _ => self.relay_block(&[0, 1, 2], Vec::new(), Vec::new()),
        }
    }

    /// Everything is delivered from now on.
    fn settle(&mut self, before: &[BTreeMap<String, usize>]) {
        for chain in 0..CHAINS {
            if self.world.chain_record(chain).status == ChainStatus::Frozen {
                self.world.thaw(chain);
            }
        }
        for _ in 0..90 {
            for chain in 0..CHAINS {
                self.sub_block(chain, true);
            }
            self.relay_block(&[0, 1, 2], Vec::new(), Vec::new());
            if self.known.iter().all(|known| known.finished) && self.census() == before {
                break;
            }
        }
        for known in &self.known {
            assert!(known.finished, "A5: {:?}", self.world.record(&known.id));
            let commits = matches!(known.decision, Some(DecisionVerdict::Commit { .. }));
            for (leg, chain) in known
                .submit
                .body
                .legs
                .iter()
                .filter(|leg| leg.mode.votes())
                .map(|leg| (leg, (0..CHAINS).find(|index| self.world.id(*index) == leg.chain).unwrap()))
            {
                assert_eq!(self.applied.contains(&(known.id, chain)), commits, "A1 on {:?}", leg.chain);
            }
        }
        assert_eq!(self.census(), before, "something is left, or something is gone");
        for chain in 0..CHAINS {
            assert_eq!(self.world.in_flight(chain), 0);
            self.check_keys(chain);
        }
    }

    /// A key holds what a committed proposal or a local transaction wrote.
    fn check_keys(&self, chain: usize) {
        for name in ["k0", "k1"] {
            let Some(value) = self.world.subs[chain].value(name) else { continue };
            let Some(number) = value.strip_prefix('p') else { continue };
            let known = &self.known[number.parse::<usize>().unwrap()];
            assert!(matches!(known.decision, Some(DecisionVerdict::Commit { .. })), "A1: {name} holds {value}");
        }
    }

    fn census(&self) -> Vec<BTreeMap<String, usize>> {
        let mut of_relay = self.world.relay.census();
        for chain in 0..CHAINS {
            let id = self.world.id(chain);
            let of_alice = self.world.relay.read(|state| limits::proposer_use(state, &id, &who(ALICE)).unwrap());
            let is_memory =
                of_alice.back_off.level > 0 && (of_alice.flight, of_alice.queued, of_alice.kept) == Default::default();
            // What is left is the memory of a back-off, for thousands of blocks: one row, and when to forget it.
            for area in ["working:limits-proposer", "working:limits-reviews"].iter().filter(|_| is_memory) {
                let rows = of_relay.get_mut(*area).unwrap();
                *rows -= 1;
                of_relay.retain(|_, rows| *rows > 0);
            }
        }
        let mut all = vec![of_relay];
        all.extend(self.world.subs.iter().map(Chain::census));
        all
    }
}

fn is_closed(record: &ProposalRecord, status: &ledger_protocol::system::LegStatus) -> bool {
    use ledger_protocol::system::LegPhase;
    record.started_at > Height(0) && !matches!(status.phase, LegPhase::Waiting | LegPhase::VotedYes { .. })
}

/// Schedules per test; `CROSSTIE_SCHEDULES` sets another number.
#[allow(clippy::disallowed_methods)] // A test may ask how long it should run.
fn schedules() -> u32 {
    std::env::var("CROSSTIE_SCHEDULES").ok().and_then(|text| text.parse().ok()).unwrap_or(24)
}

fn schedule() -> impl Strategy<Value = Vec<(u8, u32, u32)>> {
    proptest::collection::vec((0..34u8, any::<u32>(), any::<u32>()), 20..110)
}

fn run(kind: Kind, steps: &[(u8, u32, u32)]) {
    let mut run = Run::new(kind);
    let before = run.census();
    for (kind, bits, more) in steps {
        run.step(*kind, *bits, *more);
    }
    run.settle(&before);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: schedules(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a1_to_a6_hold_on_random_schedules(steps in schedule()) {
        run(Kind::Plain, &steps);
    }

    #[test]
    fn a1_to_a6_hold_when_blocks_are_tiny(steps in schedule()) {
        run(Kind::TinyBlocks, &steps);
    }

    #[test]
    fn a1_to_a6_hold_when_every_limit_bites(steps in schedule()) {
        run(Kind::TightLimits, &steps);
    }
}
