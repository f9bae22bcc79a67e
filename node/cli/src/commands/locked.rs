//! `crosstie proposal report-locked`: a leg that only a lost branch of the relay knew.

use super::proof;
use super::tx::{DefaultSigner, perform, signers};
use crate::args::SigningArgs;
use crate::bring_up::registry;
use crate::build::{ChainWriter, Sent, on};
use crate::client::{Client, path, query};
use crate::exit::{Failure, Outcome};
use crate::output::Output;
use crate::text;
use ledger_protocol::codec::decode;
use ledger_protocol::proof::AnyProof;
use ledger_protocol::proof::state::VerifiedState;
use ledger_protocol::system::{LegRecord, LegState};
use ledger_protocol::transaction::{LockedReport, Operation, StateContent};
use ledger_protocol::{ChainId, Code, Height, LedgerId, ProposalId};
use node_api::routes;
use serde::Serialize;

/// How often a report is made again because a newer header overtook its proof.
const MAX_REPORTS: u32 = 5;

#[derive(Serialize)]
struct Reported {
    proposal: String,
    chain: String,
    /// Relay height at which it began, on the lost branch.
    started_at: u64,
    transaction: Sent,
}

/// Shows the relay a leg that only a lost branch of it knew.
pub(super) fn report(
    client: &Client,
    id: ProposalId,
    chain: &str,
    started_at: Option<u64>,
    signing: &SigningArgs,
    output: &Output,
) -> Outcome {
    let name = client.chain(chain)?.name.clone();
    let relay = ChainWriter::open(client, &client.relay()?.name)?;
    let keys = signers(client, relay.chain, signing, DefaultSigner::Operator)?;
    let mut tries = 1;
    let (started_at, transaction) = loop {
        let report = locked_report(client, &name, &id, started_at)?;
        let started_at = report.started_at_on_relay;
        let operation = on(LedgerId::SYSTEM.0, Operation::ReportLocked(report));
        match perform(&relay, &keys, vec![operation], signing, output) {
            Ok(Some(sent)) => break (started_at, sent),
            Ok(None) => return Ok(()),
            // A newer header of the chain overtook the proof: it is made again.
            Err(failure) if failure.code == Some(Code::PROOF.0) && tries < MAX_REPORTS => tries += 1,
            Err(failure) => return Err(advised(failure, chain)),
        }
    };
    let reported = Reported { proposal: id.to_string(), chain: name, started_at: started_at.0, transaction };
    output.data(&reported, |it| {
        format!(
            "the relay aborts {}, which {} holds since relay height {}; its lock is free when the decision has arrived",
            it.proposal, it.chain, it.started_at
        )
    });
    Ok(())
}

/// The chain's record of a leg, proven from the header that the relay trusts of it.
fn locked_report(client: &Client, chain: &str, id: &ProposalId, started_at: Option<u64>) -> Outcome<LockedReport> {
    let chain_id: ChainId = text::parse("chain id", &client.chain(chain)?.id)?;
    let known = registry(client)?.into_iter().find(|entry| entry.chain == chain_id.to_string());
    let known = known.ok_or_else(|| Failure::not_found(format_args!("the relay does not know {chain}")))?;
    if known.held_since > 0 {
        return Err(Failure::refused(format_args!(
            "the lane to {chain} is held: the relay waits for {}",
            known.waiting_for
        ))
        .next(known.hint.unwrap_or_else(|| format!("crosstie chain status {chain}"))));
    }
    let url = query(
        path(routes::PROOF_LEG, &[chain, &id.to_string()]),
        &[
            ("started_at", started_at.map(|height| height.to_string())),
            ("checkpoint_height", Some(known.height_on_source.to_string())),
        ],
    );
    let (file, trusted) = proof::ask(client, chain, &url)?;
    let refused = |error: &dyn std::fmt::Display| {
        Failure::refused(format_args!("{chain} proves no record of {id} from the block that the relay trusts: {error}"))
            .next("try again; `crosstie proof get leg` shows what the chain has on record")
    };
    let proof = AnyProof::from_file(&file).map_err(|error| refused(&error))?;
    let AnyProof::LedgerState(proof) = proof else { return Err(refused(&"it sent another proof")) };
    let shown = proof.verify(&trusted).map_err(|error| refused(&error))?;
    let VerifiedState::Present(value) = &shown.state else { return Err(refused(&"it has none there")) };
    let record = match &value.content {
        StateContent::Plain(bytes) => decode::<LegRecord>(bytes, bytes.len()).map_err(|error| refused(&error))?,
        _ => return Err(refused(&"it is no record of a leg")),
    };
    if record.state != LegState::Locked {
        return Err(Failure::refused(format_args!("the leg on {chain} is {:?}: it holds no lock", record.state))
            .next("nothing is left to do"));
    }
    let started_at_on_relay = shown.place.key.last_chunk::<8>().map(|bytes| Height(u64::from_be_bytes(*bytes)));
    let started_at_on_relay = started_at_on_relay.ok_or_else(|| refused(&"its key is no leg's"))?;
    Ok(LockedReport { chain: chain_id, id: *id, started_at_on_relay, proof: *proof })
}

/// What helps against a refused report.
fn advised(failure: Failure, chain: &str) -> Failure {
    let next = match failure.code.map(Code) {
        Some(Code::BAD_ARGUMENT) => {
            "it did not begin in an interval that the relay lost: nobody but the relay's own decision ends it"
                .to_owned()
        }
        Some(Code::PROPOSAL_EXISTS) => "the relay knows it and decides it: crosstie proposal status ID".to_owned(),
        Some(Code::TOO_LATE | Code::PROOF) => {
            format!("wait for a newer block of {chain} to reach the relay, then try again")
        }
        Some(Code::CHAIN_NOT_ACTIVE) => format!("see who must act: crosstie chain status {chain}"),
        _ => return failure,
    };
    failure.next(next)
}
