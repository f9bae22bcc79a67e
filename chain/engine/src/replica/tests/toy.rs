//! A key-value toy behind the StateMachine port: as little state as makes blocks differ.

use chain_state::{
    Admission, BlockFacts, ExecuteError, Execution, GenesisState, Refusal, StateDelta, StateMachine, StoreReader,
};
use ledger_protocol::chain::{
    CertificateKind, ChainRole, Genesis, Input, LedgerGenesis, LedgerLeaf, Parameters, Validator, ValidatorSet,
};
use ledger_protocol::codec::{Bounded, SortedVec, Text, encode};
use ledger_protocol::suite::SecretKey;
use ledger_protocol::transaction::{
    Expectation, IndexRange, LedgerOperation, Operation, Receipt, Replay, SetKey, Signer, SignerRole, SignerSignature,
    SigningPolicy, StateKey, Transaction, TransactionBody, Value,
};
use ledger_protocol::{AccountName, Code, Hash, Height, LedgerId, Suite, TimestampMs};

/// Writes every SetKey into a row; the ledger's root is the hash of the root before and the inputs.
pub(crate) struct Toy;

/// A block with this key is invalid: the machine refuses it in `execute` though it admitted it.
pub(crate) const POISON: &[u8] = b"poison";

fn root(reader: &dyn StoreReader) -> Hash {
    let stored = reader.get(b"s/root").unwrap();
    stored.map_or(Hash([7; 32]), |bytes| Hash(bytes.try_into().unwrap()))
}

fn leaf(version: u64, state_root: Hash) -> LedgerLeaf {
    LedgerLeaf { ledger: LedgerId::SYSTEM, state_version: version, state_root, settings_hash: Hash([1; 32]) }
}

pub(crate) fn key_of(input: &Input) -> Option<Vec<u8>> {
    let Input::Transaction(transaction) = input else { return None };
    match &transaction.body.operations[0].operation {
        Operation::SetKey(set) => Some(set.key.to_vec()),
        _ => None,
    }
}

impl StateMachine for Toy {
    fn genesis(&self, _genesis: &Genesis) -> Result<GenesisState, Refusal> {
        let mut delta = StateDelta { ledgers: vec![leaf(0, Hash([7; 32]))], ..StateDelta::default() };
        delta.batch.put(b"s/root".to_vec(), vec![7; 32]);
        Ok(GenesisState { delta })
    }

    fn admit(&self, _reader: &dyn StoreReader, _facts: &BlockFacts, input: &Input) -> Result<Admission, ExecuteError> {
        let Input::Transaction(transaction) = input else {
            let refusal = Refusal { code: Code::UNSUPPORTED, reason: "no".into() };
            return Err(ExecuteError::Invalid { index: 0, refusal });
        };
        Ok(Admission {
            section: ledger_protocol::chain::Section::Transactions,
            dedupe_key: encode(&transaction.id()),
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
        let suite = facts.chain.suite;
        let mut delta = StateDelta::default();
        let mut state_root = root(reader);
        let mut receipts = Vec::new();
        for (index, input) in inputs.iter().enumerate() {
            let key = key_of(input).unwrap();
            if key == POISON {
                let refusal = Refusal { code: Code::BAD_ARGUMENT, reason: "poison".into() };
                return Err(ExecuteError::Invalid { index, refusal });
            }
            let hash = input.hash(suite);
            state_root = suite.hash_parts(&[state_root.as_bytes(), hash.as_bytes()]);
            delta.batch.put([b"s/".as_slice(), &key].concat(), hash.as_bytes().to_vec());
            receipts.push(Receipt {
                input: hash,
                codes: Bounded::new(vec![Code::OK]).unwrap(),
                fuel: 1,
                changes: 0,
                events: IndexRange::default(),
                result_hash: Hash([2; 32]),
            });
        }
        delta.batch.put(b"s/root".to_vec(), state_root.as_bytes().to_vec());
        delta.ledgers = vec![leaf(facts.height.0, state_root)];
        Ok(Execution {
            receipts,
            delta,
            outbox: Vec::new(),
            next_validators: facts.validators.clone(),
            next_parameters: facts.parameters.clone(),
            has_due_work: false,
        })
    }
}

pub(crate) fn validator_key(node: usize) -> SecretKey {
    SecretKey::from_seed(Suite::Standard, [node as u8 + 1; 32])
}

pub(crate) fn network_key_hash(node: usize) -> Hash {
    Hash([node as u8 + 101; 32])
}

pub(crate) fn genesis(validators: usize) -> Genesis {
    let suite = Suite::Standard;
    let policy = SigningPolicy::any();
    let set = (0..validators)
        .map(|node| Validator {
            public_key: validator_key(node).public_key(),
            power: 1,
            organisation: Text::new(format!("org {node}")).unwrap(),
            network_key_hash: network_key_hash(node),
        })
        .collect();
    let ledger =
        LedgerGenesis { ledger: LedgerId::SYSTEM, name: Text::new("system").unwrap(), grants: SortedVec::default() };
    Genesis {
        suite,
        kind: CertificateKind::Bft,
        role: ChainRole::Relay { members: policy.clone(), approvals: policy, accepts_dev_chains: false },
        salt: [9; 32],
        name: Text::new("toy").unwrap(),
        timestamp_ms: TimestampMs(1_000),
        validators: ValidatorSet::new(suite, set).unwrap(),
        parameters: Parameters { replay_window_blocks: 20, ..Parameters::subchain() },
        ledgers: SortedVec::new(vec![ledger]).unwrap(),
        operations: Bounded::empty(),
    }
}

/// A signed transaction that writes `key`.
pub(crate) fn transaction(genesis: &Genesis, signer: u8, key: &[u8], valid_until: u64, nonce: u64) -> Transaction {
    let secret = SecretKey::from_seed(genesis.suite, [signer; 32]);
    let set = SetKey {
        account: AccountName::new("data").unwrap(),
        key: StateKey::new(key.to_vec()).unwrap(),
        value: Value::new(vec![3; 100]).unwrap(),
        expected: Expectation::Any,
    };
    let body = TransactionBody {
        chain: genesis.chain_id(),
        replay: Replay::Window { valid_until: Height(valid_until), nonce },
        signers: SortedVec::new(vec![Signer { address: secret.address(), role: SignerRole::Author }]).unwrap(),
        fuel_limit: 10,
        operations: Bounded::new(vec![LedgerOperation { ledger: LedgerId(1), operation: Operation::SetKey(set) }])
            .unwrap(),
    };
    let signature = secret.sign(&Transaction::sign_bytes(&body.id()));
    let signatures = SortedVec::new(vec![SignerSignature { public_key: secret.public_key(), signature }]).unwrap();
    Transaction { body, signatures }
}
