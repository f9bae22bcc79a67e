//! Answers that come twice or do not fit.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use super::*;
use crate::property::samples::{broken, chain, hash, id};
use ledger_protocol::codec::BoundedBytes;
use ledger_protocol::system::proposal_key;
use ledger_protocol::{ChainId, Code, Sequence};

const YES: fn(u8) -> Verdict =
    |root| Verdict::Yes { result_hash: hash(1), write_set_root: hash(root), lock_set_root: hash(3) };

fn vote(verdict: Verdict) -> MessageContent {
    MessageContent::Vote(Vote { id: id(), started_at_on_relay: Height(10), chain: chain(1), verdict })
}

fn outcome(result: OutcomeResult) -> MessageContent {
    MessageContent::Outcome(Outcome { id: id(), started_at_on_relay: Height(10), chain: chain(1), result })
}

fn say(contents: &[MessageContent], source: ChainId) -> Judgement {
    let mut property = Answers::new(ChainIndex(0));
    for (number, content) in (0..).zip(contents) {
        let payload = BoundedBytes::new(content.to_payload()).unwrap();
        let message = Message { source, destination: chain(7), sequence: Sequence(number), payload };
        property.message(ChainIndex(1), Height(number + 1), &message)?;
    }
    Ok(())
}

#[test]
fn one_vote_and_one_outcome_that_fits_are_honest() {
    let applied = |root| outcome(OutcomeResult::Applied { write_set_root: hash(root) });
    let no = || vote(Verdict::No { code: Code::CONFLICT, conflicting: id() });
    say(&[vote(YES(2)), applied(2)], chain(1)).unwrap();
    say(&[vote(YES(2)), outcome(OutcomeResult::Released)], chain(1)).unwrap();
    say(&[outcome(OutcomeResult::Refused), outcome(OutcomeResult::Refused)], chain(1)).unwrap();
    say(&[outcome(OutcomeResult::Disputed)], chain(1)).unwrap();
    broken(say(&[vote(YES(2)), vote(YES(2))], chain(1)), "S4");
    broken(say(&[no(), vote(YES(2))], chain(1)), "S4");
    broken(say(&[vote(YES(2)), applied(2), applied(2)], chain(1)), "S4");
    broken(say(&[vote(YES(2)), applied(5)], chain(1)), "chain 1 voted");
    broken(say(&[no(), applied(2)], chain(1)), "chain 1 voted");
    broken(say(&[vote(YES(2)), outcome(OutcomeResult::Refused)], chain(1)), "chain 1 voted");
    broken(say(&[outcome(OutcomeResult::Refused), vote(YES(2))], chain(1)), "chain 1 said");
    broken(say(&[vote(YES(2))], chain(4)), "chain 1 sends");
}

/// What is said after the record has left the state, where `before` was said until then.
fn say_forgotten(before: &[MessageContent], after: &[MessageContent]) -> Judgement {
    let mut property = Answers::new(ChainIndex(0));
    let say = |property: &mut Answers, height: u64, content: &MessageContent| {
        let payload = BoundedBytes::new(content.to_payload()).unwrap();
        let message = Message { source: chain(1), destination: chain(7), sequence: Sequence(height), payload };
        property.message(ChainIndex(1), Height(height), &message)
    };
    let key = proposal_key(&id(), Height(10));
    for content in before {
        say(&mut property, 1, content)?;
    }
    property.record(ChainIndex(1), Height(1), &key, true);
    property.record(ChainIndex(1), Height(9), &key, false);
    after.iter().try_for_each(|content| say(&mut property, 10, content))
}

#[test]
fn a_leg_without_a_record_is_answered_again_and_what_was_applied_is_not() {
    let applied = || outcome(OutcomeResult::Applied { write_set_root: hash(2) });
    let released = || outcome(OutcomeResult::Released);
    let refused = || outcome(OutcomeResult::Refused);
    let disputed = || outcome(OutcomeResult::Disputed);
    let no = || vote(Verdict::No { code: Code::CONFLICT, conflicting: id() });
    say_forgotten(&[no()], &[refused(), disputed()]).unwrap();
    say_forgotten(&[vote(YES(2)), released()], &[refused()]).unwrap();
    say_forgotten(&[disputed()], &[refused()]).unwrap();
    broken(say_forgotten(&[vote(YES(2)), applied()], &[refused()]), "S4");
    broken(say_forgotten(&[vote(YES(2)), released()], &[applied()]), "S4");
    broken(say_forgotten(&[no()], &[no()]), "S4");
    say(&[refused(), disputed()], chain(1)).unwrap();
    broken(say(&[no(), refused()], chain(1)), "chain 1 voted");
    broken(say(&[vote(YES(2)), released(), refused()], chain(1)), "S4");
    broken(say(&[disputed(), refused()], chain(1)), "S4");
}

#[test]
fn a_tombstone_that_stands_is_not_answered_again() {
    let mut property = Answers::new(ChainIndex(0));
    let say = |property: &mut Answers, height: u64| {
        let payload = BoundedBytes::new(outcome(OutcomeResult::Refused).to_payload()).unwrap();
        let message = Message { source: chain(1), destination: chain(7), sequence: Sequence(height), payload };
        property.message(ChainIndex(1), Height(height), &message)
    };
    say(&mut property, 1).unwrap();
    property.record(ChainIndex(1), Height(1), &proposal_key(&id(), Height(10)), true);
    broken(say(&mut property, 2), "S4");
}
