//! A small chain in memory: ledger 0, two books, an admin and six people.

use crate::*;
use chain_state::{BlockFacts, BlockState, MemoryStore, StateDelta, StoreWriter};
use ledger_protocol::chain::{
    CertificateKind, ChainRole, Genesis, Grant, LedgerGenesis, Parameters, RelayAnchor, Validator, ValidatorSet,
};
use ledger_protocol::codec::{Bounded, BoundedBytes, SortedVec, Text};
use ledger_protocol::suite::SecretKey;
use ledger_protocol::transaction::*;
use ledger_protocol::*;
use std::sync::OnceLock;

pub const SYSTEM: LedgerId = LedgerId::SYSTEM;
pub const BOOK: LedgerId = LedgerId(1);
pub const OTHER_BOOK: LedgerId = LedgerId(2);

pub fn secret(seed: u8) -> SecretKey {
    SecretKey::from_seed(Suite::Standard, [seed; 32])
}
/// People by number: 0 is the admin; 1…6 are registered on book 1; 7… are strangers.
pub fn who(seed: u8) -> Address {
    static PEOPLE: OnceLock<Vec<Address>> = OnceLock::new();
    PEOPLE.get_or_init(|| (0..=u8::MAX).map(|seed| secret(seed).address()).collect())[usize::from(seed)]
}
fn chain() -> ChainId {
    static CHAIN: OnceLock<ChainId> = OnceLock::new();
    *CHAIN.get_or_init(|| genesis().chain_id())
}
pub const ADMIN: u8 = 0;
pub const STRANGER: u8 = 9;

pub fn name(text: &str) -> AccountName {
    AccountName::new(text).unwrap()
}
pub fn key(text: &str) -> StateKey {
    StateKey::new(text.as_bytes()).unwrap()
}
pub fn role(text: &str) -> Role {
    Role(Text::new(text).unwrap())
}
pub fn organisation(text: &str) -> identifiers::Organisation {
    Text::new(text).unwrap()
}

pub fn at(ledger: LedgerId, operation: Operation) -> LedgerOperation {
    LedgerOperation { ledger, operation }
}
pub fn register(seed: u8, roles: &[&str]) -> Operation {
    Operation::RegisterIdentity(IdentityRegistration {
        public_key: secret(seed).public_key(),
        organisation: organisation("org"),
        roles: SortedVec::from_unsorted(roles.iter().map(|text| role(text)).collect()).unwrap(),
    })
}
pub fn set(account: &str, at: &str, value: &str) -> Operation {
    set_expecting(account, at, value, Expectation::Any)
}
pub fn set_expecting(account: &str, at: &str, value: &str, expected: Expectation) -> Operation {
    Operation::SetKey(SetKey {
        account: name(account),
        key: key(at),
        value: BoundedBytes::new(value.as_bytes()).unwrap(),
        expected,
    })
}
pub fn delete(account: &str, at: &str, expected: Expectation) -> Operation {
    Operation::DeleteKey(DeleteKey { account: name(account), key: key(at), expected })
}
pub fn counter(account: &str, at: &str, min: i64, max: i64, initial: i64) -> Operation {
    Operation::DeclareCounter(CounterDeclaration { account: name(account), key: key(at), min, max, initial })
}
pub fn add(account: &str, at: &str, amount: i64) -> Operation {
    Operation::AddToCounter(AddToCounter { account: name(account), key: key(at), amount })
}
pub fn event(account: &str, topic: &str) -> Operation {
    Operation::PublishEvent(PublishEvent {
        account: name(account),
        topic: Text::new(topic).unwrap(),
        payload: BoundedBytes::new(b"hello".to_vec()).unwrap(),
    })
}
pub fn mode(owner: u8) -> AccountMode {
    AccountMode { owner: who(owner), group: Choice::None, group_write: false, others_write: false }
}
pub fn policy(rule: SigningRule, members: &[u8]) -> SigningPolicy {
    let members = members
        .iter()
        .map(|seed| PolicyMember {
            address: who(*seed),
            weight: u32::from(*seed),
            organisation: organisation(&format!("org {}", seed % 3)),
        })
        .collect();
    SigningPolicy { rule, members: SortedVec::from_unsorted(members).unwrap() }
}
pub fn account(text: &str, kind: AccountKind, owner: u8) -> AccountDeclaration {
    AccountDeclaration {
        account: name(text),
        kind,
        mode: mode(owner),
        policy: SigningPolicy::any(),
        read_policy: ReadPolicy::Members,
        lockable: true,
    }
}
pub fn declare(declaration: AccountDeclaration) -> Operation {
    Operation::DeclareAccount(declaration)
}
pub fn set_account(text: &str, state: AccountState) -> Operation {
    Operation::SetAccountState(SetAccountState { account: name(text), state })
}
pub fn set_identity(seed: u8, state: IdentityState) -> Operation {
    Operation::SetIdentityState(SetIdentityState { address: who(seed), state })
}
pub fn grant(seed: u8, text: &str, granted: bool) -> Operation {
    Operation::GrantRole(RoleGrant { address: who(seed), role: role(text), granted })
}

pub fn validators(seeds: &[u8]) -> ValidatorSet {
    let validators = seeds
        .iter()
        .map(|seed| Validator {
            public_key: secret(*seed).public_key(),
            power: 1,
            organisation: organisation("org"),
            network_key_hash: Hash([*seed; 32]),
        })
        .collect();
    ValidatorSet::new(Suite::Standard, validators).unwrap()
}

fn grants(pairs: &[(&str, Permission)]) -> SortedVec<Grant, 64> {
    let grants = pairs.iter().map(|(text, permission)| Grant { role: role(text), permission: *permission }).collect();
    SortedVec::from_unsorted(grants).unwrap()
}

/// Book 1 holds: `cash` and `till` (data, owned by 1), `news` (events, owned by 1), `vault` (data, anyone of the
/// ledger by mode, 3 of the five 1…5 by policy), `shared` (data, group `clerk` may write; 2 is a clerk),
/// `private` (data, owned by 1, not lockable).
pub fn genesis() -> Genesis {
    let anchor = RelayAnchor {
        relay: ChainId { suite: Suite::Standard, hash: Hash([7; 32]) },
        kind: CertificateKind::Dev,
        height_on_relay: Height(1),
        header_hash_on_relay: Suite::Standard.foreign(Hash([8; 32])),
        next_validators_on_relay: validators(&[200]),
    };
    let book = |ledger: LedgerId, text: &str| LedgerGenesis {
        ledger,
        name: Text::new(text).unwrap(),
        grants: grants(&[
            ("admin", Permission::RegisterIdentity),
            ("admin", Permission::ManageIdentities),
            ("admin", Permission::DeclareAccount),
            ("admin", Permission::ManageAccounts),
            ("registrar", Permission::RegisterIdentity),
        ]),
    };
    let system = LedgerGenesis {
        ledger: SYSTEM,
        name: Text::new("system").unwrap(),
        grants: grants(&[
            ("admin", Permission::RegisterIdentity),
            ("admin", Permission::ManageIdentities),
            ("governor", Permission::Govern),
        ]),
    };
    let mut operations = vec![
        at(SYSTEM, register(ADMIN, &["admin", "governor"])),
        at(SYSTEM, register(1, &[])),
        at(BOOK, register(ADMIN, &["admin"])),
        at(OTHER_BOOK, register(ADMIN, &["admin"])),
        at(OTHER_BOOK, register(1, &[])),
    ];
    operations.extend((1..=6).map(|seed| at(BOOK, register(seed, if seed == 2 { &["clerk"] } else { &[] }))));
    let mut vault = account("vault", AccountKind::Data, 1);
    vault.mode.others_write = true;
    vault.policy = policy(SigningRule::AtLeast(3), &[1, 2, 3, 4, 5]);
    let mut shared = account("shared", AccountKind::Data, 1);
    shared.mode.group = Choice::Some(role("clerk"));
    shared.mode.group_write = true;
    let mut private = account("private", AccountKind::Data, 1);
    private.lockable = false;
    let declarations = [
        account("cash", AccountKind::Data, 1),
        account("till", AccountKind::Data, 1),
        account("news", AccountKind::Event, 1),
        vault,
        shared,
        private,
    ];
    operations.extend(declarations.into_iter().map(|declaration| at(BOOK, declare(declaration))));
    operations.push(at(OTHER_BOOK, declare(account("cash", AccountKind::Data, 1))));
    operations.push(at(BOOK, counter("cash", "balance", 0, 1_000, 100)));
    Genesis {
        suite: Suite::Standard,
        kind: CertificateKind::Dev,
        role: ChainRole::Subchain { anchor },
        salt: [1; 32],
        name: Text::new("test").unwrap(),
        timestamp_ms: TimestampMs(1_000),
        validators: validators(&[100, 101, 102, 103]),
        parameters: Parameters::subchain(),
        ledgers: SortedVec::new(vec![system, book(BOOK, "book"), book(OTHER_BOOK, "other")]).unwrap(),
        operations: Bounded::new(operations).unwrap(),
    }
}

#[derive(Clone)]
pub struct World {
    pub store: MemoryStore,
    pub facts: BlockFacts,
}

impl World {
    pub fn new() -> Self {
        Self::of(&genesis()).unwrap()
    }

    pub fn of(genesis: &Genesis) -> Result<Self, chain_state::Refusal> {
        let mut store = MemoryStore::default();
        let delta = {
            let mut state = BlockState::open(&store, genesis.suite, Height::ZERO).unwrap();
            crate::genesis::execute(&mut state, genesis)?;
            state.finish().unwrap()
        };
        store.apply(&delta.batch, true).unwrap();
        let facts = BlockFacts {
            chain: genesis.chain_id(),
            height: Height(1),
            timestamp_ms: TimestampMs(2_000),
            proposer: genesis.validators.validators()[0].address(),
            parent: Hash([3; 32]),
            parameters: genesis.parameters.clone(),
            validators: genesis.validators.clone(),
        };
        Ok(Self { store, facts })
    }

    /// Runs something on the state of the next block without committing it.
    pub fn look<R>(&self, look: impl FnOnce(&mut BlockState<'_>, &LedgerFacts<'_>) -> R) -> (R, StateDelta) {
        let mut state = BlockState::open(&self.store, self.facts.chain.suite, self.facts.height).unwrap();
        let result = look(&mut state, &LedgerFacts::from(&self.facts));
        (result, state.finish().unwrap())
    }

    /// Runs a block and commits it.
    pub fn block<R>(&mut self, run: impl FnOnce(&mut BlockState<'_>, &LedgerFacts<'_>) -> R) -> R {
        let (result, delta) = self.look(run);
        self.store.apply(&delta.batch, true).unwrap();
        self.facts.height = self.facts.height.next().unwrap();
        result
    }

    /// Runs one transaction in a block of its own.
    pub fn run(&mut self, authors: &[u8], operations: Vec<LedgerOperation>) -> Code {
        let transaction = transaction(authors, operations);
        self.block(|state, facts| {
            execute_transaction(state, facts, &transaction, &mut NoSystemOperations).unwrap().code
        })
    }

    /// The code that one operation on book 1 would get, nothing committed.
    pub fn code(&self, authors: &[u8], operation: Operation) -> Code {
        self.code_on(BOOK, authors, operation)
    }

    pub fn code_on(&self, ledger: LedgerId, authors: &[u8], operation: Operation) -> Code {
        let transaction = transaction(authors, vec![at(ledger, operation)]);
        let run = |state: &mut BlockState<'_>, facts: &LedgerFacts<'_>| {
            execute_transaction(state, facts, &transaction, &mut NoSystemOperations).unwrap()
        };
        let (outcome, delta) = self.look(run);
        if !outcome.code.is_ok() {
            assert!(delta.changes.is_empty() && delta.events.is_empty(), "{:?} left changes", outcome.code);
            assert_eq!((outcome.changes, outcome.events.count), (0, 0));
        }
        outcome.code
    }
}

pub fn transaction(authors: &[u8], operations: Vec<LedgerOperation>) -> Transaction {
    signed(authors.iter().map(|seed| (*seed, SignerRole::Author)).collect(), operations)
}

pub fn signed(signers: Vec<(u8, SignerRole)>, operations: Vec<LedgerOperation>) -> Transaction {
    let signers = signers.into_iter().map(|(seed, role)| Signer { address: who(seed), role }).collect();
    Transaction {
        body: TransactionBody {
            chain: chain(),
            replay: Replay::Window { valid_until: Height(1_000), nonce: 1 },
            signers: SortedVec::from_unsorted(signers).unwrap(),
            fuel_limit: 100_000_000,
            operations: Bounded::new(operations).unwrap(),
        },
        // Signatures are verified before a transaction gets here.
        signatures: SortedVec::default(),
    }
}
