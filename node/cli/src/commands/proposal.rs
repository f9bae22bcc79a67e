//! `crosstie proposal`: one decision over several books.

mod file;

use super::tx::{DefaultSigner, perform, signers};
use crate::args::{GlobalArgs, ProposalCommand, SigningArgs};
use crate::bring_up::registry;
use crate::build::{ChainWriter, Sent, on};
use crate::client::{Client, path, query};
use crate::exit::{Failure, Kind, Outcome};
use crate::output::{Output, table};
use crate::{parties, text};
use ledger_protocol::codec::encode;
use ledger_protocol::proposal::{Cancel, LegMode, ProposalBody, Submit};
use ledger_protocol::transaction::Operation;
use ledger_protocol::{Code, Height, LedgerId, ProposalId};
use node_api::{LegView, ProposalSummary, ProposalView, SubmitRequest, routes};
use serde::Serialize;
use std::path::Path;
use std::time::{Duration, Instant};

/// How long one request waits for a proposal to end.
const WAIT_SLICE_MS: u64 = 2_000;
/// Relay blocks during which a Cancel of an unknown id is remembered.
const CANCEL_BLOCKS: u64 = 1_500;

#[derive(Serialize)]
struct DryRun {
    proposal: String,
    /// Whether every voting leg would vote YES now.
    would_commit: bool,
    legs: Vec<LegView>,
}

#[derive(Serialize)]
struct Submitted {
    proposal: String,
    transaction: Sent,
}

#[derive(Serialize)]
struct ProposalList {
    proposals: Vec<ProposalSummary>,
}

pub(super) fn run(command: &ProposalCommand, global: &GlobalArgs, output: &Output) -> Outcome {
    let client = super::client(global)?;
    match command {
        ProposalCommand::New { file, out, scope, passphrase_file } => {
            file::new(&client, file, out, *scope, passphrase_file.as_deref(), output)
        }
        ProposalCommand::Show { file } => file::show(&client, file, output),
        ProposalCommand::Sign { file, signers, passphrase_file, out } => {
            file::sign(&client, (file, out.as_deref()), signers, passphrase_file.as_deref(), output)
        }
        ProposalCommand::DryRun { file } => dry_run(&client, &file::read(file)?, output),
        ProposalCommand::Submit { file, watch, signing } => submit(&client, file, *watch, signing, output),
        ProposalCommand::Cancel { id, signing } => cancel(&client, text::parse("proposal id", id)?, signing, output),
        ProposalCommand::ReportLocked { id, chain, started_at, signing } => {
            super::locked::report(&client, text::parse("proposal id", id)?, chain, *started_at, signing, output)
        }
        ProposalCommand::Status { id } => {
            let view = ask(&client, &text::parse("proposal id", id)?, 0)?;
            output.data(&view, words);
            Ok(())
        }
        ProposalCommand::List { state, after, limit } => {
            let parameters = [("state", state.clone()), ("after", after.clone()), ("limit", Some(limit.to_string()))];
            let proposals: Vec<ProposalSummary> =
                client.get(&client.relay()?.name, &query(routes::PROPOSALS.to_owned(), &parameters))?;
            output.data(&ProposalList { proposals }, |list| {
                let rows: Vec<Vec<String>> = list
                    .proposals
                    .iter()
                    .map(|it| {
                        vec![it.id.clone(), it.state.clone(), it.submitted_at.to_string(), it.decided_at.to_string()]
                    })
                    .collect();
                table(&["PROPOSAL", "STATE", "SUBMITTED", "DECIDED"], &rows)
            });
            Ok(())
        }
        ProposalCommand::Watch { id, timeout_s } => {
            watch(&client, &text::parse("proposal id", id)?, Duration::from_secs(*timeout_s), output)
        }
    }
}

fn dry_run(client: &Client, submit: &Submit, output: &Output) -> Outcome {
    let request = SubmitRequest { hex: hex::encode(encode(submit)) };
    let mut legs = Vec::new();
    for leg in submit.body.legs.iter().filter(|leg| leg.mode != LegMode::Notify) {
        let chain = client.chain(&leg.chain.to_string())?;
        let views: Vec<LegView> = client.post(&chain.name, &path(routes::DRY_RUN, &[&chain.name]), &request)?;
        legs.extend(views.into_iter().filter(|view| view.chain == chain.id || view.name == chain.name));
    }
    let would_commit = !legs.is_empty() && legs.iter().all(|leg| leg.phase == "would-vote-yes");
    let run = DryRun { proposal: submit.body.id().to_string(), would_commit, legs };
    output.data(&run, |run| {
        let verdict = if run.would_commit { "every leg would vote YES now" } else { "it would not commit now" };
        format!("{}\n{verdict}; nothing was written or locked", leg_table(&run.legs))
    });
    if would_commit {
        return Ok(());
    }
    Err(Failure::refused("not every leg would vote YES now").next("the codes say why; correct the description"))
}

fn submit(client: &Client, file: &Path, follow: bool, signing: &SigningArgs, output: &Output) -> Outcome {
    let submit = file::read(file)?;
    let relay = ChainWriter::open(client, &client.relay()?.name)?;
    file::require_relay(&submit.body, &relay, file)?;
    parties::require_all(&submit, file)?;
    let id = submit.body.id();
    let keys = signers(client, relay.chain, signing, DefaultSigner::Operator)?;
    let body = submit.body.clone();
    let operation = on(LedgerId::SYSTEM.0, Operation::SubmitProposal(submit));
    let performed = perform(&relay, &keys, vec![operation], signing, output);
    let Some(transaction) = performed.map_err(|failure| say_until_when(client, &body, failure))? else {
        return Ok(());
    };
    output.data(&Submitted { proposal: id.to_string(), transaction }, |submitted| {
        format!("submitted {}\nfollow it: crosstie proposal watch {}", submitted.proposal, submitted.proposal)
    });
    if follow { watch(client, &id, Duration::from_secs(signing.wait_s.max(60)), output) } else { Ok(()) }
}

/// A back-off ends at a height that the registry knows.
fn say_until_when(client: &Client, body: &ProposalBody, failure: Failure) -> Failure {
    if failure.code != Some(Code::BACK_OFF.0) {
        return failure;
    }
    let Ok(entries) = registry(client) else { return failure };
    let proposer = body.proposer.to_string();
    let until = entries
        .iter()
        .filter(|entry| body.legs.iter().any(|leg| leg.chain.to_string() == entry.chain))
        .filter_map(|entry| {
            let back_off = entry.usage.back_offs.iter().find(|it| it.proposer == proposer)?;
            Some((back_off.until, &entry.name))
        })
        .max();
    match until {
        Some((until, name)) => failure.next(format_args!(
            "submit it again at relay height {until}: too many of {proposer}'s proposals held keys of {name} in vain"
        )),
        None => failure.next("submit it again now: nobody must back off any more"),
    }
}

fn cancel(client: &Client, id: ProposalId, signing: &SigningArgs, output: &Output) -> Outcome {
    let relay = ChainWriter::open(client, &client.relay()?.name)?;
    let valid_until = Height(relay.tip()?.saturating_add(CANCEL_BLOCKS));
    let keys = signers(client, relay.chain, signing, DefaultSigner::Operator)?;
    let operation = on(LedgerId::SYSTEM.0, Operation::CancelProposal(Cancel { id, valid_until }));
    let Some(transaction) = perform(&relay, &keys, vec![operation], signing, output)? else { return Ok(()) };
    output.data(&Submitted { proposal: id.to_string(), transaction }, |submitted| {
        format!(
            "cancelled {} if it was not decided yet; see: crosstie proposal status {}",
            submitted.proposal, submitted.proposal
        )
    });
    Ok(())
}

fn ask(client: &Client, id: &ProposalId, wait_ms: u64) -> Outcome<ProposalView> {
    let url = query(path(routes::PROPOSAL, &[&id.to_string()]), &[("wait_ms", Some(wait_ms.to_string()))]);
    client.get_waiting(&client.relay()?.name, &url, wait_ms)
}

/// Follows a proposal to its end. With `--json` every change is one line.
fn watch(client: &Client, id: &ProposalId, timeout: Duration, output: &Output) -> Outcome {
    let deadline = Instant::now() + timeout;
    let mut last: Option<ProposalView> = None;
    loop {
        let left_ms = u64::try_from(deadline.saturating_duration_since(Instant::now()).as_millis()).unwrap_or(u64::MAX);
        match ask(client, id, left_ms.min(if last.is_some() { WAIT_SLICE_MS } else { 0 })) {
            Ok(view) => {
                let is_news = last.as_ref().is_none_or(|seen| seen.state != view.state || seen.legs != view.legs);
                let is_over = is_terminal(&view.state);
                if is_news {
                    output.data(&view, words);
                }
                let ended = is_over.then(|| verdict(&view));
                last = Some(view);
                if let Some(verdict) = ended {
                    return verdict;
                }
            }
            // A finished proposal leaves the relay's state after a while; what was seen of it says how it ended.
            Err(failure) if failure.kind == Kind::NotFound => match &last {
                Some(seen) if seen.decision.is_some() => return verdict(seen),
                _ if Instant::now() >= deadline => return Err(failure),
                _ => std::thread::sleep(Duration::from_millis(200)),
            },
            Err(failure) if failure.kind == Kind::Unreachable && Instant::now() < deadline => {
                std::thread::sleep(Duration::from_millis(500));
            }
            Err(failure) => return Err(failure),
        }
        if Instant::now() >= deadline {
            let state = last.as_ref().map_or("unknown", |view| view.state.as_str());
            return Err(Failure::timed_out(format_args!("proposal {id} is still {state}"))
                .next(format_args!("ask again: crosstie proposal watch {id}")));
        }
    }
}

fn is_terminal(state: &str) -> bool {
    matches!(state, "committed" | "aborted" | "rejected")
}

fn verdict(view: &ProposalView) -> Outcome {
    if view.decision.as_deref() == Some("commit") {
        return Ok(());
    }
    let reason = view.reason.as_deref().unwrap_or("no reason recorded");
    let culprit = view.culprit.as_deref().map(|culprit| format!(", because of {culprit}")).unwrap_or_default();
    let failure = Failure::refused(format_args!("proposal {} was {}: {reason}{culprit}", view.id, view.state));
    Err(failure.next(view.hint.clone().unwrap_or_else(|| "correct the cause and make a new proposal".into())))
}

fn leg_table(legs: &[LegView]) -> String {
    let rows: Vec<Vec<String>> = legs
        .iter()
        .map(|leg| vec![leg.name.clone(), leg.mode.clone(), leg.phase.clone(), leg.code.clone().unwrap_or_default()])
        .collect();
    table(&["LEG", "MODE", "PHASE", "CODE"], &rows)
}

fn words(view: &ProposalView) -> String {
    let mut text = format!("proposal   {}\nstate      {}\n", view.id, view.state);
    if let Some(decision) = &view.decision {
        let reason = view.reason.as_deref().map(|reason| format!(" ({reason})")).unwrap_or_default();
        text.push_str(&format!("decision   {decision}{reason} in relay block {}\n", view.decided_at));
    }
    if let Some((blocks, ms)) = view.left {
        text.push_str(&format!(
            "deadline   in {blocks} relay blocks, about {:.1} s\n",
            std::time::Duration::from_millis(ms).as_secs_f64()
        ));
    }
    if !view.waiting_for.is_empty() {
        text.push_str(&format!("waits for  {}\n", view.waiting_for));
    }
    if let Some(hint) = &view.hint {
        text.push_str(&format!("hint       {hint}\n"));
    }
    text.push_str(&leg_table(&view.legs));
    text
}
