//! Lists every signature that a transaction carries, its own and those of a proposal inside it.
//!
//! All of them are checked without state, once per node: a block with a missing, extra or bad one is invalid.

use super::body::{Transaction, TransactionError};
use super::operation::Operation;
use crate::proposal::{ProposalError, Submit, approval_sign_bytes, authorisation_sign_bytes};
use crate::suite::{BatchItem, PublicKey, Signature};

/// One signature with everything that its verification takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignatureItem {
    /// The signer's key.
    pub public_key: PublicKey,
    /// The signed bytes, tag included.
    pub message: Vec<u8>,
    /// The signature.
    pub signature: Signature,
}

impl SignatureItem {
    /// The item as the verifier takes it.
    pub fn as_batch_item(&self) -> BatchItem<'_> {
        BatchItem { public_key: &self.public_key, message: &self.message, signature: &self.signature }
    }
}

/// A transaction with a missing or extra signature: a block that holds it is invalid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignatureFormError {
    /// Of the transaction itself.
    #[error(transparent)]
    Transaction(#[from] TransactionError),
    /// Of a proposal that it submits.
    #[error("operation {operation}: {error}")]
    Proposal {
        /// Position of the operation.
        operation: usize,
        /// What is wrong.
        error: ProposalError,
    },
}

/// Checks that every place for a signature is filled exactly once, the transaction's and its proposals'.
///
/// Other violations of a proposal's form are the state machine's to judge; they give a receipt.
///
/// # Errors
/// [`SignatureFormError`] names the first violation.
pub fn check_signature_form(transaction: &Transaction) -> Result<(), SignatureFormError> {
    transaction.check_form()?;
    for (operation, submit) in proposals(transaction) {
        if let Err(
            error @ (ProposalError::Approvals | ProposalError::Authorisations { .. } | ProposalError::Suite { .. }),
        ) = submit.check_form()
        {
            return Err(SignatureFormError::Proposal { operation, error });
        }
        // `check_form` stops at its first violation; the number of lists must fit whatever else is wrong.
        let lists = submit.authorisations.len();
        if lists != submit.body.legs.len() || submit.approvals.len() != submit.body.members.len() {
            return Err(SignatureFormError::Proposal { operation, error: ProposalError::Approvals });
        }
    }
    Ok(())
}

/// Every signature of the transaction: its signers' first, then approvals and authorisations of each proposal that
/// it submits, in order.
pub fn signature_items(transaction: &Transaction) -> Vec<SignatureItem> {
    let message = Transaction::sign_bytes(&transaction.id());
    let mut items: Vec<SignatureItem> = transaction
        .signatures
        .iter()
        .map(|given| SignatureItem {
            public_key: given.public_key,
            message: message.clone(),
            signature: given.signature,
        })
        .collect();
    for (_, submit) in proposals(transaction) {
        push_proposal(submit, &mut items);
    }
    items
}

fn proposals(transaction: &Transaction) -> impl Iterator<Item = (usize, &Submit)> {
    transaction.body.operations.iter().enumerate().filter_map(|(index, operation)| match &operation.operation {
        Operation::SubmitProposal(submit) => Some((index, submit)),
        _ => None,
    })
}

fn push_proposal(submit: &Submit, items: &mut Vec<SignatureItem>) {
    let id = submit.body.id();
    let message = approval_sign_bytes(&id);
    items.extend(submit.approvals.iter().map(|given| SignatureItem {
        public_key: given.public_key,
        message: message.clone(),
        signature: given.signature,
    }));
    for (leg, given) in submit.authorisations.iter().enumerate() {
        // At most 16 legs, so the index always fits.
        let message = authorisation_sign_bytes(&submit.body.relay, &id, u8::try_from(leg).unwrap_or(u8::MAX));
        items.extend(given.iter().map(|given| SignatureItem {
            public_key: given.public_key,
            message: message.clone(),
            signature: given.signature,
        }));
    }
}

#[cfg(test)]
mod tests;
