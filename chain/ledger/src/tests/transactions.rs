//! All or nothing, fuel, sequences, and where an operation may run.

use super::fixture::*;
use crate::*;
use chain_state::{BlockState, StoreFault};
use ledger_protocol::chain::{CertificateKind, RelayAnchor};
use ledger_protocol::interchain::Motion;
use ledger_protocol::proposal::Cancel;
use ledger_protocol::transaction::*;
use ledger_protocol::*;

fn anchor() -> Operation {
    Operation::SetRelayAnchor(RelayAnchor {
        relay: genesis().chain_id(),
        kind: CertificateKind::Dev,
        height_on_relay: Height(1),
        header_hash_on_relay: Suite::Standard.foreign(Hash([8; 32])),
        next_validators_on_relay: validators(&[200]),
    })
}

fn motion() -> Operation {
    Operation::ProposeMotion(MotionProposal {
        motion: Motion::Freeze(genesis().chain_id()),
        reason: codec::Text::new("why").unwrap(),
        valid_until: Height(10),
        nonce: 0,
    })
}

fn cancel() -> Operation {
    let id = ProposalId(Suite::Standard.foreign(Hash([1; 32])));
    Operation::CancelProposal(Cancel { id, valid_until: Height(5) })
}

/// Writes a record for every operation it is handed, and refuses cancels after writing.
#[derive(Default)]
struct Recorder(Vec<(Vec<Address>, u16)>);

impl SystemOperations for Recorder {
    fn operation(
        &mut self,
        state: &mut BlockState<'_>,
        authors: &[Address],
        operation: &Operation,
    ) -> Result<Result<Vec<u8>, Code>, StoreFault> {
        self.0.push((authors.to_vec(), operation.code()));
        state.put_working("test", b"a", b"1")?;
        Ok(if matches!(operation, Operation::CancelProposal(_)) { Err(Code::NOT_PROPOSER) } else { Ok(vec![7]) })
    }
}

#[test]
fn a_failing_transaction_leaves_its_neighbours_alone() {
    let world = World::new();
    let good = |text: &str| transaction(&[1], vec![at(BOOK, set("cash", text, "1")), at(BOOK, event("news", "a"))]);
    let bad = transaction(
        &[1],
        vec![
            at(BOOK, set("cash", "b", "1")),
            at(BOOK, add("cash", "balance", 5)),
            at(BOOK, event("news", "a")),
            at(BOOK, add("cash", "balance", 10_000)),
        ],
    );
    let run = |transactions: Vec<Transaction>| {
        world.look(|state, facts| {
            let execute =
                |transaction| execute_transaction(state, facts, transaction, &mut NoSystemOperations).unwrap();
            transactions.iter().map(execute).collect::<Vec<_>>()
        })
    };
    let (outcomes, with) = run(vec![good("a"), bad, good("c")]);
    let (_, without) = run(vec![good("a"), good("c")]);
    assert_eq!(outcomes.iter().map(|outcome| outcome.code).collect::<Vec<_>>(), [Code::OK, Code::BOUND, Code::OK]);
    assert_eq!(outcomes[1].changes, 0);
    assert_eq!(outcomes[1].result_hash, result_hash(Suite::Standard, &[]));
    assert_ne!(outcomes[0].result_hash, outcomes[1].result_hash);
    assert!(outcomes[1].fuel > 0);
    assert_eq!(with, without);
}

#[test]
fn fuel_is_known_beforehand_and_exact() {
    let world = World::new();
    let mut it = transaction(&[1, 2], vec![at(BOOK, set("cash", "a", "1")), at(BOOK, event("news", "a"))]);
    let needed = fuel::of_transaction(&it.body);
    let run = |transaction: &Transaction| {
        world.look(|state, facts| execute_transaction(state, facts, transaction, &mut NoSystemOperations).unwrap())
    };
    it.body.fuel_limit = needed;
    let (outcome, _) = run(&it);
    assert_eq!((outcome.code, outcome.fuel), (Code::OK, needed));
    for limit in [0, 1, fuel::of_envelope(&it.body), needed - 1] {
        it.body.fuel_limit = limit;
        let (outcome, delta) = run(&it);
        assert_eq!((outcome.code, outcome.fuel), (Code::FUEL, limit));
        assert!(delta.changes.is_empty() && delta.events.is_empty());
    }
}

#[test]
fn a_sequence_advances_whatever_the_receipt_says() {
    let mut world = World::new();
    let numbered = |expected: u64, authors: &[u8], operation: Operation| {
        let mut transaction = transaction(authors, vec![at(BOOK, operation)]);
        transaction.body.replay = Replay::Sequence { expected: Sequence(expected) };
        transaction
    };
    let step = |world: &mut World, transaction: &Transaction| {
        world.block(|state, facts| {
            check_and_advance_sequence(state, &transaction.body)?;
            Ok::<_, SequenceError>(execute_transaction(state, facts, transaction, &mut NoSystemOperations)?.code)
        })
    };
    let next = |world: &World, seed| world.look(|state, _| sequence_of(state, &who(seed)).unwrap()).0;
    assert_eq!(next(&world, 1), Sequence(0));
    assert_eq!(step(&mut world, &numbered(0, &[1], set("cash", "a", "1"))), Ok(Code::OK));
    assert_eq!(step(&mut world, &numbered(1, &[1], set("nowhere", "a", "1"))), Ok(Code::ACCOUNT_UNKNOWN));
    assert_eq!(next(&world, 1), Sequence(2));
    for wrong in [0, 1, 3] {
        let refused = step(&mut world, &numbered(wrong, &[1], set("cash", "a", "1")));
        assert_eq!(
            refused,
            Err(SequenceError::Mismatch { expected: Sequence(wrong), next: Sequence(2) }),
            "{:?}",
            SequenceError::CODE
        );
    }
    assert_eq!(next(&world, 1), Sequence(2));
    // The first of several signers counts; a window transaction touches no counter.
    let pair = numbered(0, &[2, 3], set("shared", "a", "1"));
    let first = pair.body.signers[0].address;
    assert_eq!(step(&mut world, &pair), Ok(Code::OK));
    for seed in [2, 3] {
        assert_eq!(next(&world, seed), Sequence(u64::from(who(seed) == first)));
    }
    assert_eq!(step(&mut world, &transaction(&[1], vec![at(BOOK, set("cash", "a", "1"))])), Ok(Code::OK));
    assert_eq!(next(&world, 1), Sequence(2));
}

#[test]
fn system_operations_run_on_ledger_0_alone() {
    let world = World::new();
    for operation in [motion(), cancel(), anchor()] {
        assert_eq!(world.code_on(BOOK, &[ADMIN], operation.clone()), Code::NOT_SYSTEM_LEDGER);
        assert_eq!(world.code_on(SYSTEM, &[ADMIN], operation), Code::UNSUPPORTED);
    }
    let change = ValidatorChange { effective_at: Height(50), validators: validators(&[1]) };
    assert_eq!(world.code_on(BOOK, &[ADMIN], Operation::SetValidators(change)), Code::NOT_SYSTEM_LEDGER);
}

#[test]
fn system_operations_are_handed_on_with_their_authors() {
    let mut world = World::new();
    let mut recorder = Recorder::default();
    let mut run = |world: &mut World, authors: &[u8], operations: Vec<Operation>| {
        let transaction = transaction(authors, operations.into_iter().map(|it| at(SYSTEM, it)).collect());
        world.block(|state, facts| {
            let outcome = execute_transaction(state, facts, &transaction, &mut recorder).unwrap();
            (outcome.code, state.working("test", b"a").unwrap().is_some())
        })
    };
    // Anyone may carry a proposal or propose a motion; membership is the machine's to check.
    assert_eq!(run(&mut world, &[STRANGER], vec![cancel()]), (Code::NOT_PROPOSER, false));
    assert_eq!(run(&mut world, &[STRANGER], vec![motion(), cancel()]), (Code::NOT_PROPOSER, false));
    // The anchor asks for the right to govern.
    assert_eq!(run(&mut world, &[STRANGER], vec![anchor()]), (Code::IDENTITY_UNKNOWN, false));
    assert_eq!(run(&mut world, &[1], vec![anchor()]), (Code::DENIED, false));
    assert_eq!(run(&mut world, &[ADMIN], vec![anchor(), motion()]), (Code::OK, true));
    assert_eq!(world.run(&[ADMIN], vec![at(SYSTEM, set_identity(1, IdentityState::Frozen))]), Code::OK);
    assert_eq!(run(&mut world, &[1], vec![motion()]).0, Code::IDENTITY_FROZEN);
    let seen: Vec<u16> = recorder.0.iter().map(|(_, code)| *code).collect();
    assert_eq!(seen, [0x0702, 0x0603, 0x0702, 0x0605, 0x0603]);
    assert_eq!(recorder.0[0].0, [who(STRANGER)]);
}

#[test]
fn a_contract_operation_does_not_even_decode() {
    for code in contract::RESERVED_OPERATION_CODES {
        assert!(Operation::CODES.iter().all(|(known, _)| *known != code));
    }
    let error = codec::decode::<Operation>(&[0x01, 0x05, 0, 0], 100).unwrap_err().to_string();
    assert!(error.contains("0x0501"), "{error}");
}
