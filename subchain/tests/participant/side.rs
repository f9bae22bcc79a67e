//! A subchain, and a relay that says what the test wants.
#![allow(dead_code, missing_docs, unreachable_pub)]

use super::fixture::*;
use super::synthetic::{SyntheticChain, leaf_of};
use chain_interchain::client;
use ledger_protocol::chain::{Input, Parameters};
use ledger_protocol::codec::{BoundedBytes, SortedVec};
use ledger_protocol::interchain::*;
use ledger_protocol::proposal::*;
use ledger_protocol::*;
use subchain::SubchainMachine;
use subchain::participant::table::LegState;
use subchain::participant::{LegId, LegRecord, Standing, known_relay_height, standing};

pub struct Side {
    pub relay: SyntheticChain,
    pub sub: Chain<SubchainMachine>,
    sent: u64,
    nonce: u64,
    /// What the relay's leaves acknowledge, and the own header they follow.
    pub received: u64,
    pub follows: Option<Follows>,
}

impl Side {
    pub fn new() -> Self {
        Self::with(Parameters::subchain().max_block_changes)
    }

    pub fn with(max_block_changes: u32) -> Self {
        let relay = SyntheticChain::new(Suite::Standard, 200);
        let archive = SyntheticChain::new(Suite::Standard, 1);
        let parameters = Parameters { max_block_changes, heartbeat_ms: 100, ..Parameters::subchain() };
        let genesis = subchain_genesis(&archive, &relay, &parameters);
        let sub = Chain::new(SubchainMachine, archive, &genesis);
        Self { relay, sub, sent: 0, nonce: 0, received: 0, follows: None }
    }

    pub fn id(&self) -> ChainId {
        self.sub.id()
    }

    fn append(&mut self, contents: &[Vec<u8>]) {
        let (suite, to) = (self.relay.suite(), self.id());
        let messages: Vec<Message> = (self.sent..)
            .zip(contents)
            .map(|(sequence, payload)| Message {
                source: self.relay.id,
                destination: to,
                sequence: Sequence(sequence),
                payload: BoundedBytes::new(payload.clone()).unwrap(),
            })
            .collect();
        let mut leaf = leaf_of(suite, to, Sequence(self.sent), &messages);
        leaf.received = Sequence(self.received);
        leaf.follows = self.follows.unwrap_or_else(|| self.own_header(0));
        self.sent += messages.len() as u64;
        self.relay.append(vec![(leaf, messages)], None);
    }

    /// An own header as a peer would name it.
    pub fn own_header(&self, height: u64) -> Follows {
        let header = self.sub.archive.header(Height(height));
        Follows { height_on_peer: header.height, header_hash_on_peer: self.id().suite.foreign(header.hash()) }
    }

    /// The relay sends messages in one block and the subchain gets them in one; gives their codes.
    pub fn tell_bytes(&mut self, contents: &[Vec<u8>]) -> Vec<Code> {
        self.append(contents);
        let (id, to, tip) = (self.relay.id, self.id(), self.relay.tip());
        let trusted = self.sub.read(|state| client(state, &id).unwrap().unwrap().height_on_source);
        let blocks = if contents.is_empty() { vec![] } else { vec![tip] };
        let advance = self.relay.advance(trusted, tip, &to, &blocks);
        self.sub.codes(vec![Input::Advance(Box::new(advance))])[0][1..].to_vec()
    }

    pub fn tell(&mut self, contents: Vec<MessageContent>) -> Vec<Code> {
        let bytes: Vec<Vec<u8>> = contents.iter().map(MessageContent::to_payload).collect();
        self.tell_bytes(&bytes)
    }

    pub fn tell_one(&mut self, content: MessageContent) -> Code {
        self.tell(vec![content])[0]
    }

    /// The relay grows to a height without a word, and the subchain learns of it.
    pub fn learn(&mut self, relay_height: u64) {
        while self.relay.tip().0 + 1 < relay_height {
            self.append(&[]);
        }
        self.tell(Vec::new());
        assert_eq!(self.known(), relay_height);
    }

    pub fn known(&self) -> u64 {
        let relay = self.relay.id;
        self.sub.read(|state| known_relay_height(state, &relay).unwrap()).0
    }

    /// What the newest block says to the relay.
    pub fn said(&self) -> Vec<MessageContent> {
        let block = self.sub.archive.block(self.sub.archive.tip());
        block.outbox[0].1.iter().map(|message| MessageContent::of(message).unwrap()).collect()
    }

    pub fn verdict(&self) -> Verdict {
        match self.said().as_slice() {
            [MessageContent::Vote(vote)] => vote.verdict,
            other => panic!("{other:?}"),
        }
    }

    pub fn no_code(&self) -> Code {
        match self.verdict() {
            Verdict::No { code, .. } => code,
            yes @ Verdict::Yes { .. } => panic!("{yes:?}"),
        }
    }

    pub fn result(&self) -> OutcomeResult {
        match self.said().as_slice() {
            [MessageContent::Outcome(outcome)] => outcome.result,
            other => panic!("{other:?}"),
        }
    }

    /// A Prepare whose deadline lies 10 relay blocks ahead.
    pub fn prepare(&mut self, leg: Leg) -> Prepare {
        let deadline = self.relay.tip().0 + 10;
        self.prepare_until(deadline, leg)
    }

    pub fn prepare_until(&mut self, deadline: u64, leg: Leg) -> Prepare {
        self.nonce += 1;
        let submit = sign(body(self.relay.id, self.nonce, 1_000, 10, vec![leg.clone()]));
        Prepare {
            relay: self.relay.id,
            id: submit.body.id(),
            started_at_on_relay: Height(1),
            deadline_on_relay: Height(deadline),
            legs: SortedVec::new(vec![LegCall { chain: leg.chain, call_hash: call_hash(&self.relay.id, &leg.call) }])
                .unwrap(),
            leg,
            authorisations: submit.authorisations[0].clone(),
        }
    }

    pub fn state(&self, prepare: &Prepare) -> Option<LegState> {
        self.record(prepare).map(|record| record.state)
    }

    pub fn record(&self, prepare: &Prepare) -> Option<LegRecord> {
        let leg = LegId { id: prepare.id, started_at_on_relay: prepare.started_at_on_relay };
        self.sub.read(|state| leg.record(state).unwrap())
    }

    pub fn is_suspended(&self) -> bool {
        matches!(self.sub.read(|state| standing(state).unwrap()), Standing::Suspended { .. })
    }

    /// A leg that was prepared and voted YES.
    pub fn locked(&mut self, leg: Leg) -> Prepare {
        let prepare = self.prepare(leg);
        assert_eq!(self.tell_one(MessageContent::Prepare(prepare.clone())), Code::OK);
        assert_eq!(self.state(&prepare), Some(LegState::Locked));
        prepare
    }
}

fn voting(prepare: &Prepare, verdict: DecisionVerdict) -> MessageContent {
    MessageContent::Decision(Decision::Voting {
        relay: prepare.relay,
        id: prepare.id,
        started_at_on_relay: prepare.started_at_on_relay,
        deadline_on_relay: prepare.deadline_on_relay,
        verdict,
    })
}

pub fn commit(prepare: &Prepare) -> MessageContent {
    voting(prepare, DecisionVerdict::Commit { votes_root: Suite::Standard.foreign(Hash([5; 32])) })
}

pub fn abort(prepare: &Prepare) -> MessageContent {
    voting(prepare, DecisionVerdict::Abort { code: Code::TIMEOUT, culprit: prepare.relay })
}

pub fn told(prepare: &Prepare) -> MessageContent {
    MessageContent::Decision(Decision::Notify {
        relay: prepare.relay,
        id: prepare.id,
        started_at_on_relay: prepare.started_at_on_relay,
        deadline_on_relay: prepare.deadline_on_relay,
        leg: Box::new(prepare.leg.clone()),
        authorisations: prepare.authorisations.clone(),
    })
}

pub fn ask(prepare: &Prepare) -> MessageContent {
    MessageContent::Prepare(prepare.clone())
}
