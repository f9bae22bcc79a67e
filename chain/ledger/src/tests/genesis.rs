//! What a chain starts from.

use super::fixture::*;
use crate::query;
use crate::schedule::{current_parameters_place, current_validators_place};
use crate::*;
use ledger_protocol::chain::{ChainRole, Parameters, ValidatorSet};
use ledger_protocol::codec::{Bounded, SortedVec};
use ledger_protocol::transaction::*;
use ledger_protocol::*;

fn refused(change: impl FnOnce(&mut chain::Genesis)) -> Code {
    let mut genesis = genesis();
    change(&mut genesis);
    World::of(&genesis).err().expect("a refusal").code
}

fn with(operation: LedgerOperation) -> Code {
    refused(|genesis| genesis.operations = Bounded::new(vec![operation]).unwrap())
}

#[test]
fn the_first_records_are_there() {
    let world = World::new();
    world.look(|state, _| {
        assert_eq!(state.ledgers().unwrap(), [SYSTEM, BOOK, OTHER_BOOK]);
        let parameters: Option<Parameters> = state.record(&current_parameters_place()).unwrap();
        assert_eq!(parameters, Some(Parameters::subchain()));
        let validators: Option<ValidatorSet> = state.record(&current_validators_place()).unwrap();
        assert_eq!(validators, Some(genesis().validators));
        let clerk = query::identity(state, BOOK, &who(2)).unwrap().unwrap();
        assert_eq!((clerk.roles.len(), clerk.state), (1, IdentityState::Normal));
        assert!(query::identity(state, BOOK, &who(STRANGER)).unwrap().is_none());
        assert!(query::account(state, BOOK, &name("private")).unwrap().is_some_and(|account| !account.lockable));
        assert_eq!(members::members(state).unwrap(), None);
    });
}

#[test]
fn a_relay_records_its_members_and_whose_approvals_it_wants() {
    let mut genesis = genesis();
    genesis.role = ChainRole::Relay {
        members: policy(SigningRule::Majority, &[1, 2, 3]),
        approvals: SigningPolicy::any(),
        accepts_dev_chains: true,
    };
    let world = World::of(&genesis).unwrap();
    world.look(|state, _| {
        assert_eq!(members::members(state).unwrap(), Some(policy(SigningRule::Majority, &[1, 2, 3])));
        assert_eq!(members::approvals(state).unwrap(), Some(SigningPolicy::any()));
        assert!(members::accepts_dev_chains(state).unwrap());
        assert!(members::set_members(state, &SigningPolicy::any()).is_err());
        assert!(members::set_members(state, &policy(SigningRule::AtLeast(4), &[1, 2, 3])).is_err());
        members::set_members(state, &policy(SigningRule::All, &[1])).unwrap();
        members::set_approvals(state, &policy(SigningRule::All, &[2])).unwrap();
        assert_eq!(members::members(state).unwrap(), Some(policy(SigningRule::All, &[1])));
        assert_eq!(members::approvals(state).unwrap(), Some(policy(SigningRule::All, &[2])));
    });
}

#[test]
fn what_is_no_genesis_is_refused() {
    assert_eq!(refused(|genesis| genesis.suite = Suite::Guomi), Code::BAD_ARGUMENT);
    assert_eq!(refused(|genesis| genesis.parameters.protocol_version = 2), Code::UNSUPPORTED);
    assert_eq!(refused(|genesis| genesis.parameters.max_key_bytes = 0), Code::BAD_ARGUMENT);
    assert_eq!(
        refused(|genesis| {
            let books = genesis.ledgers.iter().skip(1).cloned().collect();
            genesis.ledgers = SortedVec::new(books).unwrap();
        }),
        Code::LEDGER_UNKNOWN
    );
    assert_eq!(
        refused(|genesis| {
            genesis.role = ChainRole::Relay {
                members: SigningPolicy::any(),
                approvals: SigningPolicy::any(),
                accepts_dev_chains: false,
            };
        }),
        Code::BAD_ARGUMENT
    );
}

#[test]
fn first_operations_ask_for_no_permission_but_for_everything_else() {
    assert_eq!(with(at(LedgerId(7), register(1, &[]))), Code::LEDGER_UNKNOWN);
    assert_eq!(with(at(BOOK, set("cash", "a", "1"))), Code::ACCOUNT_UNKNOWN);
    assert_eq!(with(at(SYSTEM, set("parameters", "current", "1"))), Code::NOT_SYSTEM_LEDGER);
    assert_eq!(with(at(BOOK, event("news", "a"))), Code::UNSUPPORTED);
    let change = ValidatorChange { effective_at: Height(5), validators: validators(&[1]) };
    assert_eq!(with(at(SYSTEM, Operation::SetValidators(change))), Code::UNSUPPORTED);
    let vote = MotionVote { motion: Hash::ZERO, approve: true };
    assert_eq!(with(at(SYSTEM, Operation::VoteMotion(vote))), Code::UNSUPPORTED);
}
