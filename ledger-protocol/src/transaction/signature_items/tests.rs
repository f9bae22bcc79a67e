//! Every signature of a transaction is listed, the nested ones too, and a missing or extra one is found.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use super::{SignatureFormError, check_signature_form, signature_items};
use crate::codec::{Bounded, BoundedBytes, SortedVec};
use crate::identifiers::{ChainId, Hash, Height, LedgerId};
use crate::proposal::{Call, Leg, LegMode, ProposalBody, Submit, approval_sign_bytes, authorisation_sign_bytes};
use crate::suite::{SecretKey, Suite, Verifier};
use crate::transaction::{
    LedgerOperation, Operation, Replay, Signer, SignerRole, SignerSignature, Transaction, TransactionBody,
};

fn signed(secret: &SecretKey, message: &[u8]) -> SignerSignature {
    SignerSignature { public_key: secret.public_key(), signature: secret.sign(message) }
}

/// A transaction with one signer that submits a proposal of two members over one leg of each suite.
fn submission() -> Transaction {
    let key = |suite, seed: u8| SecretKey::from_seed(suite, [seed; 32]);
    let (author, second) = (key(Suite::Standard, 1), key(Suite::Standard, 2));
    let relay = ChainId { suite: Suite::Standard, hash: Hash([9; 32]) };
    let authorisers = [key(Suite::Standard, 3), key(Suite::Guomi, 4)];
    let legs = authorisers.iter().map(|authoriser| Leg {
        chain: ChainId { suite: authoriser.public_key().suite(), hash: Hash([5; 32]) },
        mode: LegMode::Write,
        call: Call::Plain(BoundedBytes::default()),
        scope: SortedVec::default(),
        asserted: SortedVec::default(),
        authorisers: SortedVec::new(vec![authoriser.address()]).unwrap(),
    });
    let body = ProposalBody {
        relay,
        proposer: author.address(),
        nonce: 1,
        valid_until: Height(9),
        t_prep: 20,
        members: SortedVec::from_unsorted(vec![author.address(), second.address()]).unwrap(),
        legs: SortedVec::from_unsorted(legs.collect()).unwrap(),
        memo_hash: Hash::ZERO,
    };
    let id = body.id();
    let approval = approval_sign_bytes(&id);
    let authorisations = authorisers.iter().enumerate().map(|(leg, secret)| {
        SortedVec::new(vec![signed(secret, &authorisation_sign_bytes(&relay, &id, leg as u8))]).unwrap()
    });
    let submit = Submit {
        approvals: SortedVec::from_unsorted(vec![signed(&author, &approval), signed(&second, &approval)]).unwrap(),
        authorisations: Bounded::new(authorisations.collect()).unwrap(),
        body,
    };
    let body = TransactionBody {
        chain: relay,
        replay: Replay::Window { valid_until: Height(9), nonce: 1 },
        signers: SortedVec::new(vec![Signer { address: author.address(), role: SignerRole::Author }]).unwrap(),
        fuel_limit: 1,
        operations: Bounded::new(vec![LedgerOperation {
            ledger: LedgerId::SYSTEM,
            operation: Operation::SubmitProposal(submit),
        }])
        .unwrap(),
    };
    let own = signed(&author, &Transaction::sign_bytes(&body.id()));
    Transaction { body, signatures: SortedVec::new(vec![own]).unwrap() }
}

fn changed(change: impl Fn(&mut Submit)) -> Transaction {
    let mut transaction = submission();
    let mut operations = transaction.body.operations.clone().into_vec();
    if let Operation::SubmitProposal(submit) = &mut operations[0].operation {
        change(submit);
    }
    transaction.body.operations = Bounded::new(operations).unwrap();
    transaction
}

#[test]
fn every_signature_is_listed_and_verifies() {
    let transaction = submission();
    assert_eq!(check_signature_form(&transaction), Ok(()));
    let items = signature_items(&transaction);
    assert_eq!(items.len(), 1 + 2 + 2);
    let batch: Vec<_> = items.iter().map(super::SignatureItem::as_batch_item).collect();
    assert!(Verifier.verify_batch(&batch).iter().all(Result::is_ok));
}

#[test]
fn a_stripped_or_moved_signature_is_found_by_form_or_by_verification() {
    let unapproved = changed(|submit| submit.approvals = SortedVec::default());
    assert!(matches!(check_signature_form(&unapproved), Err(SignatureFormError::Proposal { operation: 0, .. })));
    let unauthorised = changed(|submit| {
        let mut lists = submit.authorisations.clone().into_vec();
        lists[1] = SortedVec::default();
        submit.authorisations = Bounded::new(lists).unwrap();
    });
    assert!(check_signature_form(&unauthorised).is_err());
    let fewer = changed(|submit| submit.authorisations = Bounded::empty());
    assert!(check_signature_form(&fewer).is_err());
    // A proposal without a voting leg is a receipt's matter, its missing approvals are not.
    let both = changed(|submit| {
        submit.body.legs = SortedVec::default();
        submit.approvals = SortedVec::default();
        submit.authorisations = Bounded::empty();
    });
    assert!(check_signature_form(&both).is_err());
    let renamed = changed(|submit| submit.body.nonce = 2);
    let items = signature_items(&renamed);
    let batch: Vec<_> = items.iter().map(super::SignatureItem::as_batch_item).collect();
    assert!(Verifier.verify_batch(&batch).iter().skip(1).all(Result::is_err));
}
