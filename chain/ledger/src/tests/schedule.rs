//! When parameters and validators take over.

use super::fixture::*;
use crate::schedule::*;
use chain_state::StateDelta;
use ledger_protocol::chain::{Parameters, ValidatorSet};
use ledger_protocol::transaction::*;
use ledger_protocol::*;

fn parameters(effective_at: u64, max_key_bytes: u32) -> Operation {
    let parameters = Parameters { max_key_bytes, ..Parameters::subchain() };
    Operation::SetParameters(ParameterChange { effective_at: Height(effective_at), parameters })
}

fn set_validators(effective_at: u64, seeds: &[u8]) -> Operation {
    let validators = validators(seeds);
    Operation::SetValidators(ValidatorChange { effective_at: Height(effective_at), validators })
}

impl World {
    /// Ends blocks until `height` is next; what each said of the one after it.
    fn settle_until(&mut self, height: u64) -> Vec<(Height, ValidatorSet, Parameters)> {
        let mut seen = Vec::new();
        while self.facts.height.0 < height {
            let facts = self.facts.clone();
            let (validators, parameters) = self.block(|state, _| settle_block_end(state, &facts).unwrap());
            seen.push((facts.height, validators.clone(), parameters.clone()));
            (self.facts.validators, self.facts.parameters) = (validators, parameters);
        }
        seen
    }
}

#[test]
fn scheduling_asks_for_the_right_to_govern() {
    let world = World::new();
    for operation in [parameters(101, 64), set_validators(3, &[1])] {
        assert_eq!(world.code_on(SYSTEM, &[STRANGER], operation.clone()), Code::IDENTITY_UNKNOWN);
        assert_eq!(world.code_on(SYSTEM, &[1], operation.clone()), Code::DENIED);
        assert_eq!(world.code_on(BOOK, &[ADMIN], operation.clone()), Code::NOT_SYSTEM_LEDGER);
        assert_eq!(world.code_on(SYSTEM, &[ADMIN], operation), Code::OK);
    }
}

#[test]
fn what_comes_too_early_or_out_of_range_is_refused() {
    let world = World::new();
    let code = |operation| world.code_on(SYSTEM, &[ADMIN], operation);
    assert_eq!(world.facts.height, Height(1));
    assert_eq!(code(parameters(100, 64)), Code::BAD_ARGUMENT);
    assert_eq!(code(parameters(101, 64)), Code::OK);
    assert_eq!(code(parameters(101, 0)), Code::BAD_ARGUMENT);
    assert_eq!(code(parameters(MAX_SCHEDULE_AHEAD_BLOCKS + 2, 64)), Code::BAD_ARGUMENT);
    assert_eq!(code(parameters(u64::MAX, 64)), Code::BAD_ARGUMENT);
    assert_eq!(code(set_validators(2, &[1])), Code::BAD_ARGUMENT);
    assert_eq!(code(set_validators(3, &[1])), Code::OK);
    let newer = Parameters { protocol_version: 2, ..Parameters::subchain() };
    let newer = ParameterChange { effective_at: Height(500), parameters: newer };
    assert_eq!(code(Operation::SetParameters(newer)), Code::UNSUPPORTED);
    let guomi = suite::SecretKey::from_seed(Suite::Guomi, [1; 32]);
    let mut foreign = validators(&[1]).validators()[0].clone();
    foreign.public_key = guomi.public_key();
    let foreign = ValidatorSet::new(Suite::Guomi, vec![foreign]).unwrap();
    let foreign = ValidatorChange { effective_at: Height(500), validators: foreign };
    assert_eq!(code(Operation::SetValidators(foreign)), Code::KEY_UNACCEPTABLE);
}

#[test]
fn changes_take_over_at_their_exact_height() {
    let mut world = World::new();
    let old = world.facts.clone();
    assert_eq!(
        world.run(&[ADMIN], vec![at(SYSTEM, parameters(101, 64)), at(SYSTEM, set_validators(4, &[1, 2]))]),
        Code::OK
    );
    // A later decision for the same height replaces the earlier one.
    world.facts.height = Height(1);
    assert_eq!(world.run(&[ADMIN], vec![at(SYSTEM, set_validators(4, &[1, 2, 3]))]), Code::OK);
    for (height, next_validators, next_parameters) in world.settle_until(105) {
        let validators = if height.0 >= 3 { validators(&[1, 2, 3]) } else { old.validators.clone() };
        assert_eq!(next_validators, validators, "after {height}");
        let max_key_bytes = if height.0 >= 100 { 64 } else { 256 };
        assert_eq!(next_parameters.max_key_bytes, max_key_bytes, "after {height}");
    }
    world.look(|state, _| {
        assert_eq!(state.record(&current_validators_place()).unwrap(), Some(validators(&[1, 2, 3])));
        let current: Parameters = state.record(&current_parameters_place()).unwrap().unwrap();
        assert_eq!(current.max_key_bytes, 64);
    });
}

#[test]
fn a_block_without_a_due_change_changes_nothing() {
    let world = World::new();
    let ((validators, parameters), delta): (_, StateDelta) =
        world.look(|state, _| settle_block_end(state, &world.facts).unwrap());
    assert_eq!((validators, parameters), (world.facts.validators.clone(), world.facts.parameters.clone()));
    assert!(delta.changes.is_empty());
}

#[test]
fn few_changes_wait_at_once() {
    let mut world = World::new();
    let many = |count: u64| (0..count).map(|index| at(SYSTEM, set_validators(10 + index, &[1]))).collect();
    assert_eq!(world.run(&[ADMIN], many(17)), Code::LIMIT);
    assert_eq!(world.run(&[ADMIN], many(16)), Code::OK);
    assert_eq!(world.code_on(SYSTEM, &[ADMIN], set_validators(10, &[2])), Code::OK);
    assert_eq!(world.code_on(SYSTEM, &[ADMIN], set_validators(40, &[2])), Code::LIMIT);
    world.settle_until(11);
    assert_eq!(world.code_on(SYSTEM, &[ADMIN], set_validators(40, &[2])), Code::OK);
}
