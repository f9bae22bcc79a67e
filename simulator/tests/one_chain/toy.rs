//! A toy chain: every transaction writes the keys it names, without asking anybody.

use chain_engine::ReplicaLimits;
use chain_state::{
    Admission, BlockFacts, BlockState, ExecuteError, Execution, GenesisState, MemoryStore, Place, Refusal,
    StateMachine, StoreReader,
};
use ledger_protocol::chain::{
    CertificateKind, ChainRole, Genesis, Input, LedgerGenesis, Parameters, Section, ValidatorSet,
};
use ledger_protocol::codec::{Bounded, BoundedBytes, SortedVec, Text, encode};
use ledger_protocol::suite::SecretKey;
use ledger_protocol::transaction::{
    IndexRange, LedgerOperation, Operation, Receipt, Replay, Signer, SignerRole, SignerSignature, SigningPolicy,
    SigningRule, StateContent, Transaction, TransactionBody,
};
use ledger_protocol::{ChainId, Code, Hash, Height, LedgerId, Suite, TimestampMs};
use simulator::world::EPOCH_MS;
use simulator::{ChainIndex, ChainSpec, ProcessId, Seed, World, WorldConfig};
use std::sync::Arc;

/// Writes what it is told.
#[derive(Debug)]
pub(crate) struct ToyMachine;

impl StateMachine for ToyMachine {
    fn genesis(&self, genesis: &Genesis) -> Result<GenesisState, Refusal> {
        let empty = MemoryStore::default();
        let mut state = BlockState::open(&empty, genesis.suite, Height::ZERO).unwrap();
        for ledger in genesis.ledgers.iter() {
            state.create_ledger(ledger.ledger, ledger).unwrap();
        }
        Ok(GenesisState { delta: state.finish().unwrap() })
    }

    fn admit(&self, _: &dyn StoreReader, facts: &BlockFacts, input: &Input) -> Result<Admission, ExecuteError> {
        Ok(Admission {
            section: Section::Transactions,
            dedupe_key: input.hash(facts.chain.suite).as_bytes().to_vec(),
            rank: (0, 0),
            lane: Vec::new(),
            order: 0,
            is_work: true,
        })
    }

    fn execute(
        &self,
        reader: &dyn StoreReader,
        facts: &BlockFacts,
        inputs: &[Input],
    ) -> Result<Execution, ExecuteError> {
        let mut state = BlockState::open(reader, facts.chain.suite, facts.height)?;
        let mut receipts = Vec::new();
        for input in inputs {
            let Input::Transaction(transaction) = input else { panic!("the toy takes transactions only") };
            for operation in transaction.body.operations.iter() {
                if let Operation::SetKey(set) = &operation.operation {
                    let place = Place::new(operation.ledger, &set.account, &set.key);
                    state.put(&place, StateContent::Plain(set.value.clone()))?;
                }
            }
            receipts.push(Receipt {
                input: transaction.id().0,
                codes: Bounded::new(vec![Code::OK]).unwrap(),
                fuel: 0,
                changes: 0,
                events: IndexRange::default(),
                result_hash: Hash::ZERO,
            });
        }
        Ok(Execution {
            receipts,
            delta: state.finish()?,
            outbox: Vec::new(),
            next_validators: facts.validators.clone(),
            next_parameters: facts.parameters.clone(),
            has_due_work: false,
        })
    }
}

/// The key of the n-th validator, the same in every world.
pub(crate) fn validator_key(suite: Suite, number: usize) -> SecretKey {
    SecretKey::from_seed(suite, suite.hash_parts(&[b"validator", &(number as u64).to_le_bytes()]).0)
}

/// A chain of `count` validators on processes `0..count`.
pub(crate) fn genesis(count: usize, parameters: Parameters) -> Genesis {
    let suite = Suite::Standard;
    let validators = (0..count).map(|number| {
        World::validator(ProcessId(number), &validator_key(suite, number), &format!("organisation {number}"))
    });
    let ledger = |number: u32| LedgerGenesis {
        ledger: LedgerId(number),
        name: Text::new(format!("ledger {number}")).unwrap(),
        grants: SortedVec::default(),
    };
    let members = SigningPolicy { rule: SigningRule::Any, members: SortedVec::default() };
    Genesis {
        suite,
        kind: CertificateKind::Bft,
        role: ChainRole::Relay { members: members.clone(), approvals: members, accepts_dev_chains: false },
        salt: [7; 32],
        name: Text::new("toy").unwrap(),
        timestamp_ms: TimestampMs(EPOCH_MS - 10_000),
        validators: ValidatorSet::new(suite, validators.collect()).unwrap(),
        parameters,
        ledgers: SortedVec::from_unsorted(vec![ledger(0), ledger(1)]).unwrap(),
        operations: Bounded::empty(),
    }
}

/// A world with one toy chain of `count` validators.
pub(crate) fn world(seed: Seed, config: WorldConfig, count: usize) -> (World, ChainIndex, Vec<ProcessId>) {
    let mut world = World::new(seed, config);
    let processes = world.add_processes(count);
    let chain = world.add_chain(ChainSpec {
        genesis: genesis(count, Parameters::subchain()),
        machine: Arc::new(ToyMachine),
        validators: processes.iter().map(|process| (*process, validator_key(Suite::Standard, process.0))).collect(),
        observers: Vec::new(),
        timeouts: Default::default(),
        limits: ReplicaLimits::default(),
    });
    (world, chain, processes)
}

/// The n-th transaction; valid for 1,000 blocks from the start.
pub(crate) fn transaction(chain: ChainId, number: u64) -> Input {
    written(chain, number, encode(&number))
}

/// As [`transaction`], with a value of so many bytes.
pub(crate) fn heavy(chain: ChainId, number: u64, bytes: usize) -> Input {
    written(chain, number, vec![7; bytes])
}

fn written(chain: ChainId, number: u64, value: Vec<u8>) -> Input {
    let key = SecretKey::from_seed(chain.suite, [9; 32]);
    let operation = Operation::SetKey(ledger_protocol::transaction::SetKey {
        account: Text::new("toys").unwrap(),
        key: BoundedBytes::new((number % 50).to_be_bytes().to_vec()).unwrap(),
        value: BoundedBytes::new(value).unwrap(),
        expected: ledger_protocol::transaction::Expectation::Any,
    });
    let body = TransactionBody {
        chain,
        replay: Replay::Window { valid_until: Height(1_000), nonce: number },
        signers: SortedVec::from_unsorted(vec![Signer { address: key.address(), role: SignerRole::Author }]).unwrap(),
        fuel_limit: 1_000,
        operations: Bounded::new(vec![LedgerOperation { ledger: LedgerId(1), operation }]).unwrap(),
    };
    let signature = key.sign(&Transaction::sign_bytes(&body.id()));
    let signatures =
        SortedVec::from_unsorted(vec![SignerSignature { public_key: key.public_key(), signature }]).unwrap();
    Input::Transaction(Box::new(Transaction { body, signatures }))
}
