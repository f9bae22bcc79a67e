//! Chains with real machines, real headers and no consensus; and short ways to write proposals down.
//!
//! A chain is its machine over a store in memory, and a synthetic archive that signs a header for every block. What
//! passes between chains are real Advances.
#![allow(dead_code, missing_docs, unreachable_pub)]

use super::synthetic::{KeySet, SyntheticChain};
use chain_interchain::{client, list_floor, next_expected};
use chain_state::{BlockFacts, BlockState, ExecuteError, Execution, MemoryStore, Place, StateMachine, StoreWriter};
use ledger_protocol::chain::{
    CertificateKind, ChainRole, CountedRoot, Genesis, Grant, Input, LedgerGenesis, LedgerLeaf, Parameters, RelayAnchor,
};
use ledger_protocol::codec::{Bounded, BoundedBytes, SortedVec, Text, encode};
use ledger_protocol::interchain::{Advance, MAX_LIST_BYTES, MAX_LIST_MESSAGES};
use ledger_protocol::proposal::*;
use ledger_protocol::suite::SecretKey;
use ledger_protocol::transaction::*;
use ledger_protocol::*;
use std::collections::BTreeMap;
use std::sync::OnceLock;

pub const SYSTEM: LedgerId = LedgerId::SYSTEM;
pub const BOOK: LedgerId = LedgerId(1);
pub const OTHER_BOOK: LedgerId = LedgerId(2);
/// Owns every account of every book.
pub const OWNER: u8 = 1;
/// Registered on every book, owns nothing.
pub const GUEST: u8 = 2;
/// Members of the consortium; one of them decides a motion or approves a proposal.
pub const ALICE: u8 = 50;
pub const BOB: u8 = 51;

pub fn secret(seed: u8) -> SecretKey {
    SecretKey::from_seed(Suite::Standard, [seed; 32])
}

pub fn who(seed: u8) -> Address {
    static PEOPLE: OnceLock<Vec<Address>> = OnceLock::new();
    PEOPLE.get_or_init(|| (0..100).map(|seed| secret(seed).address()).collect())[usize::from(seed)]
}

fn seed_of(address: &Address) -> u8 {
    (0..100).find(|seed| who(*seed) == *address).unwrap()
}

pub fn account(text: &str) -> AccountName {
    AccountName::new(text).unwrap()
}

pub fn key(text: impl AsRef<[u8]>) -> StateKey {
    StateKey::new(text.as_ref()).unwrap()
}

pub fn place(at: &str) -> Place {
    Place::new(BOOK, &account("cash"), &key(at))
}

pub fn at(ledger: LedgerId, operation: Operation) -> LedgerOperation {
    LedgerOperation { ledger, operation }
}

pub fn set(at: &str, value: &str) -> Operation {
    set_in("cash", at, value)
}

pub fn set_in(name: &str, at: &str, value: &str) -> Operation {
    Operation::SetKey(SetKey {
        account: account(name),
        key: key(at),
        value: BoundedBytes::new(value.as_bytes()).unwrap(),
        expected: Expectation::Any,
    })
}

pub fn add(at: &str, amount: i64) -> Operation {
    Operation::AddToCounter(AddToCounter { account: account("cash"), key: key(at), amount })
}

pub fn event(topic: &str) -> Operation {
    Operation::PublishEvent(PublishEvent {
        account: account("news"),
        topic: Text::new(topic).unwrap(),
        payload: BoundedBytes::new(b"hello".to_vec()).unwrap(),
    })
}

pub fn lock_key(at: &str) -> LockKey {
    LockKey { ledger: BOOK, account: account("cash"), key: key(at) }
}

pub fn entry(at: &str, access: AccessKind) -> ScopeEntry {
    ScopeEntry { key: lock_key(at), access }
}

pub fn exclusive(at: &str) -> ScopeEntry {
    entry(at, AccessKind::Exclusive)
}

pub fn shared(at: &str) -> ScopeEntry {
    entry(at, AccessKind::Shared)
}

pub fn under(prefix: &str) -> ScopeEntry {
    entry(prefix, AccessKind::PrefixShared)
}

pub fn delta(at: &str, amount: i64) -> ScopeEntry {
    entry(at, AccessKind::Delta(amount))
}

/// A leg authorised by the owner, with any call.
pub fn leg(chain: ChainId, mode: LegMode, scope: Vec<ScopeEntry>, operations: Vec<LedgerOperation>) -> Leg {
    let operations: Operations = Bounded::new(operations).unwrap();
    Leg {
        chain,
        mode,
        call: Call::Plain(BoundedBytes::new(encode(&operations)).unwrap()),
        scope: SortedVec::from_unsorted(scope).unwrap(),
        asserted: SortedVec::default(),
        authorisers: SortedVec::new(vec![who(OWNER)]).unwrap(),
    }
}

/// A WRITE leg that sets keys under exclusive locks.
pub fn write(chain: ChainId, keys: &[&str], value: &str) -> Leg {
    let operations = keys.iter().map(|at_key| at(BOOK, set(at_key, value))).collect();
    leg(chain, LegMode::Write, keys.iter().map(|at| exclusive(at)).collect(), operations)
}

/// A WRITE leg that moves counters by amounts.
pub fn transfer(chain: ChainId, amounts: &[(&str, i64)]) -> Leg {
    let operations = amounts.iter().map(|(counter, amount)| at(BOOK, add(counter, *amount))).collect();
    leg(chain, LegMode::Write, amounts.iter().map(|(at, amount)| delta(at, *amount)).collect(), operations)
}

/// A READ leg of one key.
pub fn read(chain: ChainId, keys: &[&str]) -> Leg {
    leg(chain, LegMode::Read, keys.iter().map(|at| shared(at)).collect(), Vec::new())
}

/// A NOTIFY leg that sets keys.
pub fn notify(chain: ChainId, keys: &[&str], value: &str) -> Leg {
    Leg { mode: LegMode::Notify, ..write(chain, keys, value) }
}

pub fn signed_by(seed: u8, message: &[u8]) -> SignerSignature {
    SignerSignature { public_key: secret(seed).public_key(), signature: secret(seed).sign(message) }
}

pub fn authorisations(relay: &ChainId, id: &ProposalId, index: u8, leg: &Leg) -> SortedVec<SignerSignature, 16> {
    let message = authorisation_sign_bytes(relay, id, index);
    SortedVec::new(leg.authorisers.iter().map(|address| signed_by(seed_of(address), &message)).collect()).unwrap()
}

/// Signs a body with everybody it lists.
pub fn sign(body: ProposalBody) -> Submit {
    let id = body.id();
    let approval = approval_sign_bytes(&id);
    let approvals = body.members.iter().map(|address| signed_by(seed_of(address), &approval)).collect();
    let per_leg =
        (0u8..).zip(&body.legs).map(|(index, leg)| authorisations(&body.relay, &id, index, leg)).collect::<Vec<_>>();
    Submit { approvals: SortedVec::new(approvals).unwrap(), authorisations: Bounded::new(per_leg).unwrap(), body }
}

pub fn body(relay: ChainId, nonce: u64, valid_until: u64, t_prep: u32, legs: Vec<Leg>) -> ProposalBody {
    ProposalBody {
        relay,
        proposer: who(ALICE),
        nonce,
        valid_until: Height(valid_until),
        t_prep,
        members: SortedVec::new(vec![who(ALICE)]).unwrap(),
        legs: SortedVec::from_unsorted(legs).unwrap(),
        memo_hash: Hash::ZERO,
    }
}

/// A transaction; its own signatures are the engine's to verify and are left out.
pub fn transaction(chain: ChainId, author: u8, operations: Vec<LedgerOperation>) -> Input {
    let signers = vec![Signer { address: who(author), role: SignerRole::Author }];
    Input::Transaction(Box::new(Transaction {
        body: TransactionBody {
            chain,
            replay: Replay::Window { valid_until: Height(1_000_000), nonce: 1 },
            signers: SortedVec::new(signers).unwrap(),
            fuel_limit: 100_000_000,
            operations: Bounded::new(operations).unwrap(),
        },
        signatures: SortedVec::default(),
    }))
}

fn book(ledger: LedgerId, text: &str) -> LedgerGenesis {
    let roles = ["admin"].map(|role| Role(Text::new(role).unwrap()));
    let grants = roles
        .iter()
        .flat_map(|role| {
            [Permission::ManageAccounts, Permission::Govern]
                .into_iter()
                .filter(|permission| (*permission == Permission::Govern) == (ledger == SYSTEM))
                .map(|permission| Grant { role: role.clone(), permission })
        })
        .collect();
    LedgerGenesis { ledger, name: Text::new(text).unwrap(), grants: SortedVec::from_unsorted(grants).unwrap() }
}

fn register(seed: u8, roles: &[&str]) -> Operation {
    Operation::RegisterIdentity(IdentityRegistration {
        public_key: secret(seed).public_key(),
        organisation: Text::new("org").unwrap(),
        roles: SortedVec::from_unsorted(roles.iter().map(|text| Role(Text::new(*text).unwrap())).collect()).unwrap(),
    })
}

fn declare(name: &str, kind: AccountKind, lockable: bool) -> Operation {
    Operation::DeclareAccount(AccountDeclaration {
        account: account(name),
        kind,
        mode: AccountMode { owner: who(OWNER), group: Choice::None, group_write: false, others_write: false },
        policy: SigningPolicy::any(),
        read_policy: ReadPolicy::Members,
        lockable,
    })
}

pub const COUNTERS: [&str; 3] = ["c0", "c1", "c2"];
pub const START_VALUE: i64 = 100;
pub const MAX_VALUE: i64 = 1_000;

pub fn empty_genesis(archive: &SyntheticChain, role: ChainRole, parameters: &Parameters) -> Genesis {
    Genesis {
        suite: archive.id.suite,
        kind: CertificateKind::Bft,
        role,
        salt: [1; 32],
        name: Text::new("test").unwrap(),
        timestamp_ms: archive.header(Height(0)).timestamp_ms,
        validators: archive.current.set.clone(),
        parameters: parameters.clone(),
        ledgers: SortedVec::new(vec![book(SYSTEM, "system")]).unwrap(),
        operations: Bounded::new(Vec::new()).unwrap(),
    }
}

/// Book 1 holds `cash` (counters `c0`, `c1`, `c2` of 0…1,000 at 100), `news` for events, and `private`, which no leg
/// may lock; book 2 holds `cash` and `news`.
pub fn subchain_genesis(archive: &SyntheticChain, relay: &SyntheticChain, parameters: &Parameters) -> Genesis {
    let trusted = relay.trusted(Height(0));
    let anchor = RelayAnchor {
        relay: relay.id,
        kind: trusted.kind,
        height_on_relay: Height(0),
        header_hash_on_relay: relay.id.suite.foreign(trusted.header_hash),
        next_validators_on_relay: trusted.next_validators,
    };
    let mut operations = vec![at(SYSTEM, register(OWNER, &["admin"]))];
    for ledger in [BOOK, OTHER_BOOK] {
        operations.extend([OWNER, GUEST].map(|seed| at(ledger, register(seed, &[]))));
        operations.push(at(ledger, declare("cash", AccountKind::Data, true)));
        operations.push(at(ledger, declare("news", AccountKind::Event, true)));
    }
    operations.push(at(BOOK, declare("private", AccountKind::Data, false)));
    for counter in COUNTERS {
        operations.push(at(
            BOOK,
            Operation::DeclareCounter(CounterDeclaration {
                account: account("cash"),
                key: key(counter),
                min: 0,
                max: MAX_VALUE,
                initial: START_VALUE,
            }),
        ));
    }
    Genesis {
        ledgers: SortedVec::new(vec![book(SYSTEM, "system"), book(BOOK, "book"), book(OTHER_BOOK, "other")]).unwrap(),
        operations: Bounded::new(operations).unwrap(),
        ..empty_genesis(archive, ChainRole::Subchain { anchor }, parameters)
    }
}

/// One chain.
#[derive(Clone)]
pub struct Chain<M> {
    pub machine: M,
    pub archive: SyntheticChain,
    pub store: MemoryStore,
    pub parameters: Parameters,
    /// The keys behind the set that the machine will name next.
    pub to_come: Option<KeySet>,
    /// The ledgers after the newest block.
    pub ledgers: Vec<LedgerLeaf>,
}

impl<M: StateMachine> Chain<M> {
    pub fn new(machine: M, archive: SyntheticChain, genesis: &Genesis) -> Self {
        let delta = machine.genesis(genesis).unwrap().delta;
        let mut store = MemoryStore::default();
        store.apply(&delta.batch, true).unwrap();
        Self { machine, archive, store, parameters: genesis.parameters.clone(), to_come: None, ledgers: Vec::new() }
    }

    /// Another branch from here on: the same state, but no later block is the same.
    pub fn fork(&self) -> Self
    where
        M: Copy,
    {
        let mut archive = self.archive.clone();
        archive.step_ms += 1;
        let store = self.store.clone();
        let (parameters, ledgers) = (self.parameters.clone(), self.ledgers.clone());
        Self { machine: self.machine, archive, store, parameters, to_come: None, ledgers }
    }

    pub fn id(&self) -> ChainId {
        self.archive.id
    }

    pub fn tip(&self) -> u64 {
        self.archive.tip().0
    }

    pub fn facts(&self) -> BlockFacts {
        let tip = self.archive.header(self.archive.tip());
        BlockFacts {
            chain: self.id(),
            height: tip.height.next().unwrap(),
            timestamp_ms: TimestampMs(tip.timestamp_ms.0 + self.archive.step_ms),
            proposer: tip.proposer,
            parent: tip.hash(),
            parameters: self.parameters.clone(),
            validators: self.archive.current.set.clone(),
        }
    }

    /// Executes a block without committing it.
    pub fn try_block(&self, inputs: &[Input]) -> Result<Execution, ExecuteError> {
        self.machine.execute(&self.store, &self.facts(), inputs)
    }

    /// Executes, commits and archives a block.
    pub fn block(&mut self, inputs: Vec<Input>) -> Execution {
        let execution = self.try_block(&inputs).unwrap();
        self.store.apply(&execution.delta.batch, true).unwrap();
        let outbox = execution.outbox.iter().map(|entry| (entry.leaf, entry.messages.clone())).collect();
        let hands_over = execution.next_validators != self.archive.current.set;
        let next = hands_over.then(|| self.to_come.take().expect("the keys behind the next set"));
        self.ledgers = execution.delta.ledgers.clone();
        let leaves: Vec<Vec<u8>> = self.ledgers.iter().map(encode).collect();
        let root = merkle::Tree::new(self.id().suite, &leaves).root();
        self.archive.ledgers = CountedRoot { root, count: leaves.len() as u32 };
        self.archive.append(outbox, next);
        execution
    }

    /// The owner's chain hands over to other keys, by its own governance; gives the hand-off's height.
    pub fn hand_over(&mut self, seed: u8) -> Height {
        let keys = KeySet::new(self.id().suite, seed, 4);
        let change = ValidatorChange { effective_at: Height(self.tip() + 4), validators: keys.set.clone() };
        self.to_come = Some(keys);
        let input = transaction(self.id(), OWNER, vec![at(SYSTEM, Operation::SetValidators(change))]);
        assert_eq!(self.codes(vec![input])[0], [Code::OK]);
        while self.to_come.is_some() {
            self.block(Vec::new());
        }
        self.archive.tip()
    }

    /// What a block of these inputs is refused for: its code, or that it is valid.
    pub fn refusal(&self, inputs: &[Input]) -> Option<Code> {
        match self.try_block(inputs) {
            Ok(_) => None,
            Err(ExecuteError::Invalid { refusal, .. }) => Some(refusal.code),
            Err(fault) => panic!("{fault}"),
        }
    }

    /// What the pool refuses an input for.
    pub fn pool_refusal(&self, input: &Input) -> Option<Code> {
        match self.machine.admit(&self.store, &self.facts(), input) {
            Ok(_) => None,
            Err(ExecuteError::Invalid { refusal, .. }) => Some(refusal.code),
            Err(fault) => panic!("{fault}"),
        }
    }

    /// The codes of a block's inputs.
    pub fn codes(&mut self, inputs: Vec<Input>) -> Vec<Vec<Code>> {
        self.block(inputs).receipts.into_iter().map(|receipt| receipt.codes.into_vec()).collect()
    }

    pub fn blocks(&mut self, count: u64) {
        for _ in 0..count {
            self.block(Vec::new());
        }
    }

    /// Reads the state after the newest block.
    pub fn read<R>(&self, look: impl FnOnce(&BlockState<'_>) -> R) -> R {
        look(&BlockState::open(&self.store, self.id().suite, self.facts().height).unwrap())
    }

    /// Changes the state behind the machine's back: what no honest run does, but a test needs.
    pub fn tamper<R>(&mut self, change: impl FnOnce(&mut BlockState<'_>) -> R) -> R {
        let (result, delta) = {
            let mut state = BlockState::open(&self.store, self.id().suite, self.facts().height).unwrap();
            let result = change(&mut state);
            (result, state.finish().unwrap())
        };
        self.store.apply(&delta.batch, true).unwrap();
        result
    }

    pub fn value(&self, at: &str) -> Option<String> {
        self.read(|state| match state.live(&place(at)).unwrap()?.content {
            StateContent::Plain(bytes) => Some(String::from_utf8(bytes.into_vec()).unwrap()),
            StateContent::Counter { value, .. } => Some(value.to_string()),
            other => panic!("{other:?}"),
        })
    }

    pub fn counter(&self, at: &str) -> i64 {
        self.value(at).unwrap().parse().unwrap()
    }

    /// Rows of ledger 0 by account: records and working areas. What only ever grows by design is left out.
    pub fn census(&self) -> BTreeMap<String, usize> {
        const GROWING: [&str; 8] = [
            "working:ic-own-headers",
            "working:ic-inbox",
            "working:ic-peers",
            "working:ic-outbox-counters",
            "working:ic-known-height",
            "working:ic-trusted-history",
            "working:queue-counter",
            "motions",
        ];
        let mut census = BTreeMap::new();
        for (row, _) in self.store.entries() {
            let [b's', 0, 0, 0, 0, length, rest @ ..] = row else { continue };
            let name = String::from_utf8(rest[..usize::from(*length)].to_vec()).unwrap();
            if !GROWING.contains(&name.as_str()) {
                *census.entry(name).or_default() += 1;
            }
        }
        census
    }

    /// Runs a local transaction of the owner in a block of its own.
    pub fn local(&mut self, operations: Vec<Operation>) -> Code {
        let input = transaction(self.id(), OWNER, operations.into_iter().map(|it| at(BOOK, it)).collect());
        self.codes(vec![input])[0][0]
    }
}

/// The Advance that brings everything pending that one may hold; without messages only if `even_empty`.
pub fn pending<S: StateMachine, D: StateMachine>(
    source: &Chain<S>,
    destination: &Chain<D>,
    even_empty: bool,
) -> Option<Advance> {
    let (id, to) = (source.id(), destination.id());
    let (trusted, next) = destination
        .read(|state| Some((client(state, &id).unwrap()?.height_on_source, next_expected(state, &id).unwrap())))?;
    let floor = destination.read(|state| list_floor(state, &id).unwrap()).unwrap_or(Height::ZERO);
    let speaks = |height: &u64| source.archive.block(Height(*height)).outbox.iter().any(|(leaf, _)| leaf.peer == to);
    let tip = Height((1..=source.tip()).rev().find(speaks)?);
    let (mut blocks, mut messages, mut bytes) = (Vec::new(), 0, 0);
    for height in (floor.0 + 1..=tip.0).map(Height) {
        let found = source.archive.block(height).outbox.iter().find(|(leaf, _)| leaf.peer == to);
        let Some((leaf, list)) = found else { continue };
        if leaf.count == 0 || leaf.first < next {
            continue;
        }
        messages += list.len();
        bytes += list.iter().map(|message| encode(message).len()).sum::<usize>();
        if messages > MAX_LIST_MESSAGES || bytes > MAX_LIST_BYTES {
            break;
        }
        blocks.push(height);
    }
    if blocks.is_empty() && (!even_empty || tip <= trusted) {
        return None;
    }
    Some(source.archive.advance(trusted, tip, &to, &blocks))
}
