//! The actions of the model, carried out on the machines.

use super::words::{Known, Word};
use super::{Real, name};
use crate::fixture::*;
use chain_state::Place;
use ledger_protocol::codec::SortedVec;
use ledger_protocol::interchain::*;
use ledger_protocol::proposal::*;
use ledger_protocol::system::{ChainRecord, ChainStatus, accounts, chain_key};
use ledger_protocol::*;
use proposal_model::model::{A, M, St};
use relay::{coordinator, registry};
use subchain::participant;

/// What a subchain does in a block of its own.
#[derive(Clone, Debug)]
pub(super) enum Deed {
    /// A message about a leg; none for a Decision that is not sent, where the head alone tells the relay's height.
    Hears { leg: (usize, usize), message: Option<Message>, relay_height: u64 },
    /// A head of the relay without messages.
    Learns { relay_height: u64 },
    /// A local transaction of the model.
    Runs { local: usize },
}

impl Real {
    /// Carries out what the model does on `before`.
    pub fn act(&mut self, model: &M, before: &St, action: A) {
        self.remember_relay(before);
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
                if word == Word::Disputed {
                    self.hear_list(h);
                }
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
                self.carry_out(h, &motion);
            }
            A::Thaw(c) if before.rolled => self.reanchor_subchain(h, c as usize),
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
                let relay_height = u64::from(before.r[p as usize].h0);
                let deed = Deed::Hears { leg: (p as usize, g as usize), message: Some(message), relay_height };
                self.do_deed(model, h, chain_of(p, g), deed);
            }
            A::Dec(p, g, commit) => {
                // Nothing leaves a lane that is held.
                self.follow(h, chain_of(p, g));
                // A leg closed by its NO is sent no Decision; the model has it deliverable, where it changes nothing
                // but what is known of the relay's height.
                let word = if commit { Word::Commit } else { Word::Abort };
                let message = self.words.get(&(p as usize, g as usize, word)).cloned();
                let relay_height = u64::from(before.r[p as usize].dh.min(before.h));
                let deed = Deed::Hears { leg: (p as usize, g as usize), message, relay_height };
                self.do_deed(model, h, chain_of(p, g), deed);
            }
            A::Learn(c) => self.do_deed(model, h, c as usize, Deed::Learns { relay_height: h }),
            A::Local(l) => self.do_deed(model, h, model.c.locals[l as usize].c, Deed::Runs { local: l as usize }),
            A::RollS(c) => self.fall_back(model, before, c as usize),
            A::RollR(_) if model.c.rollback_r == 3 => {
                let after = model.next(before, action).unwrap();
                self.lose_interval(before, &after);
            }
            A::RollR(p) => self.fall_back_relay(before, p as usize),
            A::Keep => self.keep_block(before.h),
            A::Follow(c) => self.follow(h, c as usize),
            A::Show(p, g) => self.show(before, p as usize, g as usize, chain_of(p, g)),
            other => panic!("{other:?} is left out"),
        }
        self.say_again();
    }

    /// What the model leaves open comes: the list of a re-anchor, or a chain that follows the relay's new branch.
    pub fn catch_up(&mut self, h: u8) {
        self.hear_list(u64::from(h));
        self.follow_next(u64::from(h));
    }

    /// All of it comes.
    pub fn settle(&mut self, h: u8) {
        while self.is_behind() {
            self.catch_up(h);
        }
    }

    fn do_deed(&mut self, model: &M, h: u64, chain: usize, deed: Deed) {
        if let Deed::Hears { message: Some(message), .. } = &deed {
            self.hear_list_before(h, message);
        }
        self.remember(chain, &deed);
        self.perform(model, chain, deed);
    }

    /// Does it on the chain as it is.
    pub(super) fn perform(&mut self, model: &M, chain: usize, deed: Deed) {
        match deed {
            Deed::Hears { message, relay_height, .. } => self.sub_work(chain, relay_height, |state, facts| {
                if let Some(message) = &message {
                    participant::handle(state, facts, message).unwrap();
                }
            }),
            Deed::Learns { relay_height } => self.sub_work(chain, relay_height, |_, _| ()),
            Deed::Runs { local } => self.local(model, local),
        }
    }

    pub(super) fn carry_out(&mut self, h: u64, motion: &Motion) {
        self.relay_work(h, |state, facts, released| {
            registry::carry_out(state, facts, motion, released).unwrap().unwrap();
        });
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
}
