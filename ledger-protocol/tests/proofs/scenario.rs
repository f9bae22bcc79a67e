//! A relay and its subchains that carry one proposal from Submit to its last Outcome, and the bundle that proves it.
#![allow(
    dead_code,
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::missing_panics_doc
)]

use super::test_chain::{Content, KeySet, TestChain, key, place};
use ledger_protocol::chain::{ControlledBy, Input};
use ledger_protocol::codec::{Bounded, BoundedBytes, SortedVec, Text, encode};
use ledger_protocol::interchain::{
    ChainLimits, DecisionVerdict, MessageContent, Outcome, OutcomeResult, Verdict, Vote,
};
use ledger_protocol::merkle;
use ledger_protocol::proof::bundle::{Bundle, Course, LegEvidence, LegMessages, MessageEvidence, RecordAt, Submission};
use ledger_protocol::proof::{ClientStanding, KeyPlace, MessageProof, message_hash};
use ledger_protocol::proposal::{
    AccessKind, Call, Leg, LegMode, LockKey, ProposalBody, ScopeEntry, Submit, approval_sign_bytes,
    authorisation_sign_bytes,
};
use ledger_protocol::suite::SecretKey;
use ledger_protocol::system::{
    ChainRecord, ChainStatus, ClientRecord, LegPhase, LegStatus, ProposalRecord, ProposalState, accounts, chain_key,
    client_key, proposal_key,
};
use ledger_protocol::transaction::{
    Choice, LedgerOperation, Operation, Operations, Replay, SetKey, Signer, SignerRole, SignerSignature, StateKey,
    Transaction, TransactionBody, Value,
};
use ledger_protocol::{AccountName, Code, Hash, Height, LedgerId, ProposalId, Suite};

/// How the story of the proposal goes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Story {
    Committed,
    AbortedByNo,
    TimedOut,
    Rejected,
    /// All voted, the record is decided, no Outcome yet.
    Decided,
    /// Started; nobody has answered.
    Started,
}

/// Where a message went and where the relay noted it.
#[derive(Clone, Copy)]
pub struct Noted {
    pub sent: Height,
    pub certified: Height,
    pub trusted_on_source: Height,
    pub on_relay: Height,
}

#[derive(Clone)]
pub struct Network {
    pub relay: TestChain,
    pub subs: Vec<TestChain>,
    pub submit: Submit,
    pub id: ProposalId,
    pub submitted: Height,
    pub decided: Height,
    pub record: ProposalRecord,
    pub votes: Vec<Option<Noted>>,
    pub outcomes: Vec<Option<Noted>>,
    pub registered: Height,
    pub story: Story,
}

fn sign(key: &SecretKey, message: &[u8]) -> SignerSignature {
    SignerSignature { public_key: key.public_key(), signature: key.sign(message) }
}

pub fn transaction(chain: &TestChain, signer: &SecretKey, operations: Vec<LedgerOperation>, nonce: u64) -> Transaction {
    let body = TransactionBody {
        chain: chain.id,
        replay: Replay::Window { valid_until: Height(1_000), nonce },
        signers: SortedVec::new(vec![Signer { address: signer.address(), role: SignerRole::Author }]).unwrap(),
        fuel_limit: 1_000,
        operations: Bounded::new(operations).unwrap(),
    };
    let message = Transaction::sign_bytes(&body.id());
    Transaction { body, signatures: SortedVec::new(vec![sign(signer, &message)]).unwrap() }
}

pub fn set_key(ledger: u32, account: &str, key: &[u8], value: &[u8]) -> LedgerOperation {
    LedgerOperation {
        ledger: LedgerId(ledger),
        operation: Operation::SetKey(SetKey {
            account: AccountName::new(account).unwrap(),
            key: StateKey::new(key.to_vec()).unwrap(),
            value: Value::new(value.to_vec()).unwrap(),
            expected: ledger_protocol::transaction::Expectation::Any,
        }),
    }
}

fn leg(chain: &TestChain, mode: LegMode, authoriser: &SecretKey) -> Leg {
    let operations: Operations = Bounded::new(vec![set_key(1, "seats", b"12A", b"taken")]).unwrap();
    let scope = ScopeEntry {
        key: LockKey {
            ledger: LedgerId(1),
            account: AccountName::new("seats").unwrap(),
            key: StateKey::new(b"12A".to_vec()).unwrap(),
        },
        access: AccessKind::Exclusive,
    };
    Leg {
        chain: chain.id,
        mode,
        call: Call::Plain(BoundedBytes::new(encode(&operations)).unwrap()),
        scope: SortedVec::new(vec![scope]).unwrap(),
        asserted: SortedVec::default(),
        authorisers: SortedVec::new(vec![authoriser.address()]).unwrap(),
    }
}

impl Network {
    /// A relay of `suite` with `suites.len()` subchains; with `notify` the last one has a NOTIFY leg.
    pub fn new(suite: Suite, suites: &[Suite], notify: bool, story: Story) -> Self {
        let mut relay = TestChain::new(suite, 1);
        let mut subs: Vec<TestChain> =
            suites.iter().zip(20u8..).map(|(suite, seed)| TestChain::new(*suite, seed)).collect();
        subs.sort_by_key(|chain| chain.id);
        for sub in &mut subs {
            sub.empty(2);
        }
        let proposer = key(suite, 90, 1);
        let authorisers: Vec<SecretKey> = (0u8..).zip(&subs).map(|(index, sub)| key(sub.suite(), 91, index)).collect();
        let legs: Vec<Leg> = subs
            .iter()
            .zip(&authorisers)
            .enumerate()
            .map(|(index, (sub, authoriser))| {
                let last = notify && index + 1 == subs.len();
                leg(sub, if last { LegMode::Notify } else { LegMode::Write }, authoriser)
            })
            .collect();
        let body = ProposalBody {
            relay: relay.id,
            proposer: proposer.address(),
            nonce: 5,
            valid_until: Height(60),
            t_prep: 20,
            members: SortedVec::new(vec![proposer.address()]).unwrap(),
            legs: SortedVec::new(legs).unwrap(),
            memo_hash: Hash::ZERO,
        };
        let id = body.id();
        let given = (0u8..)
            .zip(&authorisers)
            .map(|(index, authoriser)| {
                let message = authorisation_sign_bytes(&relay.id, &id, index);
                SortedVec::new(vec![sign(authoriser, &message)]).unwrap()
            })
            .collect();
        let submit = Submit {
            approvals: SortedVec::new(vec![sign(&proposer, &approval_sign_bytes(&id))]).unwrap(),
            authorisations: Bounded::new(given).unwrap(),
            body,
        };
        // Height 1: the registry. Height 2: other members of ledger 0. Height 3: the Submit among other transactions.
        let mut registry = Content::default();
        for (index, sub) in subs.iter().enumerate() {
            registry = registry.record(accounts::CHAINS, &chain_key(&sub.id), &chain_record(sub, index)).record(
                accounts::CLIENTS,
                &client_key(&sub.id),
                &client_record(sub, Height(1)),
            );
        }
        let registered = relay.append(registry);
        let mut filler = Content::default();
        for number in 0..70u8 {
            filler = filler.record(accounts::MEMBERS, &StateKey::new(vec![number; 4]).unwrap(), &number);
        }
        relay.append(filler);
        let mut inputs: Vec<(Input, Vec<Code>)> = (0..4)
            .map(|nonce| transaction(&relay, &proposer, vec![set_key(1, "notes", b"k", b"v")], nonce))
            .map(|transaction| (Input::Transaction(Box::new(transaction)), vec![Code::OK]))
            .collect();
        let operation =
            LedgerOperation { ledger: LedgerId::SYSTEM, operation: Operation::SubmitProposal(submit.clone()) };
        let carrier = transaction(&relay, &proposer, vec![set_key(1, "notes", b"k", b"w"), operation], 9);
        inputs.insert(2, (Input::Transaction(Box::new(carrier)), vec![Code::OK]));
        let submitted = relay.tip().next().unwrap();
        let legs: Vec<LegStatus> = submit
            .body
            .legs
            .iter()
            .map(|leg| LegStatus { chain: leg.chain, mode: leg.mode, phase: LegPhase::Waiting })
            .collect();
        let started = story != Story::Rejected;
        let record = ProposalRecord {
            id,
            proposer: submit.body.proposer,
            state: if started { ProposalState::Preparing } else { ProposalState::Queued },
            submitted_at: submitted,
            started_at: if started { submitted } else { Height::ZERO },
            deadline: if started { Height(submitted.0 + 20) } else { Height::ZERO },
            valid_until: submit.body.valid_until,
            decision: Choice::None,
            decided_at: Height::ZERO,
            legs: Bounded::new(legs).unwrap(),
        };
        let mut content = Content { inputs, ..Content::default() };
        content = content.record(accounts::PROPOSALS, &proposal_key(&id, record.started_at), &record);
        relay.append(content);
        let count = subs.len();
        let mut network = Self {
            relay,
            subs,
            submit,
            id,
            submitted,
            decided: submitted,
            record,
            votes: vec![None; count],
            outcomes: vec![None; count],
            registered,
            story,
        };
        network.run();
        network
    }

    fn run(&mut self) {
        match self.story {
            Story::Started => {}
            Story::Rejected => {
                self.relay.empty(3);
                self.decide(
                    DecisionVerdict::Abort { code: Code::PROPOSAL_EXPIRED, culprit: self.relay.id },
                    ProposalState::Rejected,
                );
            }
            Story::TimedOut => {
                self.vote(0, None);
                self.relay.empty(21);
                let culprit = self.subs[self.subs.len() - 1].id;
                self.decide(DecisionVerdict::Abort { code: Code::TIMEOUT, culprit }, ProposalState::Aborting);
                self.answer(0, OutcomeResult::Released);
                for index in 1..self.subs.len() {
                    self.answer(index, OutcomeResult::Refused);
                }
            }
            Story::AbortedByNo => {
                for index in 0..self.subs.len() - 1 {
                    self.vote(index, None);
                }
                let last = self.subs.len() - 1;
                self.vote(last, Some(Code::CONFLICT));
                for index in 0..last {
                    self.answer(index, OutcomeResult::Released);
                }
            }
            Story::Committed | Story::Decided => {
                let voting: Vec<usize> =
                    (0..self.subs.len()).filter(|index| self.submit.body.legs[*index].mode.votes()).collect();
                for index in &voting {
                    self.vote(*index, None);
                }
                if self.story == Story::Decided {
                    return;
                }
                // The relay hands off between the decision and the Outcomes.
                let next = KeySet::new(self.relay.suite(), 70, 4);
                self.relay.append(Content { next: Some(next), ..Content::default() });
                self.relay.empty(1);
                for index in 0..self.subs.len() {
                    let result = if voting.contains(&index) {
                        OutcomeResult::Applied { write_set_root: self.root(index) }
                    } else {
                        OutcomeResult::Noted { code: Code::OK }
                    };
                    self.answer(index, result);
                }
            }
        }
        self.relay.empty(2);
    }

    fn root(&self, index: usize) -> ledger_protocol::SuiteHash {
        self.subs[index].suite().foreign(Hash([40 + index as u8; 32]))
    }

    fn decide(&mut self, verdict: DecisionVerdict, state: ProposalState) {
        self.decided = self.relay.tip().next().unwrap();
        self.record.decision = Choice::Some(verdict);
        self.record.state = state;
        self.record.decided_at = self.decided;
        let content = Content::default().record(
            accounts::PROPOSALS,
            &proposal_key(&self.id, self.record.started_at),
            &self.record,
        );
        self.relay.append(content);
    }

    fn phase(&mut self, index: usize, phase: LegPhase) {
        let mut legs = self.record.legs.clone().into_vec();
        legs[index].phase = phase;
        self.record.legs = Bounded::new(legs).unwrap();
    }

    /// One leg's message travels: the subchain sends it, goes on for some blocks, the relay orders it under the tip.
    fn carry(&mut self, index: usize, content: MessageContent) -> (Noted, Content) {
        let relay = self.relay.id;
        let other = MessageContent::Vote(Vote {
            id: self.id,
            started_at_on_relay: Height(0),
            chain: self.subs[index].id,
            verdict: Verdict::No { code: Code::SIZE, conflicting: self.id },
        });
        let sub = &mut self.subs[index];
        let sent = sub.append(Content::default().send(relay, other).send(relay, content));
        // Even legs are delivered at once (a direct proof), odd ones later (a historic proof).
        let certified = if index.is_multiple_of(2) { sent } else { sub.empty(3) };
        // The third leg's record already trusts a newer header than the certified one.
        let trusted_on_source = if index % 4 == 2 { sub.empty(2) } else { certified };
        let content =
            Content::default().record(accounts::CLIENTS, &client_key(&sub.id), &client_record(sub, trusted_on_source));
        let on_relay = self.relay.tip().next().unwrap();
        (Noted { sent, certified, trusted_on_source, on_relay }, content)
    }

    pub fn vote(&mut self, index: usize, no: Option<Code>) {
        let sub = &self.subs[index];
        let suite = sub.suite();
        let root = self.root(index);
        let verdict = match no {
            None => Verdict::Yes {
                result_hash: suite.foreign(Hash([30; 32])),
                write_set_root: root,
                lock_set_root: suite.foreign(Hash([31; 32])),
            },
            Some(code) => Verdict::No { code, conflicting: self.id },
        };
        let vote = Vote { id: self.id, started_at_on_relay: self.record.started_at, chain: sub.id, verdict };
        let (noted, content) = self.carry(index, MessageContent::Vote(vote));
        let message = &self.subs[index].block(noted.sent).outbox[0].1[1];
        let hash = message_hash(message);
        self.phase(
            index,
            match no {
                None => LegPhase::VotedYes { message_hash: hash, write_set_root: root },
                Some(_) => LegPhase::ClosedByNo { message_hash: hash },
            },
        );
        self.votes[index] = Some(noted);
        let all = self
            .record
            .legs
            .iter()
            .filter(|leg| leg.mode.votes())
            .all(|leg| matches!(leg.phase, LegPhase::VotedYes { .. }));
        let key = proposal_key(&self.id, self.record.started_at);
        let mut content = content.record(accounts::PROPOSALS, &key, &self.record);
        let verdict = if all {
            let leaves: Vec<Vec<u8>> = self
                .record
                .legs
                .iter()
                .filter_map(|leg| match leg.phase {
                    LegPhase::VotedYes { message_hash, .. } => Some(encode(&(leg.chain, message_hash))),
                    _ => None,
                })
                .collect();
            let suite = self.relay.suite();
            Some(DecisionVerdict::Commit { votes_root: suite.foreign(merkle::root(suite, &leaves)) })
        } else {
            no.map(|code| DecisionVerdict::Abort { code, culprit: self.subs[index].id })
        };
        if let Some(verdict) = verdict {
            self.decided = noted.on_relay;
            self.record.decision = Choice::Some(verdict);
            self.record.decided_at = noted.on_relay;
            self.record.state = if all { ProposalState::Committing } else { ProposalState::Aborting };
            content = content.record(accounts::PROPOSALS, &key, &self.record);
        }
        self.relay.append(content);
    }

    pub fn answer(&mut self, index: usize, result: OutcomeResult) {
        let outcome =
            Outcome { id: self.id, started_at_on_relay: self.record.started_at, chain: self.subs[index].id, result };
        let (noted, content) = self.carry(index, MessageContent::Outcome(outcome));
        self.outcomes[index] = Some(noted);
        self.relay.append(content);
    }

    fn record_at(&self, height: Height, place: &KeyPlace) -> RecordAt {
        RecordAt { height_on_relay: height, record: self.relay.record_version(height, place) }
    }

    fn evidence(&self, index: usize, noted: &Noted) -> MessageEvidence {
        let sub = &self.subs[index];
        let certificate = sub.block(noted.certified).certificate.clone().unwrap();
        let inclusion = sub.message_inclusion(noted.sent, &self.relay.id, 1);
        let proof = if noted.sent == noted.certified {
            MessageProof::Direct { header: Box::new(sub.header(noted.sent).clone()), certificate, inclusion }
        } else {
            MessageProof::Historic {
                certified: Box::new(sub.header(noted.certified).clone()),
                certificate,
                older: Box::new(sub.older(noted.sent, noted.certified)),
                inclusion,
            }
        };
        let standing = if noted.trusted_on_source == noted.certified {
            ClientStanding::Trusted
        } else {
            ClientStanding::InHistory {
                trusted: Box::new(sub.header(noted.trusted_on_source).clone()),
                path: sub.history_path(noted.certified, noted.trusted_on_source),
            }
        };
        MessageEvidence {
            client: self.record_at(noted.on_relay, &system(accounts::CLIENTS, &client_key(&sub.id))),
            standing,
            validators: sub.set_of(&sub.header(noted.certified).validators_hash).clone(),
            proof,
        }
    }

    pub fn bundle(&self, checkpoint: Height) -> Bundle {
        let mut used = vec![self.submitted, self.decided];
        let course = if self.story == Story::Rejected {
            Course::Rejected
        } else {
            used.push(self.registered);
            let legs = (0..self.subs.len()).map(|index| {
                let (vote, outcome) = (&self.votes[index], &self.outcomes[index]);
                used.extend(vote.iter().chain(outcome).map(|noted| noted.on_relay));
                let shown = |noted: &Noted| Box::new(self.evidence(index, noted));
                LegEvidence {
                    control: self
                        .record_at(self.registered, &system(accounts::CHAINS, &chain_key(&self.subs[index].id))),
                    messages: match (vote, outcome) {
                        (None, None) => LegMessages::Silent,
                        (Some(vote), None) => LegMessages::Voted { vote: shown(vote) },
                        (None, Some(outcome)) => LegMessages::Ended { outcome: shown(outcome) },
                        (Some(vote), Some(outcome)) => {
                            LegMessages::VotedAndEnded { vote: shown(vote), outcome: shown(outcome) }
                        }
                    },
                }
            });
            Course::Legs(Bounded::new(legs.collect()).unwrap())
        };
        used.sort();
        used.dedup();
        // Below the checkpoint its own header serves as head; above it the newest block needed.
        let newest = *used.last().unwrap();
        let head = if newest <= checkpoint { checkpoint } else { newest };
        let blocks =
            used.iter().filter(|height| **height != head).map(|height| self.relay.older(*height, head)).collect();
        Bundle {
            head: self.relay.header_proof(checkpoint, head),
            blocks: SortedVec::new(blocks).unwrap(),
            submission: Submission {
                height_on_relay: self.submitted,
                operation: 1,
                inclusion: self.relay.input_inclusion(self.submitted, 2, true),
            },
            record: self
                .record_at(self.decided, &system(accounts::PROPOSALS, &proposal_key(&self.id, self.record.started_at))),
            course,
        }
    }
}

pub fn system(account: &str, key: &StateKey) -> KeyPlace {
    place(0, account, key)
}

pub fn client_record(sub: &TestChain, height: Height) -> ClientRecord {
    let header = sub.header(height);
    ClientRecord {
        chain: sub.id,
        kind: sub.kind,
        height_on_source: height,
        header_hash_on_source: sub.suite().foreign(header.hash()),
        timestamp_ms_on_source: header.timestamp_ms,
        next_validators_hash_on_source: header.next_validators_hash,
        last_handoff_height_on_source: Height(0),
    }
}

pub fn chain_record(sub: &TestChain, index: usize) -> ChainRecord {
    ChainRecord {
        chain: sub.id,
        name: Text::new(format!("sub-{index}")).unwrap(),
        status: ChainStatus::Active,
        lagging: false,
        suspect: false,
        kind: sub.kind,
        heartbeat_ms: 5_000,
        max_t_prep: 50,
        controlled_by: if index.is_multiple_of(2) {
            ControlledBy::Shared { max_share_per_mille: 250 }
        } else {
            ControlledBy::SingleOrganisation
        },
        limits: ChainLimits::default(),
        services: Bounded::empty(),
    }
}
