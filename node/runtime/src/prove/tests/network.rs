#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]
//! A relay with two subchains in virtual time, and provers over their stores.

use crate::prove::Prover;
use chain_engine::ChainReader;
use chain_state::{MemoryStore, Place};
use ledger_protocol::chain::{Checkpoint, ValidatorSet};
use ledger_protocol::codec::{BoundedBytes, Text};
use ledger_protocol::interchain::Motion;
use ledger_protocol::proof::{Bundle, VerifiedBundle};
use ledger_protocol::suite::SecretKey;
use ledger_protocol::transaction::{Expectation, Operation, SetKey, StateKey, ValidatorChange};
use ledger_protocol::{ChainId, Height, ProposalId, Suite};
use simulator::fixture::{
    BUSINESS_LEDGER, FixtureKind, LegDraft, Network, NetworkPlan, SubchainPlan, motion_transaction,
};
use simulator::world::ChainIndex;
use simulator::{Seed, World, WorldConfig};

pub(super) fn ok<T>(result: Result<T, Box<simulator::Failure>>) -> T {
    result.unwrap_or_else(|failure| panic!("{failure}"))
}

pub(super) const BANK: [Suite; 3] = [Suite::Standard, Suite::Guomi, Suite::Standard];

/// A registered network.
pub(super) struct Scene {
    pub(super) world: World,
    pub(super) network: Network,
    nonce: u64,
}

impl Scene {
    pub(super) fn new(scenario: &str, suites: [Suite; 3]) -> Self {
        let [relay_suite, first, second] = suites;
        let mut world = World::new(Seed(1), WorldConfig { is_test: false, ..WorldConfig::smooth(scenario) });
        let plan = NetworkPlan {
            relay_suite,
            ..NetworkPlan::new(vec![SubchainPlan::new("amber", first), SubchainPlan::new("basalt", second)])
        };
        let mut network = Network::build(&mut world, &plan);
        ok(network.register(&mut world));
        Self { world, network, nonce: 7 }
    }

    pub(super) fn propose(&mut self, legs: &[(usize, LegDraft)], t_prep: u32) -> ProposalId {
        self.network.propose(&mut self.world, legs, t_prep)
    }

    /// Runs until a proposal is over.
    pub(super) fn finish(&mut self, id: ProposalId) {
        let network = &self.network;
        ok(self.world.run_until(|world| network.is_over(world, &id), 180_000));
    }

    /// Runs until the relay has rejected something.
    pub(super) fn run_to_rejection(&mut self, condition: impl Fn(&Network, &World) -> bool) {
        let network = &self.network;
        ok(self.world.run_until(|world| condition(network, world), 60_000));
    }

    pub(super) fn run_for(&mut self, span_ms: u64) {
        ok(self.world.run_for(span_ms));
    }

    /// Local operations of a subchain's clerk, final when this returns.
    pub(super) fn local(&mut self, position: usize, operations: Vec<Operation>) {
        let index = self.network.subchains[position].index;
        let before = self.world.final_inputs(index);
        self.network.local(&mut self.world, position, operations);
        ok(self.world.run_until(|world| world.final_inputs(index) > before, 60_000));
    }

    pub(super) fn relay(&self) -> Shown<'_> {
        Shown::new(&self.world, self.network.relay, self.network.relay_id)
    }

    pub(super) fn subchain(&self, position: usize) -> Shown<'_> {
        let subchain = &self.network.subchains[position];
        Shown::new(&self.world, subchain.index, subchain.id)
    }

    /// Motions of the consortium, all at once.
    pub(super) fn pass(&mut self, motions: Vec<Motion>) {
        self.nonce += 1;
        let members: Vec<&SecretKey> = self.network.members.iter().collect();
        let soon = self.network.relay_height(&self.world).saturating_add(1_000);
        let input = motion_transaction(self.network.relay_id, &members, motions, soon, self.nonce);
        self.world.submit(self.network.relay, input);
    }

    /// Gives the first validator of a chain more power, soon; returns when the chain has handed off.
    pub(super) fn hand_off(&mut self, index: ChainIndex, id: ChainId, members: &[&SecretKey]) -> Height {
        let (set, height) = {
            let tip = Shown::new(&self.world, index, id).chain().tip().unwrap().unwrap();
            (tip.next_validators, tip.header.height)
        };
        let mut validators = set.validators().to_vec();
        validators[0].power += 1;
        let change = ValidatorChange {
            effective_at: height.saturating_add(20),
            validators: ValidatorSet::new(id.suite, validators).unwrap(),
        };
        self.nonce += 1;
        let motions = vec![Motion::SetValidators(change)];
        let input = motion_transaction(id, members, motions, height.saturating_add(1_000), self.nonce);
        self.world.submit(index, input);
        let handed = |world: &World| Shown::new(world, index, id).handoffs_above(height).first().copied();
        ok(self.world.run_until(|world| handed(world).is_some(), 300_000));
        handed(&self.world).unwrap()
    }
}

/// A transfer between the two subchains' balances, noted in both.
pub(super) fn transfer(number: u64, amount: i64) -> Vec<(usize, LegDraft)> {
    let draft = |delta: i64| LegDraft {
        writes: vec![(format!("transfer/{number}"), format!("{delta}"))],
        deltas: vec![("balance".into(), delta)],
        ..LegDraft::default()
    };
    vec![(0, draft(-amount)), (1, draft(amount))]
}

/// The store of a chain's best replica.
#[derive(Clone, Copy)]
pub(super) struct Shown<'a> {
    pub(super) store: &'a MemoryStore,
    pub(super) id: ChainId,
}

impl<'a> Shown<'a> {
    fn new(world: &'a World, index: ChainIndex, id: ChainId) -> Self {
        Self { store: world.best_store(index).unwrap(), id }
    }

    pub(super) fn chain(&self) -> ChainReader<'a> {
        ChainReader::new(self.store, self.id.suite)
    }

    pub(super) fn tip(&self) -> Height {
        self.chain().tip().unwrap().unwrap().header.height
    }

    pub(super) fn handoffs_above(&self, height: Height) -> Vec<Height> {
        self.chain().handoffs(height, self.tip(), 100).unwrap()
    }

    pub(super) fn checkpoint(&self, height: Height) -> Checkpoint {
        let kind = self.chain().certificate(Height(1)).unwrap().unwrap().kind;
        Checkpoint::at(&self.chain().header(height).unwrap().unwrap(), kind)
    }

    pub(super) fn prover(&self, checkpoint: Height) -> Prover<'a> {
        Prover::new(self.store, self.checkpoint(checkpoint)).unwrap()
    }

    /// A bundle from a checkpoint, read back from its file and verified; with the file's size.
    pub(super) fn bundle(&self, id: ProposalId, checkpoint: Height) -> (VerifiedBundle, usize) {
        let bundle = self.prover(checkpoint).bundle(id).unwrap();
        let file = bundle.to_file();
        let read = Bundle::from_file(&file).unwrap();
        assert_eq!(read, bundle);
        let verified = read.verify(&self.checkpoint(checkpoint)).unwrap_or_else(|error| {
            panic!("bundle of {id} from checkpoint {checkpoint}: {error}");
        });
        assert_eq!(verified.id, id);
        (verified, file.len())
    }
}

/// Where a key of the business ledger stands.
pub(super) fn place(key: &str) -> Place {
    let account = Text::new(FixtureKind::Records.account()).unwrap();
    Place::new(BUSINESS_LEDGER, &account, &StateKey::new(key.as_bytes()).unwrap())
}

/// Writes it, whatever is there.
pub(super) fn set(key: &str, value: &str) -> Operation {
    let Place { account, key, .. } = place(key);
    let value = BoundedBytes::new(value.as_bytes()).unwrap();
    Operation::SetKey(SetKey { account, key, value, expected: Expectation::Any })
}
