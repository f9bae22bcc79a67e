//! The real state machines below inboxes and proofs: one store per chain, every action of the model on its own.

use crate::fixture::*;
use crate::synthetic::SyntheticChain;
use chain_interchain::{close_block, open_client};
use chain_ledger::LedgerFacts;
use chain_state::{BlockState, MemoryStore, Place, StoreWriter};
use ledger_protocol::chain::{ChainRole, ControlledBy, Parameters};
use ledger_protocol::codec::{Bounded, SortedVec, Text};
use ledger_protocol::interchain::*;
use ledger_protocol::proposal::*;
use ledger_protocol::system::{ChainRecord, ChainStatus, LegPhase, ProposalState, accounts, chain_key};
use ledger_protocol::transaction::*;
use ledger_protocol::*;
use proposal_model::model::{A, Acc, Cfg, Kind, M, St};
use relay::coordinator::{self, RelayFacts, Released};
use relay::{RelayMachine, registry};
use std::collections::BTreeMap;
use subchain::SubchainMachine;
use subchain::participant::table::LegState;
use subchain::participant::{self, LegId, ParticipantFacts};

/// What a message is about.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Word {
    Prepare,
    Commit,
    Abort,
    Yes,
    No,
    Applied,
    Released,
    Refused,
    Disputed,
}

#[derive(Clone)]
struct One {
    archive: SyntheticChain,
    store: MemoryStore,
    height: u64,
}

impl One {
    fn of<M: chain_state::StateMachine>(chain: Chain<M>) -> Self {
        let height = chain.tip() + 1;
        Self { archive: chain.archive, store: chain.store, height }
    }

    fn id(&self) -> ChainId {
        self.archive.id
    }

    fn read<R>(&self, look: impl FnOnce(&BlockState<'_>) -> R) -> R {
        look(&BlockState::open(&self.store, self.id().suite, Height(self.height)).unwrap())
    }

    /// Changes the state and gives everything that it sends.
    fn work(&mut self, peers: &[ChainId], work: impl FnOnce(&mut BlockState<'_>)) -> Vec<Message> {
        let (id, batch, outbox);
        {
            id = self.id();
            let mut state = BlockState::open(&self.store, id.suite, Height(self.height)).unwrap();
            work(&mut state);
            outbox = close_block(&mut state, &id, peers).unwrap();
            batch = state.finish().unwrap().batch;
        }
        self.store.apply(&batch, true).unwrap();
        outbox.into_iter().flat_map(|entry| entry.messages).collect()
    }
}

/// A submitted proposal.
#[derive(Clone)]
struct Known {
    id: ProposalId,
    /// Each leg's chain, in the model's order.
    chains: Vec<ChainId>,
}

impl Known {
    fn leg_of(&self, chain: &ChainId) -> usize {
        self.chains.iter().position(|leg| leg == chain).unwrap()
    }
}

#[derive(Clone)]
pub struct Real {
    relay: One,
    subs: Vec<One>,
    parameters: Parameters,
    known: BTreeMap<usize, Known>,
    words: BTreeMap<(usize, usize, Word), Message>,
    /// What was freed in this block.
    released: Released,
}

fn name(key: usize) -> String {
    format!("m{key}")
}

impl Real {
    pub fn new(cfg: &Cfg) -> Self {
        let archive = SyntheticChain::new(Suite::Standard, 200);
        let member = PolicyMember { address: who(ALICE), weight: 1, organisation: Text::new("org").unwrap() };
        let members = SigningPolicy { rule: SigningRule::Any, members: SortedVec::new(vec![member]).unwrap() };
        let role = ChainRole::Relay { members: members.clone(), approvals: members, accepts_dev_chains: false };
        let genesis = empty_genesis(&archive, role, &Parameters::relay());
        let relay = Chain::new(RelayMachine, archive, &genesis);
        let parameters = Parameters::subchain();
        let mut archives: Vec<_> = (1..=3).map(|n| SyntheticChain::new(Suite::Standard, n)).collect();
        archives.sort_by_key(|archive| archive.id);
        let mut subs = Vec::new();
        for archive in archives {
            let genesis = subchain_genesis(&archive, &relay.archive, &parameters);
            let mut sub = Chain::new(SubchainMachine, archive, &genesis);
            for key_number in 0..2 {
                let declaration = CounterDeclaration {
                    account: account("cash"),
                    key: key(name(key_number)),
                    min: 0,
                    max: i64::from(cfg.max),
                    initial: i64::from(cfg.init),
                };
                assert_eq!(sub.local(vec![Operation::DeclareCounter(declaration)]), Code::OK);
            }
            subs.push(One::of(sub));
        }
        let mut real = Self {
            relay: One::of(relay),
            subs,
            parameters,
            known: BTreeMap::new(),
            words: BTreeMap::new(),
            released: Released::default(),
        };
        real.register();
        real
    }

    fn register(&mut self) {
        let facts = self.facts(1);
        for index in 0..self.subs.len() {
            let archive = self.subs[index].archive.clone();
            let message = registry::possession_sign_bytes(&facts.relay, &archive.id);
            let service = ServicePolicy {
                chain: archive.id,
                ledger: BOOK,
                access: ServiceAccess::Members,
                demands_shared_control: false,
            };
            let registration = Registration {
                name: Text::new(format!("chain {index}")).unwrap(),
                header: archive.header(Height(0)).clone(),
                next_validators: archive.current.set.clone(),
                kind: archive.kind,
                heartbeat_ms: 3_600_000,
                max_t_prep: 50,
                controlled_by: ControlledBy::SingleOrganisation,
                possessions: Bounded::new(archive.current.keys.iter().map(|key| key.sign(&message)).collect()).unwrap(),
                limits: ChainLimits::default(),
                services: Bounded::new(vec![service]).unwrap(),
            };
            let motions = [Motion::Register(Box::new(registration)), Motion::Activate(archive.id)];
            for motion in motions {
                self.relay.work(&[], |state| {
                    registry::carry_out(state, &facts, &motion, &mut Released::default()).unwrap().unwrap();
                });
            }
        }
    }

    fn facts(&self, height: u64) -> RelayFacts {
        let timestamp_ms = self.relay.archive.header(Height(0)).timestamp_ms;
        RelayFacts { relay: self.relay.id(), height: Height(height), timestamp_ms }
    }

    fn peers(&self) -> Vec<ChainId> {
        self.subs.iter().map(One::id).collect()
    }

    fn leg(&self, chain: usize, accesses: &[Acc]) -> Leg {
        let (mut scope, mut operations) = (Vec::new(), Vec::new());
        for access in accesses {
            let at_key = name(access.k);
            let amount = i64::from(access.d);
            scope.push(match access.kind {
                Kind::S => shared(&at_key),
                Kind::X => exclusive(&at_key),
                Kind::D => delta(&at_key, amount),
                Kind::I => unreachable!("left out"),
            });
            if access.kind != Kind::S {
                operations.push(at(BOOK, add(&at_key, amount)));
            }
        }
        leg(self.subs[chain].id(), LegMode::Write, scope, operations)
    }

    fn relay_work(&mut self, height: u64, work: impl FnOnce(&mut BlockState<'_>, &RelayFacts, &mut Released)) {
        let (facts, peers) = (self.facts(height), self.peers());
        self.relay.height = height;
        let released = &mut self.released;
        let messages = self.relay.work(&peers, |state| work(state, &facts, released));
        for message in messages {
            let chain = message.destination;
            let (id, word) = match MessageContent::of(&message).unwrap() {
                MessageContent::Prepare(it) => (it.id, Word::Prepare),
                MessageContent::Decision(Decision::Voting { id, verdict, .. }) => match verdict {
                    DecisionVerdict::Commit { .. } => (id, Word::Commit),
                    DecisionVerdict::Abort { .. } => (id, Word::Abort),
                },
                other => panic!("{other:?}"),
            };
            self.keep(id, chain, word, message);
        }
    }

    fn keep(&mut self, id: ProposalId, chain: ChainId, word: Word, message: Message) {
        let (proposal, known) = self.known.iter().find(|(_, known)| known.id == id).unwrap();
        let place = (*proposal, known.leg_of(&chain), word);
        assert!(self.words.insert(place, message).is_none(), "{word:?} was said twice");
    }

    fn sub_work(
        &mut self,
        chain: usize,
        relay_height: u64,
        work: impl FnOnce(&mut BlockState<'_>, &ParticipantFacts<'_>),
    ) {
        let relay = self.relay.id();
        let trusted = self.relay.archive.trusted(Height(0));
        let sub = &mut self.subs[chain];
        sub.height += 1;
        let timestamp_ms = sub.archive.header(Height(0)).timestamp_ms;
        let ledger = LedgerFacts { height: Height(sub.height), timestamp_ms, parameters: &self.parameters };
        let facts = ParticipantFacts {
            chain: sub.id(),
            relay,
            ledger: &ledger,
            max_leg_changes: 10_000,
            max_block_changes: 20_000,
        };
        let messages = sub.work(&[relay], |state| {
            // The head that brings a message moves the client first.
            open_client(state, &proof::client::TrustedHeader { height: Height(relay_height), ..trusted }).unwrap();
            work(state, &facts);
        });
        for message in messages {
            let chain = message.source;
            let (id, word) = match MessageContent::of(&message).unwrap() {
                MessageContent::Vote(it) => match it.verdict {
                    Verdict::Yes { .. } => (it.id, Word::Yes),
                    Verdict::No { .. } => (it.id, Word::No),
                },
                MessageContent::Outcome(it) => match it.result {
                    OutcomeResult::Applied { .. } => (it.id, Word::Applied),
                    OutcomeResult::Released => (it.id, Word::Released),
                    OutcomeResult::Refused => (it.id, Word::Refused),
                    other => panic!("{other:?}"),
                },
                other => panic!("{other:?}"),
            };
            // REFUSED without a record is said again whenever it is asked again.
            let (proposal, known) = self.known.iter().find(|(_, known)| known.id == id).unwrap();
            if word == Word::Refused && self.words.contains_key(&(*proposal, known.leg_of(&chain), word)) {
                continue;
            }
            self.keep(id, chain, word, message);
        }
    }

    fn word(&self, proposal: usize, leg: usize, word: Word) -> Message {
        self.words
            .get(&(proposal, leg, word))
            .unwrap_or_else(|| panic!("{proposal} {leg} {word:?} was never said"))
            .clone()
    }

    /// Carries out what the model does on `before`.
    pub fn act(&mut self, model: &M, before: &St, action: A) {
        let h = u64::from(before.h);
        let chain_of = |p: u8, g: u8| model.c.props[p as usize].legs[g as usize].c;
        match action {
            A::Submit(p) => self.submit(model, h, p as usize),
            A::Tick => {
                if u64::from(before.h) >= u64::from(model.c.hmax) {
                    return;
                }
                self.relay_work(h, |state, facts, released| {
                    coordinator::start_ready(state, facts, released).unwrap();
                });
                self.relay_work(h + 1, |state, facts, released| {
                    coordinator::fire_timeouts(state, facts).unwrap();
                    coordinator::expire_queued(state, facts, released).unwrap();
                });
            }
            A::Vote(p, g, yes) => {
                let message = self.word(p as usize, g as usize, if yes { Word::Yes } else { Word::No });
                self.deliver(h, message);
            }
            A::Out(p, g, o) => {
                let word = match o {
                    1 => Word::Applied,
                    2 => Word::Released,
                    4 => Word::Refused,
                    _ => Word::Disputed,
                };
                let message = self.word(p as usize, g as usize, word);
                self.deliver(h, message);
            }
            A::Cancel(p) => {
                let id = self.known[&(p as usize)].id;
                let cancel = Cancel { id, valid_until: Height(h + 10) };
                self.relay_work(h, |state, facts, released| {
                    coordinator::cancel(state, facts, &[who(ALICE)], &cancel, released).unwrap();
                });
            }
            A::Freeze(c) => {
                let motion = Motion::Freeze(self.subs[c as usize].id());
                self.relay_work(h, |state, facts, released| {
                    registry::carry_out(state, facts, &motion, released).unwrap().unwrap();
                });
            }
            A::Thaw(c) => {
                let id = self.subs[c as usize].id();
                self.relay_work(h, |state, _, _| {
                    let record = registry::chain(state, &id).unwrap().unwrap();
                    let record = ChainRecord { status: ChainStatus::Active, ..record };
                    state.put_record(&Place::system(accounts::CHAINS, chain_key(&id)), &record).unwrap();
                });
            }
            A::Prep(p, g, fail) => {
                let mut message = self.word(p as usize, g as usize, Word::Prepare);
                if fail {
                    let Some(MessageContent::Prepare(prepare)) = MessageContent::of(&message) else { unreachable!() };
                    let stripped = Prepare { authorisations: SortedVec::default(), ..prepare };
                    let payload = MessageContent::Prepare(stripped).to_payload();
                    message.payload = codec::BoundedBytes::new(payload).unwrap();
                }
                let started = u64::from(before.r[p as usize].h0);
                self.sub_work(chain_of(p, g), started, |state, facts| {
                    participant::handle(state, facts, &message).unwrap();
                });
            }
            A::Dec(p, g, commit) => {
                // A leg closed by its NO is sent no Decision; the model has it deliverable, where it changes nothing
                // but what is known of the relay's height.
                let word = if commit { Word::Commit } else { Word::Abort };
                let message = self.words.get(&(p as usize, g as usize, word)).cloned();
                let decided = u64::from(before.r[p as usize].dh.min(before.h));
                self.sub_work(chain_of(p, g), decided, |state, facts| {
                    if let Some(message) = &message {
                        participant::handle(state, facts, message).unwrap();
                    }
                });
            }
            A::Learn(c) => self.sub_work(c as usize, h, |_, _| ()),
            A::Local(l) => self.local(model, l as usize),
            other => panic!("{other:?} is left out"),
        }
    }

    fn deliver(&mut self, h: u64, message: Message) {
        self.relay_work(h, |state, facts, released| {
            coordinator::handle(state, facts, &message, released).unwrap();
        });
    }

    fn submit(&mut self, model: &M, h: u64, proposal: usize) {
        let legs: Vec<Leg> = model.c.props[proposal].legs.iter().map(|leg| self.leg(leg.c, &leg.acc)).collect();
        let valid_until = h + u64::from(model.c.vu);
        let submit = sign(body(self.relay.id(), proposal as u64, valid_until, u32::from(model.c.tp), legs));
        let chains = model.c.props[proposal].legs.iter().map(|leg| self.subs[leg.c].id()).collect();
        let known = Known { id: submit.body.id(), chains };
        self.known.insert(proposal, known);
        self.relay_work(h, |state, facts, released| {
            coordinator::submit(state, facts, &submit, released).unwrap();
        });
    }

    fn local(&mut self, model: &M, number: usize) {
        let local = &model.c.locals[number];
        let operations = local.acc.iter().map(|acc| at(BOOK, add(&name(acc.k), i64::from(acc.d)))).collect();
        let ledger_protocol::chain::Input::Transaction(input) = transaction(self.subs[local.c].id(), OWNER, operations)
        else {
            unreachable!()
        };
        self.sub_work(local.c, 0, |state, facts| {
            let mut none = chain_ledger::NoSystemOperations;
            let outcome = chain_ledger::execute_transaction(state, facts.ledger, &input, &mut none).unwrap();
            assert_eq!(outcome.code, Code::OK, "the model lets it pass");
        });
    }

    /// Whether everything the model shows is so.
    pub fn compare(&self, model: &M, after: &St) -> Result<(), String> {
        for (proposal, known) in &self.known {
            self.compare_proposal(model, after, *proposal, known)?;
        }
        for (chain, sub) in self.subs.iter().enumerate() {
            for key_number in 0..2 {
                let at_key = place(&name(key_number));
                let content = sub.read(|state| state.live(&at_key).unwrap().unwrap().content);
                let StateContent::Counter { value, .. } = content else { unreachable!() };
                let expected = i64::from(after.val[chain][key_number]);
                if value != expected {
                    return Err(format!("chain {chain} key {key_number} holds {value}, not {expected}"));
                }
            }
        }
        Ok(())
    }

    fn compare_proposal(&self, model: &M, after: &St, proposal: usize, known: &Known) -> Result<(), String> {
        let record = self.relay.read(|state| coordinator::find(state, &known.id).unwrap());
        let expected = &after.r[proposal];
        let shown = match record.as_ref().map(|record| record.state) {
            // Refused at once, where the model writes a rejection.
            None | Some(ProposalState::Rejected) => 7,
            Some(ProposalState::Queued) => 1,
            Some(ProposalState::Preparing) => 2,
            Some(ProposalState::Committing) => 3,
            Some(ProposalState::Aborting) => 4,
            Some(ProposalState::Committed) => 5,
            Some(ProposalState::Aborted) => 6,
        };
        if shown != expected.st {
            return Err(format!("P{} is {record:?}, not {}", proposal + 1, expected.st));
        }
        let Some(record) = record else { return Ok(()) };
        for (g, model_leg) in model.c.props[proposal].legs.iter().enumerate() {
            let leg = record.legs.iter().find(|leg| leg.chain == known.chains[g]).unwrap();
            let is_closed = matches!(leg.phase, LegPhase::ClosedByOutcome { .. } | LegPhase::ClosedByNo { .. });
            if shown != 7 && is_closed != (expected.closed & (1 << g) != 0) {
                return Err(format!("P{} leg {g} is {:?}, closed mask {:b}", proposal + 1, leg.phase, expected.closed));
            }
            let leg_id = LegId { id: known.id, started_at_on_relay: record.started_at };
            let there = self.subs[model_leg.c].read(|state| leg_id.record(state).unwrap());
            let there = match there.map(|record| record.state) {
                None => 0,
                Some(LegState::Locked) => 1,
                Some(LegState::Refused) => 2,
                Some(LegState::Tombstone) => 3,
                Some(LegState::Applied) => 4,
                Some(LegState::Released) => 5,
                Some(other) => return Err(format!("P{} leg {g} is {other:?}", proposal + 1)),
            };
            if there != after.st[proposal][g] {
                return Err(format!("P{} leg {g} stands at {there}, not {}", proposal + 1, after.st[proposal][g]));
            }
            for (bits, word, bit) in [
                (after.vote[proposal][g], Word::Yes, 1),
                (after.vote[proposal][g], Word::No, 2),
                (after.out[proposal][g], Word::Applied, 1),
                (after.out[proposal][g], Word::Released, 2),
                (after.out[proposal][g], Word::Refused, 4),
            ] {
                if self.words.contains_key(&(proposal, g, word)) != (bits & bit != 0) {
                    return Err(format!("P{} leg {g}: {word:?} differs", proposal + 1));
                }
            }
        }
        Ok(())
    }
}
