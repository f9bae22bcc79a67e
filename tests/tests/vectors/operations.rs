//! One sample of every operation and of every message.

use super::scenario::{Network, Story};
use super::test_chain::{KeySet, genesis, key};
use super::{check, hex, vector};
use ledger_protocol::chain::{CertificateKind, Parameters, RelayAnchor};
use ledger_protocol::codec::{Bounded, BoundedBytes, SortedVec, Text, decode, encode};
use ledger_protocol::identifiers::Organisation;
use ledger_protocol::interchain::{
    Decision, DecisionVerdict, LegCall, MessageContent, Motion, OpenLeg, Outcome, OutcomeResult, Prepare, Reanchored,
    Verdict, Vote, call_hash,
};
use ledger_protocol::proposal::Cancel;
use ledger_protocol::transaction::*;
use ledger_protocol::{AccountName, Code, Hash, Height, Suite, Version};
use serde_json::json;

fn name(text: &str) -> AccountName {
    Text::new(text).unwrap()
}

fn operations(suite: Suite) -> Vec<Operation> {
    let author = key(suite, 42, 0);
    let address = author.address();
    let role = Role(Text::new("clerk").unwrap());
    let state_key = || StateKey::new(b"key".to_vec()).unwrap();
    let mode =
        AccountMode { owner: address, group: Choice::Some(role.clone()), group_write: true, others_write: false };
    let policy = SigningPolicy {
        rule: SigningRule::AtLeast(1),
        members: SortedVec::new(vec![PolicyMember {
            address,
            weight: 3,
            organisation: Organisation::new("org").unwrap(),
        }])
        .unwrap(),
    };
    let keys = KeySet::new(suite, 3, 2);
    let network = Network::new(suite, &[Suite::Standard, Suite::Guomi], false, Story::Started);
    vec![
        Operation::RegisterIdentity(IdentityRegistration {
            public_key: author.public_key(),
            organisation: Organisation::new("org").unwrap(),
            roles: SortedVec::new(vec![role.clone()]).unwrap(),
        }),
        Operation::SetIdentityState(SetIdentityState { address, state: IdentityState::Frozen }),
        Operation::GrantRole(RoleGrant { address, role, granted: true }),
        Operation::DeclareAccount(AccountDeclaration {
            account: name("accounts"),
            kind: AccountKind::Data,
            mode: mode.clone(),
            policy: policy.clone(),
            read_policy: ReadPolicy::List(SortedVec::new(vec![Reader(address)]).unwrap()),
            lockable: true,
        }),
        Operation::SetAccountPermissions(SetAccountPermissions {
            account: name("accounts"),
            mode,
            policy,
            read_policy: ReadPolicy::Members,
            lockable: false,
        }),
        Operation::SetAccountState(SetAccountState { account: name("accounts"), state: AccountState::Closed }),
        Operation::SetKey(SetKey {
            account: name("accounts"),
            key: state_key(),
            value: Value::new(b"value".to_vec()).unwrap(),
            expected: Expectation::Version(Version(4)),
        }),
        Operation::DeleteKey(DeleteKey { account: name("accounts"), key: state_key(), expected: Expectation::Any }),
        Operation::DeclareCounter(CounterDeclaration {
            account: name("accounts"),
            key: state_key(),
            min: -10,
            max: 10,
            initial: 0,
        }),
        Operation::AddToCounter(AddToCounter { account: name("accounts"), key: state_key(), amount: -3 }),
        Operation::PublishEvent(PublishEvent {
            account: name("news"),
            topic: Text::new("prices").unwrap(),
            payload: BoundedBytes::new(vec![1, 2, 3]).unwrap(),
        }),
        Operation::SetParameters(ParameterChange { effective_at: Height(200), parameters: Parameters::subchain() }),
        Operation::SetValidators(ValidatorChange { effective_at: Height(200), validators: keys.set.clone() }),
        Operation::ProposeMotion(MotionProposal {
            motion: Motion::Pause { chain: network.subs[0].id, until: Height(9) },
            reason: Text::new("maintenance").unwrap(),
            valid_until: Height(8),
            nonce: 1,
        }),
        Operation::VoteMotion(MotionVote { motion: Hash([5; 32]), approve: true }),
        Operation::SetRelayAnchor(RelayAnchor {
            relay: genesis(suite, 3, &keys).chain_id(),
            kind: CertificateKind::Bft,
            height_on_relay: Height(7),
            header_hash_on_relay: suite.foreign(Hash([6; 32])),
            next_validators_on_relay: keys.set,
        }),
        Operation::ReportEquivocation(crate::chains::equivocations(suite).remove(0).1),
        Operation::SubmitProposal(network.submit.clone()),
        Operation::CancelProposal(Cancel { id: network.id, valid_until: Height(77) }),
        Operation::ReportLocked(LockedReport {
            chain: network.subs[0].id,
            id: network.id,
            started_at_on_relay: Height(5),
            proof: crate::proofs::state_present(suite),
        }),
    ]
}

#[test]
fn every_operation_has_a_vector() {
    let mut vectors = Vec::new();
    for suite in [Suite::Standard, Suite::Guomi] {
        let samples = operations(suite);
        let codes: Vec<u16> = samples.iter().map(Operation::code).collect();
        assert_eq!(codes, Operation::CODES.iter().map(|(code, _)| *code).collect::<Vec<_>>());
        for (operation, (code, label)) in samples.iter().zip(Operation::CODES) {
            let bytes = encode(operation);
            assert_eq!(decode::<Operation>(&bytes, 1 << 20).unwrap(), *operation);
            vectors.push(vector(
                &format!("{suite} {label}"),
                "u16 code, payload",
                &[("code", json!(format!("{code:#06x}"))), ("hex", hex(operation))],
            ));
        }
    }
    check("operations.json", "One sample of every operation.", vectors);
}

/// One sample of every message content.
pub(crate) fn contents(suite: Suite) -> Vec<(&'static str, MessageContent)> {
    let network = Network::new(suite, &[Suite::Standard, Suite::Guomi], true, Story::Started);
    let relay = network.relay.id;
    let (id, started_at_on_relay, deadline_on_relay) = (network.id, network.submitted, network.record.deadline);
    let leg = &network.submit.body.legs[0];
    let legs = network
        .submit
        .body
        .legs
        .iter()
        .map(|leg| LegCall { chain: leg.chain, call_hash: call_hash(&relay, &leg.call) });
    let digest = |byte| leg.chain.suite.foreign(Hash([byte; 32]));
    let vote = |verdict| MessageContent::Vote(Vote { id, started_at_on_relay, chain: leg.chain, verdict });
    let outcome = |result| MessageContent::Outcome(Outcome { id, started_at_on_relay, chain: leg.chain, result });
    let decision = |verdict| {
        MessageContent::Decision(Decision::Voting { relay, id, started_at_on_relay, deadline_on_relay, verdict })
    };
    vec![
        (
            "prepare",
            MessageContent::Prepare(Prepare {
                relay,
                id,
                started_at_on_relay,
                deadline_on_relay,
                leg: leg.clone(),
                authorisations: network.submit.authorisations[0].clone(),
                legs: SortedVec::new(legs.collect()).unwrap(),
            }),
        ),
        (
            "vote yes",
            vote(Verdict::Yes { result_hash: digest(1), write_set_root: digest(2), lock_set_root: digest(3) }),
        ),
        ("vote no", vote(Verdict::No { code: Code::CONFLICT, conflicting: id })),
        ("decision commit", decision(DecisionVerdict::Commit { votes_root: suite.foreign(Hash([4; 32])) })),
        ("decision abort", decision(DecisionVerdict::Abort { code: Code::TIMEOUT, culprit: leg.chain })),
        (
            "decision for a NOTIFY leg",
            MessageContent::Decision(Decision::Notify {
                relay,
                id,
                started_at_on_relay,
                deadline_on_relay,
                leg: Box::new(network.submit.body.legs[1].clone()),
                authorisations: network.submit.authorisations[1].clone(),
            }),
        ),
        ("outcome applied", outcome(OutcomeResult::Applied { write_set_root: digest(2) })),
        ("outcome released", outcome(OutcomeResult::Released)),
        ("outcome refused", outcome(OutcomeResult::Refused)),
        ("outcome disputed", outcome(OutcomeResult::Disputed)),
        ("reanchored", {
            let open = OpenLeg { id, started_at_on_relay, deadline_on_relay };
            let open = Bounded::new(vec![open]).unwrap();
            MessageContent::Reanchored(Reanchored { relay, chain: leg.chain, number: 1, last: true, open })
        }),
        ("outcome noted", outcome(OutcomeResult::Noted { code: Code::OK })),
    ]
}
