//! Making proofs from a replica's store. Nothing here is trusted: the verifiers of the ledger protocol check all of it.

use crate::backend::Sight;
use ledger_protocol::{Height, ProposalId, TransactionId};
use node_api::{Problem, ProblemKind, ProofReply};
use node_gateway::KeyAddress;

fn absent() -> Problem {
    Problem::new(ProblemKind::NotProvable, "this node does not make proofs yet")
}

pub(crate) fn transaction(_: &Sight<'_>, _: TransactionId, _: Option<Height>) -> Result<ProofReply, Problem> {
    Err(absent())
}
pub(crate) fn value(_: &Sight<'_>, _: &KeyAddress, _: Option<Height>, _: Option<Height>) -> Result<ProofReply, Problem> {
    Err(absent())
}
pub(crate) fn record(_: &Sight<'_>, _: ProposalId, _: Option<Height>) -> Result<ProofReply, Problem> {
    Err(absent())
}
pub(crate) fn bundle(_: &Sight<'_>, _: ProposalId, _: Option<Height>) -> Result<Vec<u8>, Problem> {
    Err(absent())
}
