//! What the tests of properties are made of: records of one proposal over two chains, and the inputs of a real relay.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use crate::failure::Contradiction;
use crate::fixture::{LegDraft, Network, NetworkPlan, SubchainPlan};
use crate::random::Seed;
use crate::world::{World, WorldConfig};
use chain_engine::ChainReader;
use ledger_protocol::chain::Input;
use ledger_protocol::codec::Bounded;
use ledger_protocol::interchain::DecisionVerdict;
use ledger_protocol::proposal::LegMode;
use ledger_protocol::system::{ChainRecord, LegPhase, LegStatus, ProposalRecord, ProposalState};
use ledger_protocol::transaction::Choice;
use ledger_protocol::{Address, ChainId, Code, Hash, Height, ProposalId, Suite, SuiteHash};

pub(super) fn hash(number: u8) -> SuiteHash {
    Suite::Standard.foreign(Hash([number; 32]))
}

pub(super) fn chain(number: u8) -> ChainId {
    ChainId { suite: Suite::Standard, hash: Hash([number; 32]) }
}

pub(super) fn id() -> ProposalId {
    ProposalId(hash(9))
}

pub(super) const NOTHING_YET: LegPhase = LegPhase::Waiting;

pub(super) fn yes() -> LegPhase {
    LegPhase::VotedYes { message_hash: hash(1), write_set_root: hash(2) }
}

/// Of chains 1 and 2; began at 10, its deadline is 30, valid until 100, decided at 12.
pub(super) fn record(state: ProposalState, phases: [LegPhase; 2], decision: Choice<DecisionVerdict>) -> ProposalRecord {
    let status = |number: u8, phase| LegStatus { chain: chain(number), mode: LegMode::Write, phase };
    ProposalRecord {
        id: id(),
        proposer: Address { suite: Suite::Standard, hash: Hash([8; 32]) },
        state,
        submitted_at: Height(10),
        started_at: Height(10),
        deadline: Height(30),
        valid_until: Height(100),
        decision,
        decided_at: Height(12),
        legs: Bounded::new(vec![status(1, phases[0]), status(2, phases[1])]).unwrap(),
    }
}

pub(super) fn commit() -> Choice<DecisionVerdict> {
    Choice::Some(DecisionVerdict::Commit { votes_root: hash(3) })
}

pub(super) fn abort(code: Code) -> Choice<DecisionVerdict> {
    Choice::Some(DecisionVerdict::Abort { code, culprit: chain(1) })
}

/// The verdict is a contradiction, of this rule or with these first words.
pub(super) fn broken(verdict: Result<(), Contradiction>, rule: &str) {
    let contradiction = verdict.expect_err("the promise is broken");
    let named = contradiction.rule.unwrap_or(&contradiction.first);
    assert!(named.starts_with(rule), "{contradiction:?}");
}

/// A relay and two subchains of one validator each, after one committed proposal.
pub(super) fn network() -> (World, Network) {
    let mut world = World::new(Seed(1), WorldConfig::smooth("samples"));
    let subchain = |name| SubchainPlan { validators: 1, ..SubchainPlan::new(name, Suite::Standard) };
    let plan = NetworkPlan { relay_validators: 1, ..NetworkPlan::new(vec![subchain("amber"), subchain("birch")]) };
    let mut network = Network::build(&mut world, &plan);
    network.register(&mut world).unwrap();
    let move_by = |amount| LegDraft { deltas: vec![("balance".into(), amount)], ..LegDraft::default() };
    let id = network.propose(&mut world, &[(0, move_by(-1)), (1, move_by(1))], 50);
    world.run_until(|world| network.is_over(world, &id), 30_000).unwrap();
    (world, network)
}

/// The inputs of every block of the relay, oldest first.
pub(super) fn relay_inputs(world: &World, network: &Network) -> Vec<Vec<Input>> {
    let reader = ChainReader::new(world.best_store(network.relay).unwrap(), network.relay_id.suite);
    let heights = (1..=network.relay_height(world).0).map(Height);
    heights.map(|height| reader.block(height).unwrap().unwrap().inputs.into_vec()).collect()
}

/// The record of a subchain on its relay.
pub(super) fn chain_record(world: &World, network: &Network) -> ChainRecord {
    network.chain_record(world, 0).unwrap()
}
