//! A relay and its subchains: real machines, real Advances, one block at a time.
#![allow(dead_code, missing_docs, unreachable_pub)]

use super::fixture::*;
use super::synthetic::{START_MS, SyntheticChain};
use chain_ledger::motions::motion_id;
use chain_state::{Execution, Place};
use ledger_protocol::chain::{ChainRole, ControlledBy, Input, Parameters};
use ledger_protocol::codec::{Bounded, SortedVec, Text};
use ledger_protocol::interchain::*;
use ledger_protocol::proposal::{Cancel, Leg, Submit};
use ledger_protocol::system::{ChainRecord, ChainStatus, LegPhase, ProposalRecord, ProposalState, accounts, chain_key};
use ledger_protocol::transaction::*;
use ledger_protocol::*;
use relay::{RelayMachine, coordinator, registry};
use subchain::SubchainMachine;
use subchain::participant::table::LegState;
use subchain::participant::{LegId, LegRecord};

pub type Relay = Chain<RelayMachine>;
pub type Subchain = Chain<SubchainMachine>;

/// How a world differs from the plain one.
pub struct Setting {
    pub subchains: usize,
    pub limits: ChainLimits,
    /// What each chain says its heartbeat is: T_stale is six of them. By default nothing becomes stale.
    pub heartbeat_ms: u32,
    pub relay_changes: u32,
    pub subchain_changes: u32,
    pub access: ServiceAccess,
    pub demands_shared_control: bool,
}

impl Default for Setting {
    fn default() -> Self {
        Self {
            subchains: 2,
            // Short windows: what counts only by time is gone soon after everything else.
            limits: ChainLimits { window_blocks: 30, ..ChainLimits::default() },
            heartbeat_ms: 3_600_000,
            relay_changes: Parameters::relay().max_block_changes,
            subchain_changes: Parameters::subchain().max_block_changes,
            access: ServiceAccess::Members,
            demands_shared_control: false,
        }
    }
}

pub struct World {
    pub relay: Relay,
    pub subs: Vec<Subchain>,
    nonce: u64,
}

fn members() -> SigningPolicy {
    let member = |seed| PolicyMember { address: who(seed), weight: 1, organisation: Text::new("org").unwrap() };
    let members = SortedVec::from_unsorted([ALICE, BOB].map(member).to_vec()).unwrap();
    SigningPolicy { rule: SigningRule::AtLeast(1), members }
}

impl World {
    pub fn new(subchains: usize) -> Self {
        Self::with(Setting { subchains, ..Setting::default() })
    }

    pub fn with(setting: Setting) -> Self {
        let archive = SyntheticChain::new(Suite::Standard, 200);
        let role = ChainRole::Relay { members: members(), approvals: members(), accepts_dev_chains: false };
        let parameters = Parameters { max_block_changes: setting.relay_changes, ..Parameters::relay() };
        let genesis = empty_genesis(&archive, role, &parameters);
        let relay = Chain::new(RelayMachine, archive, &genesis);
        let parameters =
            Parameters { max_block_changes: setting.subchain_changes, heartbeat_ms: 100, ..Parameters::subchain() };
        let mut archives: Vec<_> =
            (0..setting.subchains).map(|n| SyntheticChain::new(Suite::Standard, n as u8 + 1)).collect();
        // Legs stand in the order of chains: so leg i of a proposal over the first chains is chain i's.
        archives.sort_by_key(|archive| archive.id);
        let subs: Vec<Subchain> = archives
            .into_iter()
            .map(|archive| {
                let genesis = subchain_genesis(&archive, &relay.archive, &parameters);
                Chain::new(SubchainMachine, archive, &genesis)
            })
            .collect();
        let mut world = Self { relay, subs, nonce: 0 };
        for index in 0..world.subs.len() {
            let registration = world.registration(index, &setting);
            let id = world.subs[index].id();
            assert_eq!(world.decide(Motion::Register(Box::new(registration))), Code::OK);
            assert_eq!(world.decide(Motion::Activate(id)), Code::OK);
        }
        // Everybody has seen everybody, and nothing waits.
        world.round();
        world
    }

    pub fn registration(&self, index: usize, setting: &Setting) -> Registration {
        let archive = &self.subs[index].archive;
        let message = registry::possession_sign_bytes(&self.relay.id(), &archive.id);
        let service = |ledger| ServicePolicy {
            chain: archive.id,
            ledger,
            access: setting.access.clone(),
            demands_shared_control: setting.demands_shared_control,
        };
        Registration {
            name: Text::new(format!("chain {index}")).unwrap(),
            header: archive.header(Height(0)).clone(),
            next_validators: archive.current.set.clone(),
            kind: archive.kind,
            heartbeat_ms: setting.heartbeat_ms,
            max_t_prep: 50,
            controlled_by: ControlledBy::SingleOrganisation,
            possessions: Bounded::new(archive.current.keys.iter().map(|key| key.sign(&message)).collect()).unwrap(),
            limits: setting.limits,
            services: Bounded::new(vec![service(BOOK)]).unwrap(),
        }
    }

    pub fn id(&self, index: usize) -> ChainId {
        self.subs[index].id()
    }

    pub fn height(&self) -> u64 {
        self.relay.tip()
    }

    pub fn next_nonce(&mut self) -> u64 {
        self.nonce += 1;
        self.nonce
    }

    /// A proposal by Alice, valid for 40 blocks, with 10 blocks to prepare.
    pub fn proposal(&mut self, legs: Vec<Leg>) -> Submit {
        self.proposal_for(40, 10, legs)
    }

    pub fn proposal_for(&mut self, valid_blocks: u64, t_prep: u32, legs: Vec<Leg>) -> Submit {
        let nonce = self.next_nonce();
        sign(body(self.relay.id(), nonce, self.height() + valid_blocks, t_prep, legs))
    }

    pub fn submit_input(&self, submit: &Submit) -> Input {
        transaction(self.relay.id(), ALICE, vec![at(SYSTEM, Operation::SubmitProposal(submit.clone()))])
    }

    pub fn cancel_input(&self, id: ProposalId, author: u8) -> Input {
        let cancel = Cancel { id, valid_until: Height(self.height() + 60) };
        transaction(self.relay.id(), author, vec![at(SYSTEM, Operation::CancelProposal(cancel))])
    }

    pub fn motion_input(&mut self, motion: Motion) -> Input {
        let proposal = MotionProposal {
            motion,
            reason: Text::new("test").unwrap(),
            valid_until: Height(self.height() + 5),
            nonce: self.next_nonce(),
        };
        let vote = MotionVote { motion: motion_id(self.relay.id().suite, &proposal), approve: true };
        let operations = vec![at(SYSTEM, Operation::ProposeMotion(proposal)), at(SYSTEM, Operation::VoteMotion(vote))];
        transaction(self.relay.id(), ALICE, operations)
    }

    /// Puts a motion through in a block of its own.
    pub fn decide(&mut self, motion: Motion) -> Code {
        let input = self.motion_input(motion);
        let Input::Transaction(transaction) = &input else { unreachable!() };
        let Operation::VoteMotion(vote) = transaction.body.operations[1].operation else { unreachable!() };
        assert_eq!(self.relay.codes(vec![input])[0][0], Code::OK);
        let record = self.relay.read(|state| chain_ledger::motions::record(state, &vote.motion).unwrap().unwrap());
        match record.state {
            chain_ledger::motions::MotionState::Failed(code) => code,
            _ => Code::OK,
        }
    }

    /// Submits in a block of its own.
    pub fn submit(&mut self, submit: &Submit) -> Code {
        let input = self.submit_input(submit);
        self.relay.codes(vec![input])[0][0]
    }

    /// Submits a proposal that must be admitted and returns its id.
    pub fn propose(&mut self, legs: Vec<Leg>) -> ProposalId {
        let submit = self.proposal(legs);
        assert_eq!(self.submit(&submit), Code::OK);
        submit.body.id()
    }

    /// One block of a subchain with everything the relay has for it; returns the codes of the messages.
    pub fn step(&mut self, index: usize) -> Vec<Code> {
        let advance = pending(&self.relay, &self.subs[index], true);
        let inputs: Vec<Input> = advance.into_iter().map(|it| Input::Advance(Box::new(it))).collect();
        let codes = self.subs[index].codes(inputs);
        codes.into_iter().next().unwrap_or_default().into_iter().skip(1).collect()
    }

    /// What a subchain has for the relay, as an input.
    pub fn news(&self, index: usize) -> Option<Input> {
        let id = self.id(index);
        if !self.relay.read(|state| registry::accepts_messages_of(state, &id).unwrap()) {
            return None;
        }
        pending(&self.subs[index], &self.relay, false).map(|it| Input::Advance(Box::new(it)))
    }

    /// One block of the relay with what these subchains have for it, then other inputs.
    pub fn collect_with(&mut self, from: &[usize], governance: Vec<Input>, clients: Vec<Input>) -> Execution {
        let mut inputs = governance;
        inputs.extend(from.iter().filter_map(|index| self.news(*index)));
        inputs.extend(clients);
        self.relay.block(inputs)
    }

    pub fn collect(&mut self, from: &[usize]) -> Execution {
        self.collect_with(from, Vec::new(), Vec::new())
    }

    pub fn all(&self) -> Vec<usize> {
        (0..self.subs.len()).collect()
    }

    /// One block of every subchain, then one of the relay.
    pub fn round(&mut self) {
        for index in self.all() {
            self.step(index);
        }
        let all = self.all();
        self.collect(&all);
    }

    pub fn rounds(&mut self, count: usize) {
        for _ in 0..count {
            self.round();
        }
    }

    pub fn record(&self, id: &ProposalId) -> Option<ProposalRecord> {
        self.relay.read(|state| coordinator::find(state, id).unwrap())
    }

    pub fn state(&self, id: &ProposalId) -> ProposalState {
        self.record(id).unwrap().state
    }

    pub fn verdict(&self, id: &ProposalId) -> Option<DecisionVerdict> {
        self.record(id).unwrap().decision.as_option().copied()
    }

    /// The code and culprit of an ABORT or a rejection.
    pub fn abort_of(&self, id: &ProposalId) -> (Code, ChainId) {
        match self.verdict(id).unwrap() {
            DecisionVerdict::Abort { code, culprit } => (code, culprit),
            commit @ DecisionVerdict::Commit { .. } => panic!("{commit:?}"),
        }
    }

    pub fn phase(&self, id: &ProposalId, index: usize) -> LegPhase {
        let chain = self.id(index);
        self.record(id).unwrap().legs.iter().find(|leg| leg.chain == chain).unwrap().phase
    }

    pub fn leg_id(&self, id: &ProposalId) -> LegId {
        LegId { id: *id, started_at_on_relay: self.record(id).unwrap().started_at }
    }

    pub fn leg_record(&self, id: &ProposalId, index: usize) -> Option<LegRecord> {
        let leg = self.leg_id(id);
        self.subs[index].read(|state| leg.record(state).unwrap())
    }

    pub fn leg_state(&self, id: &ProposalId, index: usize) -> Option<LegState> {
        self.leg_record(id, index).map(|record| record.state)
    }

    pub fn chain_record(&self, index: usize) -> ChainRecord {
        let id = self.id(index);
        self.relay.read(|state| registry::chain(state, &id).unwrap().unwrap())
    }

    pub fn set_chain_record(&mut self, record: &ChainRecord) {
        let place = Place::system(accounts::CHAINS, chain_key(&record.chain));
        self.relay.tamper(|state| state.put_record(&place, record).unwrap());
    }

    /// A frozen chain is back without having lost anything, as a re-anchor to its own newest header would leave it.
    pub fn thaw(&mut self, index: usize) {
        let record = self.chain_record(index);
        assert_eq!(record.status, ChainStatus::Frozen);
        self.set_chain_record(&ChainRecord { status: ChainStatus::Active, ..record });
    }

    /// Puts words into a subchain's mouth: what a chain without its BFT bound could say.
    pub fn lie(&mut self, index: usize, content: &MessageContent) {
        let relay = self.relay.id();
        self.subs[index].tamper(|state| chain_interchain::enqueue(state, &relay, content).unwrap());
        self.subs[index].block(Vec::new());
    }

    /// Puts words into the relay's mouth.
    pub fn relay_lie(&mut self, index: usize, content: &MessageContent) {
        let to = self.id(index);
        self.relay.tamper(|state| chain_interchain::enqueue(state, &to, content).unwrap());
        self.relay.block(Vec::new());
    }

    pub fn in_flight(&self, index: usize) -> u32 {
        let id = self.id(index);
        self.relay.read(|state| coordinator::in_flight(state, &id).unwrap())
    }
}

pub const EPOCH_MS: u64 = START_MS;
