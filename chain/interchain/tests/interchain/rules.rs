//! Rules R7, S4 and S7 where two chains meet: hand-offs both ways while messages cross, duplicates, and a peer that
//! fell silent.

use super::book::{Book, STEP_MS, pair, say};
use super::synthetic::KeySet;
use chain_interchain::{
    admit_advance, admit_handoff, client, consume_advance, consume_handoff, highest_known_height, judge_reanchor,
    next_expected, trusted,
};
use ledger_protocol::codec::Text;
use ledger_protocol::interchain::{Advance, Head, Reanchor};
use ledger_protocol::merkle::InclusionPath;
use ledger_protocol::{Code, Height, Sequence, Suite};

/// What `to` answers to an Advance of `from`: the sequences of its messages, or the code of the refusal.
fn deliver(to: &mut Book, advance: &Advance) -> Result<Vec<u64>, Code> {
    let id = to.id();
    let consumed = to.block(None, |state, facts| consume_advance(state, facts, &id, advance, STEP_MS).unwrap());
    let sequences = |consumed: chain_interchain::Consumed| consumed.messages.iter().map(|m| m.sequence.0).collect();
    consumed.map(sequences).map_err(|refusal| refusal.code)
}

fn turn_over(to: &mut Book, from: &Book, trusted: Height, turn: Height) -> Result<(), Code> {
    let handoff = from.archive.handoff(trusted, turn);
    let accepted = to.block(None, |state, _| consume_handoff(state, &handoff).unwrap());
    accepted.map(drop).map_err(|refusal| refusal.code)
}

#[test]
fn rule_r7_both_chains_hand_off_again_and_again_and_no_message_is_lost() {
    let (mut one, mut other) = pair(Suite::Guomi, Suite::Standard);
    let mut known = [Height(0); 2]; // What `other` trusts of `one`, and the other way round.
    let mut heard = [0u64; 2];
    for seed in 60..64u8 {
        for side in 0..2 {
            let (from, to) = if side == 0 { (&mut one, &mut other) } else { (&mut other, &mut one) };
            let suite = from.id().suite;
            let before = say(from, 2, None);
            let turn = say(from, 1, Some(KeySet::new(suite, seed, 4)));
            let second = say(from, 1, Some(KeySet::new(suite, seed + 100, 5)));
            let after = say(from, 1, None);
            let id = to.id();
            // Not past a hand-off by a head, not over one by the next, not to one as if it were a head.
            let past = from.archive.advance(known[side], after, &id, &[before]);
            assert_eq!(deliver(to, &past), Err(Code::PROOF));
            let onto = from.archive.advance(known[side], turn, &id, &[before]);
            assert_eq!(deliver(to, &onto), Err(Code::PROOF));
            assert_eq!(turn_over(to, from, known[side], second), Err(Code::PROOF));
            assert_eq!(to.trusted_height(&from.id()), known[side], "a refusal moves nothing");
            assert_eq!(turn_over(to, from, known[side], turn), Ok(()));
            assert_eq!(turn_over(to, from, known[side], turn), Err(Code::KNOWN));
            assert_eq!(turn_over(to, from, turn, second), Ok(()));
            // What was said before the hand-offs is delivered after them, in order.
            let all = from.archive.advance(second, after, &id, &[before, turn, second, after]);
            let expected: Vec<u64> = (heard[side]..heard[side] + 5).collect();
            assert_eq!(deliver(to, &all), Ok(expected));
            heard[side] += 5;
            known[side] = after;
            let record = to.read(|state| client(state, &from.id()).unwrap().unwrap());
            assert_eq!((record.height_on_source, record.last_handoff_height_on_source), (after, second));
            assert_eq!(record.next_validators_hash_on_source, from.archive.header(after).next_validators_hash);
        }
    }
    assert_eq!((other.received(&one.id()), one.received(&other.id())), (Sequence(20), Sequence(20)));
}

#[test]
fn rule_s4_a_duplicate_enters_no_pool_and_no_block_however_it_is_wrapped() {
    let (mut one, mut other) = pair(Suite::Standard, Suite::Standard);
    let first = say(&mut one, 2, None);
    let second = say(&mut one, 2, None);
    let id = other.id();
    assert_eq!(deliver(&mut other, &one.archive.advance(Height(0), first, &id, &[first])), Ok(vec![0, 1]));
    let third = say(&mut one, 1, None);
    let turn = say(&mut one, 0, Some(KeySet::new(Suite::Standard, 80, 4)));
    for (trusted, head, blocks) in [
        (Height(0), first, vec![first]),         // the very same again
        (first, first, vec![first]),             // under the known head
        (first, second, vec![first]),            // under a newer head
        (first, third, vec![first, second]),     // before what is new
        (Height(0), third, vec![first, second]), // from what was trusted before
    ] {
        let again = one.archive.advance(trusted, head, &id, &blocks);
        let admitted = other.read(|state| admit_advance(state, &other.facts(), &id, &again, STEP_MS).unwrap());
        assert!(matches!(admitted.unwrap_err().code, Code::KNOWN | Code::PROOF), "{trusted} {head} {blocks:?}");
        assert!(matches!(deliver(&mut other, &again), Err(Code::KNOWN | Code::PROOF)), "{trusted} {head} {blocks:?}");
        assert_eq!((other.received(&one.id()), other.trusted_height(&one.id())), (Sequence(2), first));
    }
    assert_eq!(deliver(&mut other, &one.archive.advance(first, third, &id, &[second, third])), Ok(vec![2, 3, 4]));
    // A hand-off twice.
    assert_eq!(turn_over(&mut other, &one, third, turn), Ok(()));
    let handoff = one.archive.handoff(third, turn);
    assert_eq!(other.read(|state| admit_handoff(state, &handoff).unwrap()).unwrap_err().code, Code::KNOWN);
    assert_eq!(turn_over(&mut other, &one, third, turn), Err(Code::KNOWN));
}

#[test]
fn rule_s7_a_silent_relay_changes_nothing_here_and_no_local_guess_replaces_it() {
    let (mut relay, mut here) = pair(Suite::Standard, Suite::Standard);
    let first = say(&mut relay, 2, None);
    let id = here.id();
    assert_eq!(deliver(&mut here, &relay.archive.advance(Height(0), first, &id, &[first])), Ok(vec![0, 1]));
    let look = |here: &Book| {
        here.read(|state| {
            (
                client(state, &relay.id()).unwrap().unwrap(),
                trusted(state, &relay.id()).unwrap().unwrap(),
                highest_known_height(state, &relay.id()).unwrap(),
                next_expected(state, &relay.id()).unwrap(),
            )
        })
    };
    let before = look(&here);
    for _ in 0..300 {
        here.block(None, |_, _| ());
    }
    assert_eq!(look(&here), before, "time passes here, trust does not");
    // What this chain could make up by itself: a header of the relay signed by its own validators, by nobody, or by too
    // few of the relay's; the known head again; a re-anchor without the relay's signatures.
    let mut guess = relay.archive.clone();
    guess.next_sequence.insert(here.id(), 2);
    guess.produce(&[(here.id(), 1)]);
    let honest = guess.advance(first, guess.tip(), &id, &[guess.tip()]);
    let header = guess.header(guess.tip()).clone();
    let id_of_relay = relay.id();
    let judged = here.read(|state| admit_advance(state, &here.facts(), &id, &honest, STEP_MS).unwrap());
    assert!(
        judged.is_ok(),
        "signed by the quorum of {id_of_relay:?} it would be good: only the signatures are missing"
    );
    for certificate in [
        here.archive.current.certify(&header, guess.kind),
        guess.current.certify_by(&header, guess.kind, 0),
        guess.current.certify_by(&header, guess.kind, 2),
    ] {
        let mut forged = honest.clone();
        let Head::New { certificate: own, .. } = &mut forged.head else { unreachable!() };
        *own = certificate.clone();
        assert_eq!(deliver(&mut here, &forged), Err(Code::PROOF));
        let motion = Reanchor {
            chain: relay.id(),
            validators: guess.current.set.clone(),
            next_validators: guess.current.set.clone(),
            anchor_path: guess.history_path(Height(0), guess.tip()),
            common: guess.header(first).clone(),
            common_in_new: guess.history_path(first, guess.tip()),
            common_in_trusted: InclusionPath::default(),
            leaf: guess.leaf_path(first, &id),
            reason: Text::new("it is silent").unwrap(),
            header: header.clone(),
            certificate,
        };
        assert!(here.read(|state| judge_reanchor(state, &id, &motion).unwrap()).is_err());
    }
    let known = relay.archive.advance(first, first, &id, &[]);
    assert_eq!(deliver(&mut here, &known), Err(Code::KNOWN));
    assert_eq!(look(&here), before);
    // The relay comes back: it goes on exactly where it stopped.
    let back = say(&mut relay, 1, None);
    assert_eq!(deliver(&mut here, &relay.archive.advance(first, back, &id, &[back])), Ok(vec![2]));
}
