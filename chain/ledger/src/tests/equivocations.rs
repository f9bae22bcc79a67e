//! Reports of contradictions of this chain's validators: what is recorded, and what each refusal says.

use super::fixture::*;
use crate::equivocations::{EquivocationReported, MAX_REPORTS_PER_VALIDATOR, TOPIC, record};
use crate::schedule::{MAX_FORMER_SETS, validators_at};
use crate::settle_block_end;
use ledger_protocol::chain::{
    CertificateKind, Contradiction, Equivocation, Signed, ValidatorSet, VoteChoice, VoteKind, vote_sign_bytes,
};
use ledger_protocol::codec::decode;
use ledger_protocol::suite::SecretKey;
use ledger_protocol::system::accounts;
use ledger_protocol::transaction::*;
use ledger_protocol::*;

fn vote(key: &SecretKey, chain: &ChainId, height: u64, choice: VoteChoice) -> Signed<VoteChoice> {
    let (kind, height) = (CertificateKind::Dev, Height(height));
    let bytes = vote_sign_bytes(VoteKind::Precommit, kind, chain, height, Round(0), choice.header_hash());
    Signed { choice, signature: key.sign(&bytes) }
}

fn of(validator: u8, chain: &ChainId, height: u64) -> Equivocation {
    let key = secret(validator);
    let [one, other] =
        [VoteChoice::Nil, VoteChoice::Block(Hash([5; 32]))].map(|choice| vote(&key, chain, height, choice));
    Equivocation {
        kind: CertificateKind::Dev,
        chain: *chain,
        height: Height(height),
        round: Round(0),
        validator: key.public_key(),
        contradiction: Contradiction::of_votes(VoteKind::Precommit, one, other),
    }
}

fn report(equivocation: Equivocation) -> Operation {
    Operation::ReportEquivocation(equivocation)
}

impl World {
    fn twice_signed(&self, validator: u8, height: u64) -> Operation {
        report(of(validator, &self.facts.chain, height))
    }

    /// Ends the block with what governance scheduled.
    fn end_block(&mut self) {
        let facts = self.facts.clone();
        (self.facts.validators, self.facts.parameters) =
            self.block(|state, _| settle_block_end(state, &facts).unwrap());
    }

    /// Lets a validator set take over as soon as it may; the first height that it certifies.
    fn hand_over(&mut self, seeds: &[u8]) -> u64 {
        let effective_at = Height(self.facts.height.0 + 2);
        let change = ValidatorChange { effective_at, validators: validators(seeds) };
        let operation = transaction(&[ADMIN], vec![at(SYSTEM, Operation::SetValidators(change))]);
        let facts = self.facts.clone();
        self.block(|state, ledger_facts| {
            let done = crate::execute_transaction(state, ledger_facts, &operation, &mut crate::NoSystemOperations);
            assert_eq!(done.unwrap().code, Code::OK);
            settle_block_end(state, &facts).unwrap();
        });
        self.end_block();
        assert_eq!(self.facts.height, effective_at);
        effective_at.0
    }
}

#[test]
fn anyone_registered_on_ledger_0_may_report_and_nobody_else() {
    let world = World::new();
    let report = world.twice_signed(100, 1);
    // 1 has no role at all; 2 is known to book 1 only.
    assert_eq!(world.code_on(SYSTEM, &[1], report.clone()), Code::OK);
    assert_eq!(world.code_on(SYSTEM, &[ADMIN], report.clone()), Code::OK);
    assert_eq!(world.code_on(SYSTEM, &[2], report.clone()), Code::IDENTITY_UNKNOWN);
    assert_eq!(world.code_on(SYSTEM, &[1, STRANGER], report.clone()), Code::IDENTITY_UNKNOWN);
    assert_eq!(world.code_on(BOOK, &[1], report.clone()), Code::NOT_SYSTEM_LEDGER);
    let mut world = world;
    assert_eq!(world.run(&[ADMIN], vec![at(SYSTEM, set_identity(1, IdentityState::Frozen))]), Code::OK);
    assert_eq!(world.code_on(SYSTEM, &[1], report), Code::IDENTITY_FROZEN);
}

#[test]
fn a_report_leaves_one_record_and_one_event_and_the_set_as_it_is() {
    let mut world = World::new();
    let equivocation = of(101, &world.facts.chain, 1);
    let operation = transaction(&[1], vec![at(SYSTEM, report(equivocation))]);
    let (outcome, delta) = world.look(|state, facts| {
        crate::execute_transaction(state, facts, &operation, &mut crate::NoSystemOperations).unwrap()
    });
    assert_eq!((outcome.code, outcome.changes, outcome.events.count), (Code::OK, 1, 1));
    assert_eq!(delta.events[0].account, name(accounts::EQUIVOCATIONS));
    assert_eq!(delta.events[0].topic.as_str(), TOPIC);
    let said: EquivocationReported = decode(&delta.events[0].payload, 4_096).unwrap();
    assert_eq!(said, EquivocationReported { validator: who(101), height: Height(1), round: Round(0) });
    assert_eq!(world.run(&[1], vec![at(SYSTEM, report(equivocation))]), Code::OK);
    let (kept, _) = world.look(|state, _| record(state, &who(101), Height(1)).unwrap().unwrap());
    assert_eq!((kept.reported_at, kept.reporter, kept.equivocation), (Height(1), who(1), equivocation));
    // Whoever reads the record can verify it again.
    let _verified = kept.equivocation.verify(&world.facts.chain, &world.facts.validators).unwrap();
    let (before, after) = (world.facts.validators.clone(), world.look(|state, _| validators_at(state, Height(2))).0);
    assert_eq!(after.unwrap(), Some(before));
    // A failing neighbour takes the record with it.
    let neighbours = vec![at(SYSTEM, world.twice_signed(102, 1)), at(SYSTEM, world.twice_signed(101, 1))];
    assert_eq!(world.run(&[1], neighbours), Code::DUPLICATE);
    assert_eq!(world.look(|state, _| record(state, &who(102), Height(1)).unwrap()).0, None);
}

#[test]
fn a_second_report_of_one_validator_and_height_is_known_already() {
    let mut world = World::new();
    assert_eq!(world.run(&[1], vec![at(SYSTEM, world.twice_signed(100, 1))]), Code::OK);
    assert_eq!(world.code_on(SYSTEM, &[ADMIN], world.twice_signed(100, 1)), Code::DUPLICATE);
    // Other statements of the same height are the same fault.
    let mut other = of(100, &world.facts.chain, 1);
    let key = secret(100);
    let [one, two] = [6, 7].map(|byte| vote(&key, &world.facts.chain, 1, VoteChoice::Block(Hash([byte; 32]))));
    other.contradiction = Contradiction::of_votes(VoteKind::Precommit, one, two);
    assert_eq!(world.code_on(SYSTEM, &[1], report(other)), Code::DUPLICATE);
    assert_eq!(world.code_on(SYSTEM, &[1], world.twice_signed(100, 2)), Code::OK);
    assert_eq!(world.code_on(SYSTEM, &[1], world.twice_signed(101, 1)), Code::OK);
}

#[test]
fn what_does_not_verify_is_refused() {
    let world = World::new();
    let chain = world.facts.chain;
    let code = |equivocation| world.code_on(SYSTEM, &[1], report(equivocation));
    let good = of(100, &chain, 1);
    assert_eq!(code(good), Code::OK);
    // Of another chain: truly signed there, and no matter of this one.
    let elsewhere = ChainId { suite: chain.suite, hash: Hash([1; 32]) };
    assert_eq!(code(of(100, &elsewhere, 1)), Code::PROOF);
    // Said of this chain without having been signed for it.
    assert_eq!(code(Equivocation { chain, ..of(100, &elsewhere, 1) }), Code::PROOF);
    // By a key that is no validator's.
    assert_eq!(code(of(1, &chain, 1)), Code::PROOF);
    assert_eq!(code(Equivocation { round: Round(1), ..good }), Code::PROOF);
    assert_eq!(code(Equivocation { kind: CertificateKind::Bft, ..good }), Code::PROOF);
    let key = secret(100);
    let one = vote(&key, &chain, 1, VoteChoice::Nil);
    let same = Contradiction::of_votes(VoteKind::Precommit, one, one);
    assert_eq!(code(Equivocation { contradiction: same, ..good }), Code::PROOF);
    let foreign = vote(&secret(101), &chain, 1, VoteChoice::Block(Hash([5; 32])));
    let mixed = Contradiction::of_votes(VoteKind::Precommit, one, foreign);
    assert_eq!(code(Equivocation { contradiction: mixed, ..good }), Code::PROOF);
}

#[test]
fn heights_without_known_validators_are_refused_by_name() {
    let mut world = World::new();
    assert_eq!(world.code_on(SYSTEM, &[1], world.twice_signed(100, 0)), Code::VALIDATORS_UNKNOWN);
    assert_eq!(world.code_on(SYSTEM, &[1], world.twice_signed(100, 2)), Code::VALIDATORS_UNKNOWN);
    assert_eq!(world.code_on(SYSTEM, &[1], world.twice_signed(100, u64::MAX)), Code::VALIDATORS_UNKNOWN);
    world.end_block();
    assert_eq!(world.code_on(SYSTEM, &[1], world.twice_signed(100, 2)), Code::OK);
}

#[test]
fn a_report_is_judged_by_the_set_of_its_height() {
    let mut world = World::new();
    let handed_over = world.hand_over(&[110, 111, 112]);
    let code = |world: &World, validator, height| world.code_on(SYSTEM, &[1], world.twice_signed(validator, height));
    for height in 1..handed_over {
        assert_eq!(code(&world, 100, height), Code::OK, "{height}");
        assert_eq!(code(&world, 110, height), Code::PROOF, "{height}");
    }
    assert_eq!(code(&world, 100, handed_over), Code::PROOF);
    assert_eq!(code(&world, 110, handed_over), Code::OK);
    let again = world.hand_over(&[100]);
    assert_eq!(code(&world, 110, again - 1), Code::OK);
    assert_eq!(code(&world, 110, again), Code::PROOF);
    assert_eq!(code(&world, 100, again - 1), Code::PROOF);
    assert_eq!(code(&world, 100, again), Code::OK);
}

#[test]
fn only_the_newest_former_sets_are_known() {
    let mut world = World::new();
    let mut sets: Vec<(u64, ValidatorSet)> = vec![(1, world.facts.validators.clone())];
    for number in 0..=MAX_FORMER_SETS {
        let seeds = [120 + u8::try_from(number).unwrap()];
        sets.push((world.hand_over(&seeds), validators(&seeds)));
    }
    let tip = world.facts.height.0;
    let forgotten_below = sets[sets.len() - 1 - MAX_FORMER_SETS].0;
    assert!(forgotten_below > 1);
    world.look(|state, _| {
        for height in 1..=tip {
            let (_, set) = sets.iter().rev().find(|(since, _)| *since <= height).unwrap();
            let expected = (height >= forgotten_below).then(|| set.clone());
            assert_eq!(validators_at(state, Height(height)).unwrap(), expected, "{height}");
        }
    });
    assert_eq!(world.code_on(SYSTEM, &[1], world.twice_signed(100, 1)), Code::VALIDATORS_UNKNOWN);
}

#[test]
fn one_key_does_not_fill_the_state() {
    let mut world = World::new();
    for height in 1..=u64::try_from(MAX_REPORTS_PER_VALIDATOR).unwrap() {
        assert_eq!(world.run(&[1], vec![at(SYSTEM, world.twice_signed(100, height))]), Code::OK);
    }
    let next = world.facts.height.0;
    assert_eq!(world.code_on(SYSTEM, &[1], world.twice_signed(100, next)), Code::LIMIT);
    assert_eq!(world.code_on(SYSTEM, &[1], world.twice_signed(100, 1)), Code::DUPLICATE);
    assert_eq!(world.code_on(SYSTEM, &[1], world.twice_signed(101, next)), Code::OK);
}

#[test]
fn a_genesis_reports_nobody() {
    let mut genesis = genesis();
    let mut operations = genesis.operations.to_vec();
    operations.push(at(SYSTEM, report(of(100, &genesis.chain_id(), 1))));
    genesis.operations = codec::Bounded::new(operations).unwrap();
    assert_eq!(World::of(&genesis).map(|_| ()).unwrap_err().code, Code::UNSUPPORTED);
}
