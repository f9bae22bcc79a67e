//! What must be true once the faults are over: everything submitted is ordered or refused, what was ordered ends, every
//! honest chain goes on, every replica catches up, and what replicas accepted is final or told to be dropped.
//!
//! Whether a chain goes on is seen by a probe: a transaction of its own on every honest chain, and a proposal over two
//! honest subchains, which must commit. Their keys are their own, so that no lock of others is in their way. A probe that
//! came to nothing is drawn up anew, another one every few seconds, as clients do.

use super::books;
use super::chronicle::SharedChronicle;
use super::submitted::{Submitted, another, final_code, transaction_id};
use crate::failure::Contradiction;
use crate::fixture::{FixtureKind, LegDraft, Member, Network};
use crate::world::{ChainIndex, ProcessId, World};
use ledger_protocol::chain::Input;
use ledger_protocol::codec::{BoundedBytes, Text};
use ledger_protocol::interchain::DecisionVerdict;
use ledger_protocol::transaction::{Choice, Expectation, Operation, SetKey};
use ledger_protocol::{ChainId, Code, Hash, Height, ProposalId};
use std::collections::{BTreeMap, BTreeSet};

/// How long a probe's client waits before it draws up another one.
const AGAIN_MS: u64 = 4_000;
/// Blocks of the relay in which the legs of a probe may vote: long, for a bad network.
const T_PREP: u32 = 400;
/// A network that loses a third of everything makes a block in ten seconds, and a validator that was absent has no turn
/// for a while. What waits in its pool is late when the chain has made so many blocks since.
const LATE_AFTER_BLOCKS: u64 = 40;
/// Which keys the probes write.
const PROBE: &str = "probe";
const PROBE_PROPOSAL: &str = "probe of a proposal";

/// What is not as it must be, with the property that says so.
pub(super) type Open = Result<(), (&'static str, Contradiction)>;

/// A transaction of one chain that must become final.
#[derive(Debug)]
struct Probe {
    member: Member,
    tried: Vec<Hash>,
    next_ms: u64,
    /// The code of the last one that is final.
    last: Option<Code>,
}

/// A proposal that must commit.
#[derive(Debug)]
struct ProposalProbe {
    positions: (usize, usize),
    id: Option<ProposalId>,
    next_ms: u64,
    drawn: u64,
    committed: bool,
}

/// What is still asked of a trial whose faults are over.
#[derive(Debug)]
pub(super) struct Closing {
    bad: BTreeSet<ChainId>,
    probes: Vec<Probe>,
    proposal: Option<ProposalProbe>,
    /// The probes among the proposals, apart from the trial's work.
    probed: Submitted,
    /// Of the trial's work, what is not over, and what of it is neither ordered nor refused.
    left: Vec<ProposalId>,
    unordered: Vec<ProposalId>,
    /// The heights that every replica must reach: those of the end of the faults, and then those of the end of all else.
    targets: BTreeMap<ChainIndex, Height>,
    is_last_target: bool,
    settle_ms: u64,
    /// When everything must be so: `settle_ms` after the faults, and for the last heights as long after all else.
    limit_ms: u64,
    probes_in_all: usize,
    replicas: usize,
}

/// The honest chains of a network, with where their replicas run.
fn honest(world: &World, network: &Network) -> Vec<Member> {
    let subchains = (0..network.subchains.len()).map(Member::Subchain);
    let all = std::iter::once(Member::Relay).chain(subchains);
    all.filter(|member| !world.blamed().is_bad_chain(network.index(*member))).collect()
}

impl Closing {
    pub(super) fn new(world: &World, network: &Network, submitted: &Submitted, settle_ms: u64) -> Self {
        let members = honest(world, network);
        let subchains: Vec<usize> = members
            .iter()
            .filter_map(|member| match member {
                Member::Relay => None,
                Member::Subchain(position) => Some(*position),
            })
            .collect();
        let proposal = match subchains.as_slice() {
            [first, .., last] => Some((*first, *last)),
            _ => None,
        };
        let probe = |member: &Member| Probe { member: *member, tried: Vec::new(), next_ms: 0, last: None };
        let probes: Vec<Probe> = members.iter().map(probe).collect();
        Self {
            bad: world.blamed().bad_chains().collect(),
            probes_in_all: probes.len() + usize::from(proposal.is_some()),
            probes,
            proposal: proposal.map(|positions| ProposalProbe {
                positions,
                id: None,
                next_ms: 0,
                drawn: 0,
                committed: false,
            }),
            probed: Submitted::default(),
            left: submitted.ids().to_vec(),
            unordered: Vec::new(),
            targets: heights(world, network),
            is_last_target: false,
            settle_ms,
            limit_ms: world.now_ms() + settle_ms,
            replicas: 0,
        }
    }

    /// Clients do what is due.
    pub(super) fn advance(
        &mut self,
        world: &mut World,
        network: &mut Network,
        submitted: &mut Submitted,
        chronicle: &SharedChronicle,
    ) {
        self.unordered = submitted.insist(world, network, chronicle);
        let bad = &self.bad;
        self.left.retain(|id| !books::is_over(world, network, id, bad));
        self.probes.retain_mut(|probe| !probe.advance(world, network));
        self.probed.insist(world, network, chronicle);
        if let Some(probe) = &mut self.proposal {
            probe.advance(world, network, &mut self.probed);
        }
    }

    /// What is not as it must be, the most telling first; only properties that are asked for. A Submit may still wait in
    /// a pool, and be ordered when all others are over.
    pub(super) fn check(&mut self, world: &World, network: &Network, asks: impl Fn(&str) -> bool) -> Open {
        let (settle_ms, is_late) = (self.settle_ms, self.is_late(world));
        asked(self.everybody_catches_up(world, network), &asks)?;
        asked(self.proposals_end(world, network, settle_ms), &asks)?;
        asked(self.chains_go_on(world, network, settle_ms), &asks)?;
        asked(nothing_is_owed(world, is_late), &asks)?;
        if !self.is_last_target {
            self.is_last_target = true;
            self.limit_ms = world.now_ms() + settle_ms;
            self.targets = heights(world, network);
            asked(self.everybody_catches_up(world, network), &asks)?;
        }
        Ok(())
    }

    /// Whether the time is over.
    pub(super) const fn is_late(&self, world: &World) -> bool {
        world.now_ms() >= self.limit_ms
    }

    fn proposals_end(&self, world: &World, network: &Network, settle_ms: u64) -> Open {
        const NAME: &str = "A5 liveness after faults";
        let open: Vec<&ProposalId> = self.left.iter().filter(|id| network.proposal(world, id).is_some()).collect();
        if let Some(first) = open.first() {
            let promised = format!("every ordered proposal is over within {settle_ms} ms after the last fault");
            let found = format!("{} are not, the first is {first}", open.len());
            return Err((NAME, Contradiction::new(promised, found)));
        }
        let Some(first) = self.unordered.first() else { return Ok(()) };
        let promised = format!(
            "what its client submits again is ordered, or refused with a code, within {settle_ms} ms after the last fault"
        );
        let found = format!("{} proposals are neither, the first is {first}", self.unordered.len());
        Err((NAME, Contradiction::new(promised, found)))
    }

    fn chains_go_on(&self, world: &World, network: &Network, settle_ms: u64) -> Open {
        const NAME: &str = "every chain goes on";
        if let Some(probe) = self.probes.first() {
            let index = network.index(probe.member);
            let promised = format!(
                "a transaction that is submitted to chain {} after the last fault is final within {settle_ms} ms",
                index.0
            );
            let height = world.best_height(index);
            let last = probe.last.map_or_else(|| "none is final".to_owned(), |code| format!("the last ended {code}"));
            let found = format!("of {} such transactions {last}; the chain is at height {height}", probe.tried.len());
            return Err((NAME, Contradiction::new(promised, found)));
        }
        let Some(probe) = self.proposal.as_ref().filter(|probe| !probe.committed) else { return Ok(()) };
        let promised = format!(
            "a proposal over subchains {} and {} that is submitted after the last fault commits within {settle_ms} ms",
            probe.positions.0, probe.positions.1
        );
        let record = probe.id.and_then(|id| network.proposal(world, &id));
        let state = record.map_or("not ordered", |record| record.state.name());
        let refused = probe.id.and_then(|id| self.probed.refused().get(&id));
        let refused = refused.map_or_else(String::new, |code| format!(", refused with {code}"));
        let found = format!("{} were submitted, the last is {state}{refused}", probe.drawn);
        Err((NAME, Contradiction::new(promised, found)))
    }

    fn everybody_catches_up(&mut self, world: &World, network: &Network) -> Open {
        let mut asked = 0;
        for member in honest(world, network) {
            let index = network.index(member);
            let Some(target) = self.targets.get(&index).copied() else { continue };
            for process in honest_seats(world, index) {
                asked += 1;
                let height = world.height(process, index);
                if height < Some(target) {
                    let promised = format!("every honest replica of chain {} reaches height {target}", index.0);
                    let found = height.map_or_else(
                        || format!("{process} does not run its replica"),
                        |height| format!("{process} stays at height {height}"),
                    );
                    return Err(("every replica catches up", Contradiction::new(promised, found)));
                }
            }
        }
        self.replicas = asked;
        Ok(())
    }

    /// What was asked, a line per question.
    pub(super) fn report(&self, world: &World, submitted: &Submitted) -> Vec<String> {
        let (accepted, told) = world.accepted_of_clients();
        vec![
            format!(
                "A5 liveness after faults: {} proposals, {} refused, {} submitted again",
                submitted.ids().len(),
                submitted.refused().len(),
                submitted.again()
            ),
            format!("every chain goes on: {} probes", self.probes_in_all),
            format!("every replica catches up: {} replicas", self.replicas),
            format!("accepted work is final or told dropped: {accepted} inputs accepted, {told} told dropped"),
        ]
    }
}

/// What nobody asks for is as it must be.
pub(super) fn asked(open: Open, asks: impl Fn(&str) -> bool) -> Open {
    match open {
        Err((name, _)) if !asks(name) => Ok(()),
        open => open,
    }
}

fn honest_seats(world: &World, index: ChainIndex) -> impl Iterator<Item = ProcessId> {
    let seats = world.seats(index).into_iter();
    seats.filter(move |process| !world.blamed().is_bad_seat(*process, index))
}

fn heights(world: &World, network: &Network) -> BTreeMap<ChainIndex, Height> {
    let indexes = honest(world, network).into_iter().map(|member| network.index(member));
    indexes.map(|index| (index, world.best_height(index))).collect()
}

/// Before the time is over nothing may be owed; then what waits in a pool of a chain that is that slow is waited for no
/// longer. What is in no pool any more is owed all the same.
fn nothing_is_owed(world: &World, is_late: bool) -> Open {
    let mut owed = world.owed();
    owed.retain(|owed| {
        let blocks = world.best_height(owed.chain).0.saturating_sub(owed.accepted_at.0);
        !is_late || !owed.waits || blocks >= LATE_AFTER_BLOCKS
    });
    // Another replica may have published it already.
    let is_final = |chain, input| final_code(world, chain, input).is_some();
    let Some(first) = owed.iter().find(|owed| !is_final(owed.chain, &owed.input)) else { return Ok(()) };
    let promised = format!(
        "{} accepted input {} of chain {} at {} ms and has been up since: it is final or its client is told",
        first.process, first.input, first.chain.0, first.accepted_at_ms
    );
    let place = if first.waits { "it waits in its pool" } else { "it is in no block and in no pool" };
    let found = format!("{place}, and nobody was told; {} are owed in all", owed.len());
    Err(("accepted work is final or told dropped", Contradiction::new(promised, found)))
}

impl Probe {
    /// Draws up another one if it is time; whether one is final.
    fn advance(&mut self, world: &mut World, network: &mut Network) -> bool {
        let index = network.index(self.member);
        let codes: Vec<Code> = self.tried.iter().filter_map(|id| final_code(world, index, id)).collect();
        self.last = codes.last().copied();
        // A transaction of the relay that is nothing but work fails there, and is final.
        if codes.iter().any(|code| *code == Code::OK || self.member == Member::Relay) {
            return true;
        }
        if world.now_ms() < self.next_ms {
            return false;
        }
        self.next_ms = world.now_ms() + AGAIN_MS;
        let Some(input) = draft(world, network, self.member) else { return false };
        let Some(process) = another(world, index, self.tried.len()) else { return false };
        self.tried.push(transaction_id(&input));
        world.submit_to(process, index, input);
        false
    }
}

fn draft(world: &World, network: &mut Network, member: Member) -> Option<Input> {
    let Member::Subchain(position) = member else { return Some(network.draft_tick(world)) };
    let set = SetKey {
        account: Text::new(FixtureKind::Records.account()).ok()?,
        key: BoundedBytes::new(PROBE.as_bytes()).ok()?,
        value: BoundedBytes::new(format!("at {}", world.now_ms()).as_bytes()).ok()?,
        expected: Expectation::Any,
    };
    Some(network.draft_local(world, position, vec![Operation::SetKey(set)]))
}

impl ProposalProbe {
    /// Draws up another one if the last one came to nothing.
    fn advance(&mut self, world: &mut World, network: &mut Network, probed: &mut Submitted) {
        if self.committed || world.now_ms() < self.next_ms {
            return;
        }
        if let Some(id) = self.id {
            let record = network.proposal(world, &id);
            let is_over = record.as_ref().is_some_and(|record| record.state.is_terminal());
            let commits =
                record.is_some_and(|record| matches!(record.decision, Choice::Some(DecisionVerdict::Commit { .. })));
            if is_over && commits {
                self.committed = true;
                return;
            }
            if !is_over && !probed.refused().contains_key(&id) {
                return;
            }
        }
        self.next_ms = world.now_ms() + AGAIN_MS;
        self.drawn += 1;
        let writes = vec![(PROBE_PROPOSAL.to_owned(), format!("at {}", world.now_ms()))];
        let draft = LegDraft { writes, ..LegDraft::default() };
        let legs = [(self.positions.0, draft.clone()), (self.positions.1, draft)];
        let valid_until = network.relay_height(world).saturating_add(1_500);
        let (id, input) = network.draft_until(world, &legs, T_PREP, valid_until);
        self.id = Some(id);
        probed.submit(world, network, id, input);
    }
}
