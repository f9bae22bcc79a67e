//! Who must sign a proposal: the members that approve it, and per leg the addresses with whose identities it runs.
//!
//! Each party signs with its own keys where it keeps them, so a proposal file goes round until nobody is missing. A
//! signature covers the id, and so the whole body: nobody can change what others have signed.

use crate::exit::{Failure, Outcome};
use ledger_protocol::Address;
use ledger_protocol::codec::{Bounded, SortedVec};
use ledger_protocol::proposal::{ProposalError, Submit, approval_sign_bytes, authorisation_sign_bytes};
use ledger_protocol::suite::SecretKey;
use ledger_protocol::transaction::SignerSignature;
use serde::Serialize;

/// What a party signs as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// A member that approves.
    Member,
    /// An authoriser of the leg with this index.
    Leg(usize),
}

/// A signature that a proposal needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Needed {
    /// Whose.
    pub(crate) address: Address,
    /// As what.
    pub(crate) part: Part,
    /// Whether it is there and fits the proposal.
    pub(crate) is_given: bool,
}

/// A needed signature, as it is shown.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct NeededView {
    /// Whose.
    pub(crate) address: String,
    /// `member`, or the leg's chain.
    pub(crate) signs: String,
    /// Whether it is there and fits the proposal.
    pub(crate) given: bool,
}

/// Every signature that a proposal needs, members first.
pub(crate) fn needed(submit: &Submit) -> Vec<Needed> {
    let id = submit.body.id();
    let approval = approval_sign_bytes(&id);
    let members = submit.body.members.iter().map(|address| Needed {
        address: *address,
        part: Part::Member,
        is_given: fits(submit.approvals.find(address), &approval),
    });
    let legs = submit.body.legs.iter().enumerate().flat_map(|(index, leg)| {
        let given = submit.authorisations.get(index);
        let message = sign_bytes_of(submit, index);
        leg.authorisers.iter().map(move |address| Needed {
            address: *address,
            part: Part::Leg(index),
            is_given: fits(given.and_then(|given| given.find(address)), &message),
        })
    });
    members.chain(legs).collect()
}

fn fits(signature: Option<&SignerSignature>, message: &[u8]) -> bool {
    signature.is_some_and(|it| it.public_key.verify(message, &it.signature).is_ok())
}

fn sign_bytes_of(submit: &Submit, leg: usize) -> Vec<u8> {
    // At most 16 legs: a larger index is signed by nobody.
    authorisation_sign_bytes(&submit.body.relay, &submit.body.id(), u8::try_from(leg).unwrap_or(u8::MAX))
}

/// Adds every signature that this key owes; gives how many those are.
pub(crate) fn sign(submit: &mut Submit, key: &SecretKey) -> Outcome<usize> {
    let owed: Vec<Part> = needed(submit)
        .into_iter()
        .filter(|needed| needed.address == key.address() && !needed.is_given)
        .map(|needed| needed.part)
        .collect();
    for part in &owed {
        match part {
            Part::Member => {
                let message = approval_sign_bytes(&submit.body.id());
                submit.approvals = with(&submit.approvals, key, &message)?;
            }
            Part::Leg(index) => {
                let message = sign_bytes_of(submit, *index);
                let mut legs = submit.authorisations.clone().into_vec();
                legs.resize(submit.body.legs.len(), SortedVec::default());
                if let Some(leg) = legs.get_mut(*index) {
                    *leg = with(leg, key, &message)?;
                }
                submit.authorisations =
                    Bounded::new(legs).map_err(|error| Failure::usage(format_args!("the legs: {error}")))?;
            }
        }
    }
    Ok(owed.len())
}

/// One that does not fit makes room for the one that does.
fn with<const N: usize>(
    given: &SortedVec<SignerSignature, N>,
    key: &SecretKey,
    message: &[u8],
) -> Outcome<SortedVec<SignerSignature, N>> {
    let mut signatures: Vec<SignerSignature> =
        given.iter().filter(|it| it.public_key.address() != key.address()).cloned().collect();
    signatures.push(SignerSignature { public_key: key.public_key(), signature: key.sign(message) });
    SortedVec::from_unsorted(signatures).map_err(|error| Failure::usage(format_args!("the signatures: {error}")))
}

/// The needed signatures, as they are shown.
pub(crate) fn views(submit: &Submit, name_of: impl Fn(String) -> String) -> Vec<NeededView> {
    let signs = |part| match part {
        Part::Member => "member".to_owned(),
        Part::Leg(index) => {
            let chain = submit.body.legs.get(index).map(|leg| leg.chain.to_string());
            chain.map(&name_of).unwrap_or_default()
        }
    };
    needed(submit)
        .into_iter()
        .map(|it| NeededView { address: it.address.to_string(), signs: signs(it.part), given: it.is_given })
        .collect()
}

/// Refuses a proposal that somebody still has to sign.
pub(crate) fn require_all(submit: &Submit, file: &std::path::Path) -> Outcome {
    let missing: Vec<String> =
        needed(submit).into_iter().filter(|it| !it.is_given).map(|it| it.address.to_string()).collect();
    let refuse = |what: String| Failure::usage(what).at(file.display());
    if let Some(first) = missing.first() {
        return Err(refuse(format!("signatures missing: {}, first that of {first}", missing.len())).next(
            format_args!(
                "where that key is kept: crosstie proposal sign {} --as KEY (proposal show {} lists all)",
                file.display(),
                file.display()
            ),
        ));
    }
    submit
        .check_form()
        .map_err(|error: ProposalError| refuse(error.to_string()).next("make a new one: crosstie proposal new"))
}

#[cfg(test)]
mod tests;
