//! Random transactions never panic, and one that fails leaves nothing behind.

use super::fixture::*;
use crate::*;
use ledger_protocol::transaction::*;
use ledger_protocol::*;
use proptest::prelude::*;

const ACCOUNTS: [&str; 8] = ["cash", "till", "news", "vault", "shared", "new", "$accounts", ""];
const KEYS: [&str; 4] = ["a", "b", "balance", ""];
const ROLES: [&str; 4] = ["admin", "clerk", "registrar", ""];

fn expectation() -> impl Strategy<Value = Expectation> {
    prop_oneof![
        3 => Just(Expectation::Any),
        1 => Just(Expectation::Absent),
        1 => (0..3u64).prop_map(|version| Expectation::Version(Version(version))),
    ]
}

fn amount() -> impl Strategy<Value = i64> {
    prop_oneof![4 => -200..200i64, 1 => any::<i64>()]
}

fn rule() -> impl Strategy<Value = SigningRule> {
    prop_oneof![
        Just(SigningRule::Any),
        Just(SigningRule::All),
        Just(SigningRule::Majority),
        (0..4u16).prop_map(SigningRule::AtLeast),
        (0..9u32).prop_map(SigningRule::Weighted),
        (0..4u16).prop_map(SigningRule::Organisations),
    ]
}

fn operation() -> impl Strategy<Value = Operation> {
    let account_name = || prop::sample::select(&ACCOUNTS[..]);
    let state_key = || prop::sample::select(&KEYS[..]);
    let person = || 0..10u8;
    let role_name = || prop::sample::select(&ROLES[..]);
    let members = || prop::collection::btree_set(1..7u8, 0..4);
    let kind = prop_oneof![Just(AccountKind::Data), Just(AccountKind::Event), Just(AccountKind::Contract)];
    let account_state = prop_oneof![Just(AccountState::Open), Just(AccountState::Frozen), Just(AccountState::Closed)];
    let identity_state =
        prop_oneof![Just(IdentityState::Normal), Just(IdentityState::Frozen), Just(IdentityState::Revoked)];
    prop_oneof![
        6 => (account_name(), state_key(), "[a-z]{0,9}", expectation())
            .prop_map(|(account, key, value, expected)| set_expecting(account, key, &value, expected)),
        3 => (account_name(), state_key(), expectation()).prop_map(|(account, key, expected)| delete(account, key, expected)),
        3 => (account_name(), state_key(), amount(), amount(), amount())
            .prop_map(|(account, key, min, max, initial)| counter(account, key, min, max, initial)),
        4 => (account_name(), state_key(), amount()).prop_map(|(account, key, amount)| add(account, key, amount)),
        2 => (account_name(), state_key()).prop_map(|(account, topic)| event(account, topic)),
        1 => (person(), role_name()).prop_map(|(seed, text)| register(seed, &[text])),
        1 => (person(), role_name(), any::<bool>()).prop_map(|(seed, text, granted)| grant(seed, text, granted)),
        1 => (person(), identity_state).prop_map(|(seed, state)| set_identity(seed, state)),
        1 => (account_name(), kind, person(), rule(), members()).prop_map(|(text, kind, owner, rule, members)| {
            let mut declaration = account(text, kind, owner);
            declaration.policy = policy(rule, &members.into_iter().collect::<Vec<_>>());
            declare(declaration)
        }),
        1 => (account_name(), rule(), members()).prop_map(|(text, rule, members)| {
            Operation::SetAccountPermissions(SetAccountPermissions {
                account: name(text),
                mode: mode(1),
                policy: policy(rule, &members.into_iter().collect::<Vec<_>>()),
                read_policy: ReadPolicy::Open,
                lockable: true,
            })
        }),
        1 => (account_name(), account_state).prop_map(|(text, state)| set_account(text, state)),
        1 => (0..200u64).prop_map(|height| {
            Operation::SetValidators(ValidatorChange { effective_at: Height(height), validators: validators(&[1]) })
        }),
    ]
}

fn arbitrary_transaction() -> impl Strategy<Value = Transaction> {
    let ledger = prop_oneof![8 => Just(BOOK), 1 => Just(OTHER_BOOK), 1 => Just(SYSTEM), 1 => Just(LedgerId(9))];
    let operations = prop::collection::vec((ledger, operation()), 1..5);
    // Mostly people who may do something.
    let authors = prop_oneof![
        4 => Just(vec![1u8]),
        2 => Just(vec![ADMIN]),
        1 => Just(vec![1, 2, 3]),
        1 => prop::collection::btree_set(0..10u8, 1..4).prop_map(|seeds| seeds.into_iter().collect()),
    ];
    (authors, operations, prop_oneof![9 => Just(1_000_000u64), 1 => 0..5_000u64]).prop_map(
        |(authors, operations, fuel)| {
            let operations = operations.into_iter().map(|(ledger, operation)| at(ledger, operation)).collect();
            let mut transaction = transaction(&authors, operations);
            transaction.body.fuel_limit = fuel;
            transaction
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 384, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_block_without_its_failing_transactions_is_the_same(
        transactions in prop::collection::vec(arbitrary_transaction(), 1..12),
    ) {
        let world = World::new();
        let run = |transactions: &[Transaction]| {
            world.look(|state, facts| {
                transactions
                    .iter()
                    .map(|it| execute_transaction(state, facts, it, &mut NoSystemOperations).unwrap())
                    .collect::<Vec<_>>()
            })
        };
        let (outcomes, with) = run(&transactions);
        let good: Vec<Transaction> = transactions
            .iter()
            .zip(&outcomes)
            .filter(|(_, outcome)| outcome.code.is_ok())
            .map(|(transaction, _)| transaction.clone())
            .collect();
        let (alone, without) = run(&good);
        prop_assert!(alone.iter().all(|outcome| outcome.code.is_ok()));
        prop_assert_eq!(&with, &without);
        let changes: u32 = outcomes.iter().map(|outcome| outcome.changes).sum();
        prop_assert_eq!(changes as usize, with.changes.len());
        let mut next = 0;
        for (transaction, outcome) in transactions.iter().zip(&outcomes) {
            prop_assert_eq!(outcome.events.first, next);
            next += outcome.events.count;
            prop_assert!(outcome.fuel <= transaction.body.fuel_limit);
            if outcome.code.is_ok() {
                prop_assert_eq!(outcome.fuel, fuel::of_transaction(&transaction.body));
            }
        }
        prop_assert_eq!(next as usize, with.events.len());
        let again = run(&transactions);
        prop_assert_eq!((&again.0, &again.1), (&outcomes, &with));
    }
}
