//! Genesis objects of a development network.

use super::keys::ReplicaKeys;
use super::{AccountPlan, Plan, SubchainPlan};
use chain_engine::assemble::counted_root;
use ledger_protocol::chain::{
    CertificateKind, ChainRole, Genesis, Grant, Header, LedgerGenesis, Parameters, RelayAnchor, Validator, ValidatorSet,
};
use ledger_protocol::codec::{Bounded, SortedVec, Tag, Text};
use ledger_protocol::identifiers::Organisation;
use ledger_protocol::transaction::{
    AccountDeclaration, AccountKind, AccountMode, Choice, CounterDeclaration, IdentityRegistration, LedgerOperation,
    Operation, Permission, PolicyMember, ReadPolicy, Role, SigningPolicy, SigningRule, StateKey,
};
use ledger_protocol::{Height, LedgerId, PublicKey, Suite, TimestampMs};
use std::time::{SystemTime, UNIX_EPOCH};

/// The ledger that business accounts stand on.
pub const BUSINESS_LEDGER: LedgerId = LedgerId(1);
/// The role of a subchain's operator.
pub const OPERATOR_ROLE: &str = "operator";
const ADMIN_ROLE: &str = "admin";

fn words<const N: usize>(text: &str) -> Result<Text<N>, String> {
    Text::new(text).map_err(|error| format!("{text:?}: {error}"))
}

fn role(name: &str) -> Result<Role, String> {
    words(name).map(Role)
}

fn now() -> TimestampMs {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    TimestampMs(u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX))
}

/// A salt of its own for every network, so that two networks never share a chain id.
fn salt() -> Result<[u8; 32], String> {
    let mut salt = [0u8; 32];
    getrandom::fill(&mut salt).map_err(|error| error.to_string())?;
    Ok(salt)
}

fn validators(suite: Suite, chain: &str, replicas: &[ReplicaKeys]) -> Result<ValidatorSet, String> {
    let mut validators = Vec::new();
    for (index, replica) in replicas.iter().enumerate() {
        let key = hex::decode(&replica.network_public_key).map_err(|error| error.to_string())?;
        // The relay is run by its members, one each; a subchain by the organisation whose books it holds.
        let organisation: Organisation =
            if chain == super::RELAY { words(&format!("{chain}-{index}"))? } else { words(chain)? };
        validators.push(Validator {
            public_key: replica.vote,
            power: 1,
            organisation,
            network_key_hash: suite.hash_tagged(Tag::NETWORK_KEY, &[&key]),
        });
    }
    ValidatorSet::new(suite, validators).map_err(|error| error.to_string())
}

fn ledger(ledger: LedgerId, name: &str, grants: &[(&str, Permission)]) -> Result<LedgerGenesis, String> {
    let mut list = Vec::new();
    for (name, permission) in grants {
        list.push(Grant { role: role(name)?, permission: *permission });
    }
    Ok(LedgerGenesis {
        ledger,
        name: words(name)?,
        grants: SortedVec::from_unsorted(list).map_err(|error| error.to_string())?,
    })
}

const ADMIN_GRANTS: &[(&str, Permission)] = &[
    (ADMIN_ROLE, Permission::RegisterIdentity),
    (ADMIN_ROLE, Permission::ManageIdentities),
    (ADMIN_ROLE, Permission::DeclareAccount),
    (ADMIN_ROLE, Permission::ManageAccounts),
    (ADMIN_ROLE, Permission::Govern),
];

fn identity(ledger: LedgerId, key: PublicKey, organisation: &str, roles: &[&str]) -> Result<LedgerOperation, String> {
    let mut list = Vec::new();
    for name in roles {
        list.push(role(name)?);
    }
    let registration = IdentityRegistration {
        public_key: key,
        organisation: words(organisation)?,
        roles: SortedVec::from_unsorted(list).map_err(|error| error.to_string())?,
    };
    Ok(LedgerOperation { ledger, operation: Operation::RegisterIdentity(registration) })
}

/// The relay: one consortium member decides motions and approves proposals.
pub(super) fn relay(plan: &Plan, member: &PublicKey, replicas: &[ReplicaKeys]) -> Result<Genesis, String> {
    let suite = plan.relay_suite;
    let member_entry = PolicyMember { address: member.address(), weight: 1, organisation: words("consortium")? };
    let policy = SigningPolicy {
        rule: SigningRule::Any,
        members: SortedVec::new(vec![member_entry]).map_err(|error| error.to_string())?,
    };
    Ok(Genesis {
        suite,
        kind: CertificateKind::Bft,
        role: ChainRole::Relay { members: policy.clone(), approvals: policy, accepts_dev_chains: false },
        salt: salt()?,
        name: words(super::RELAY)?,
        timestamp_ms: now(),
        validators: validators(suite, super::RELAY, replicas)?,
        parameters: Parameters { min_block_interval_ms: plan.relay_pace_ms, ..Parameters::relay() },
        ledgers: SortedVec::new(vec![ledger(LedgerId::SYSTEM, "system", ADMIN_GRANTS)?])
            .map_err(|error| error.to_string())?,
        operations: Bounded::new(vec![identity(LedgerId::SYSTEM, *member, "consortium", &[ADMIN_ROLE])?])
            .map_err(|error| error.to_string())?,
    })
}

/// Header 0 of a chain, by executing its genesis.
pub(super) fn header(genesis: &Genesis) -> Result<Header, String> {
    let machine = crate::config::machine_of(genesis);
    let state = machine.genesis(genesis).map_err(|refusal| refusal.to_string())?;
    Ok(genesis
        .header(counted_root(genesis.suite, &state.delta.changes), counted_root(genesis.suite, &state.delta.ledgers)))
}

/// Where a subchain's trust in the relay begins: header 0.
pub(super) fn anchor(relay: &Genesis) -> Result<RelayAnchor, String> {
    let header = header(relay)?;
    Ok(RelayAnchor {
        relay: header.chain,
        kind: relay.kind,
        height_on_relay: Height::ZERO,
        header_hash_on_relay: relay.suite.foreign(header.hash()),
        next_validators_on_relay: relay.validators.clone(),
    })
}

/// An account owned by the operator, with its counters.
fn account_operations(plan: &AccountPlan, operator: &PublicKey) -> Result<Vec<LedgerOperation>, String> {
    let account = words(&plan.name)?;
    let declaration = AccountDeclaration {
        account: account.clone(),
        kind: AccountKind::Data,
        mode: AccountMode { owner: operator.address(), group: Choice::None, group_write: false, others_write: false },
        policy: SigningPolicy::any(),
        read_policy: ReadPolicy::Members,
        lockable: true,
    };
    let on_ledger = |operation| LedgerOperation { ledger: BUSINESS_LEDGER, operation };
    let mut operations = vec![on_ledger(Operation::DeclareAccount(declaration))];
    for counter in &plan.counters {
        operations.push(on_ledger(Operation::DeclareCounter(CounterDeclaration {
            account: account.clone(),
            key: StateKey::new(counter.key.as_bytes().to_vec()).map_err(|error| error.to_string())?,
            min: counter.min,
            max: counter.max,
            initial: counter.initial,
        })));
    }
    Ok(operations)
}

/// A subchain: an administrator, an operator, and the accounts of the plan.
pub(super) fn subchain(
    plan: &SubchainPlan,
    anchor: &RelayAnchor,
    admin: &PublicKey,
    operator: &PublicKey,
    replicas: &[ReplicaKeys],
) -> Result<Genesis, String> {
    let mut operations = Vec::new();
    for ledger in [LedgerId::SYSTEM, BUSINESS_LEDGER] {
        operations.push(identity(ledger, *admin, &plan.name, &[ADMIN_ROLE])?);
        operations.push(identity(ledger, *operator, &plan.name, &[OPERATOR_ROLE])?);
    }
    for account in &plan.accounts {
        operations.extend(account_operations(account, operator)?);
    }
    let business =
        ledger(BUSINESS_LEDGER, "business", &[ADMIN_GRANTS, &[(OPERATOR_ROLE, Permission::DeclareAccount)]].concat())?;
    Ok(Genesis {
        suite: plan.suite,
        kind: CertificateKind::Bft,
        role: ChainRole::Subchain { anchor: anchor.clone() },
        salt: salt()?,
        name: words(&plan.name)?,
        timestamp_ms: now(),
        validators: validators(plan.suite, &plan.name, replicas)?,
        parameters: Parameters { min_block_interval_ms: plan.pace_ms, ..Parameters::subchain() },
        ledgers: SortedVec::new(vec![ledger(LedgerId::SYSTEM, "system", ADMIN_GRANTS)?, business])
            .map_err(|error| error.to_string())?,
        operations: Bounded::new(operations).map_err(|error| error.to_string())?,
    })
}
