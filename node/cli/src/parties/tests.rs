use super::*;
use ledger_protocol::codec::BoundedBytes;
use ledger_protocol::proposal::{Call, Leg, LegMode, ProposalBody};
use ledger_protocol::{ChainId, Hash, Height, Suite};
use std::path::Path;

fn key(seed: u8) -> SecretKey {
    SecretKey::from_seed(Suite::Standard, [seed; 32])
}

/// Members 1 and 2; chain 7 is for 2 and 3, chain 8 for 4.
fn unsigned() -> Submit {
    let chain = |byte| ChainId { suite: Suite::Standard, hash: Hash([byte; 32]) };
    let addresses = |seeds: &[u8]| seeds.iter().map(|seed| key(*seed).address()).collect::<Vec<_>>();
    let leg = |byte, seeds: &[u8]| Leg {
        chain: chain(byte),
        mode: LegMode::Write,
        call: Call::Plain(BoundedBytes::new(Vec::new()).unwrap()),
        scope: SortedVec::default(),
        asserted: SortedVec::default(),
        authorisers: SortedVec::from_unsorted(addresses(seeds)).unwrap(),
    };
    let body = ProposalBody {
        relay: chain(1),
        proposer: key(1).address(),
        nonce: 7,
        valid_until: Height(9),
        t_prep: 10,
        members: SortedVec::from_unsorted(addresses(&[1, 2])).unwrap(),
        legs: SortedVec::from_unsorted(vec![leg(7, &[2, 3]), leg(8, &[4])]).unwrap(),
        memo_hash: Hash::ZERO,
    };
    let authorisations = Bounded::new(vec![SortedVec::default(); 2]).unwrap();
    Submit { body, approvals: SortedVec::default(), authorisations }
}

fn missing(submit: &Submit) -> usize {
    needed(submit).iter().filter(|it| !it.is_given).count()
}

#[test]
fn a_proposal_is_complete_when_the_last_party_has_signed_in_any_order() {
    for order in [[1, 2, 3, 4], [4, 3, 2, 1], [3, 1, 4, 2]] {
        let mut submit = unsigned();
        assert_eq!(missing(&submit), 5);
        for (turn, seed) in order.iter().enumerate() {
            let failure = require_all(&submit, Path::new("a.proposal")).unwrap_err();
            assert!(failure.next.as_deref().unwrap().contains("proposal sign a.proposal"), "turn {turn}");
            assert_eq!(sign(&mut submit, &key(*seed)).unwrap(), if *seed == 2 { 2 } else { 1 });
        }
        assert_eq!(missing(&submit), 0);
        require_all(&submit, Path::new("a.proposal")).unwrap();
        submit.check_form().unwrap();
        let again = submit.clone();
        assert_eq!(sign(&mut submit, &key(2)).unwrap(), 0, "nothing is owed any more");
        assert_eq!(submit, again);
    }
}

#[test]
fn nobody_else_signs_and_a_signature_of_another_body_does_not_count() {
    let mut submit = unsigned();
    assert_eq!(sign(&mut submit, &key(9)).unwrap(), 0);
    for seed in 1..=4 {
        sign(&mut submit, &key(seed)).unwrap();
    }
    submit.body.nonce += 1;
    assert_eq!(missing(&submit), 5, "the id is another one");
    assert!(require_all(&submit, Path::new("a.proposal")).is_err());
    // Who signs the changed body replaces the signature that does not fit.
    for seed in 1..=4 {
        sign(&mut submit, &key(seed)).unwrap();
    }
    require_all(&submit, Path::new("a.proposal")).unwrap();
}
