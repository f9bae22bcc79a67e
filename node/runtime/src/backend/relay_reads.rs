//! What only a relay knows: proposals, registered chains, motions.

use super::{Sight, store_problem};
use chain_ledger::motions;
use chain_state::{BlockState, StoreFault};
use ledger_protocol::chain::{CertificateKind, ControlledBy};
use ledger_protocol::codec::{Text, decode};
use ledger_protocol::interchain::DecisionVerdict;
use ledger_protocol::proposal::LegMode;
use ledger_protocol::system::{ChainRecord, ChainStatus, LegPhase, LegStatus, ProposalRecord, ProposalState, accounts};
use ledger_protocol::transaction::StateContent;
use ledger_protocol::{ChainId, Height, LedgerId, ProposalId};
use node_api::{
    BackOffView, ChainStatusView, LegView, Problem, ProblemKind, ProposalSummary, ProposalView, RegistryEntryView,
    UsageView,
};
use node_gateway::ProposalQuery;
use relay::coordinator::{self, limits};
use relay::registry;

fn controlled(by: &ControlledBy) -> String {
    match by {
        ControlledBy::SingleOrganisation => "single organisation".into(),
        ControlledBy::Shared { max_share_per_mille } => format!("shared (at most {max_share_per_mille} per mille)"),
    }
}

fn leg_view(state: &BlockState<'_>, leg: &LegStatus) -> Result<LegView, StoreFault> {
    let record = registry::chain(state, &leg.chain)?;
    let (phase, code) = match leg.phase {
        LegPhase::Waiting => ("waiting", None),
        LegPhase::VotedYes { .. } => ("voted-yes", None),
        LegPhase::ClosedByOutcome { .. } => ("closed", None),
        LegPhase::ClosedByNo { .. } => ("refused", None),
        LegPhase::Disputed => ("disputed", None),
        LegPhase::Broken => ("broken", None),
        LegPhase::Noted { code } => ("noted", Some(code.to_string())),
    };
    let mode = match leg.mode {
        LegMode::Write => "write",
        LegMode::Read => "read",
        LegMode::Notify => "notify",
    };
    Ok(LegView {
        chain: leg.chain.to_string(),
        name: record.as_ref().map_or_else(String::new, |record| record.name.to_string()),
        mode: mode.into(),
        phase: phase.into(),
        code,
        controlled_by: record.map_or_else(String::new, |record| controlled(&record.controlled_by)),
    })
}

/// A proposal and whether nothing more will happen to it that somebody could wait for.
pub(super) fn proposal(sight: &Sight<'_>, id: &ProposalId) -> Result<Option<(ProposalView, bool)>, Problem> {
    let state = sight.state()?;
    let Some(record) = coordinator::find(&state, id).map_err(store_problem)? else { return Ok(None) };
    let tip = sight.chain().tip().map_err(store_problem)?;
    let (now, pace_ms) =
        tip.map_or((0, 0), |tip| (tip.header.height.0, u64::from(tip.next_parameters.min_block_interval_ms)));
    let left = (record.state == ProposalState::Preparing).then(|| {
        let blocks = record.deadline.0.saturating_sub(now);
        (blocks, blocks.saturating_mul(pace_ms))
    });
    let (decision, reason, culprit) = match record.decision.as_option() {
        None => (None, None, None),
        Some(DecisionVerdict::Commit { .. }) => (Some("commit".to_owned()), None, None),
        Some(DecisionVerdict::Abort { code, culprit }) => {
            (Some("abort".to_owned()), Some(code.to_string()), Some(name_of(&state, culprit, &sight.view.chain)?))
        }
    };
    let mut legs = Vec::new();
    for leg in &record.legs {
        legs.push(leg_view(&state, leg).map_err(store_problem)?);
    }
    let (waiting_for, hint) = next_step(&record, &legs);
    let view = ProposalView {
        id: id.to_string(),
        state: record.state.name().into(),
        proposer: record.proposer.to_string(),
        submitted_at: record.submitted_at.0,
        started_at: record.started_at.0,
        deadline: record.deadline.0,
        valid_until: record.valid_until.0,
        decided_at: record.decided_at.0,
        left,
        decision,
        reason,
        culprit,
        legs,
        waiting_for,
        hint,
    };
    Ok(Some((view, record.state.is_terminal())))
}

fn name_of(state: &BlockState<'_>, chain: &ChainId, relay: &ChainId) -> Result<String, Problem> {
    if chain == relay {
        return Ok("relay".into());
    }
    let record = registry::chain(state, chain).map_err(store_problem)?;
    Ok(record.map_or_else(|| chain.to_string(), |record| record.name.to_string()))
}

fn next_step(record: &ProposalRecord, legs: &[LegView]) -> (String, Option<String>) {
    let open = |phases: &[&str]| -> String {
        let names: Vec<&str> =
            legs.iter().filter(|leg| phases.contains(&leg.phase.as_str())).map(|leg| leg.name.as_str()).collect();
        names.join(", ")
    };
    match record.state {
        ProposalState::Queued => (
            "proposals before it that use the same keys, or room in flight".into(),
            Some(format!("crosstie proposal cancel {}", record.id)),
        ),
        ProposalState::Preparing => {
            (format!("the votes of {}", open(&["waiting"])), Some(format!("crosstie proposal cancel {}", record.id)))
        }
        ProposalState::Committing | ProposalState::Aborting => {
            (format!("the outcomes of {}", open(&["waiting", "voted-yes"])), None)
        }
        _ => ("nobody: it is finished".into(), Some(format!("crosstie bundle get {}", record.id))),
    }
}

pub(super) fn proposals(sight: &Sight<'_>, query: &ProposalQuery) -> Result<Vec<ProposalSummary>, Problem> {
    let state = sight.state()?;
    let account = Text::new(accounts::PROPOSALS).unwrap_or_default();
    let mut found = Vec::new();
    let mut after = None;
    while found.len() < query.limit {
        let page = state.scan(LedgerId::SYSTEM, &account, &[], after.as_ref(), 256).map_err(store_problem)?;
        let Some((last, _)) = page.last() else { break };
        after = Some(last.clone());
        for (_, value) in page {
            let StateContent::Plain(bytes) = &value.content else { continue };
            let record: ProposalRecord = decode(bytes, bytes.len())
                .map_err(|error| store_problem(StoreFault(format!("a proposal's record: {error}"))))?;
            let label = record.state.name();
            let wanted = query.state.as_deref().is_none_or(|state| state == label)
                && query.after.is_none_or(|after| record.id > after);
            if wanted && found.len() < query.limit {
                found.push(ProposalSummary {
                    id: record.id.to_string(),
                    state: label.into(),
                    submitted_at: record.submitted_at.0,
                    decided_at: record.decided_at.0,
                });
            }
        }
    }
    Ok(found)
}

pub(super) fn registry(sight: &Sight<'_>) -> Result<Vec<RegistryEntryView>, Problem> {
    let state = sight.state()?;
    let now = sight.chain().tip().map_err(store_problem)?.map(|tip| tip.header.timestamp_ms).unwrap_or_default();
    let mut entries = Vec::new();
    for chain in registry::peers(&state).map_err(store_problem)? {
        let Some(view) = coordinator::chain_view(&state, &chain, now).map_err(store_problem)? else { continue };
        let client = chain_interchain::client(&state, &chain).map_err(store_problem)?;
        let record = view.record;
        let status = match record.status {
            ChainStatus::Registered => "registered",
            ChainStatus::Active => "active",
            ChainStatus::Paused { .. } => "paused",
            ChainStatus::Frozen => "frozen",
            ChainStatus::Retiring => "retiring",
            ChainStatus::Retired => "retired",
        };
        let held_since = registry::lane(&state, &chain).map_err(store_problem)?.held_since;
        let (waiting_for, hint) = next_act(&record, view.is_stale, held_since);
        entries.push(RegistryEntryView {
            chain: chain.to_string(),
            name: record.name.to_string(),
            standing: ChainStatusView {
                status: status.into(),
                stale: view.is_stale,
                lagging: record.lagging,
                suspect: record.suspect,
            },
            kind: match record.kind {
                CertificateKind::Bft => "bft",
                CertificateKind::Cft => "cft",
                CertificateKind::Dev => "dev",
            }
            .into(),
            controlled_by: controlled(&record.controlled_by),
            height_on_source: client.map_or(0, |client| client.height_on_source.0),
            in_flight: coordinator::in_flight(&state, &chain).map_err(store_problem)?,
            limits: record.limits.into(),
            usage: usage(&state, &chain)?,
            reanchored: chain_interchain::reanchors(&state, &chain).map_err(store_problem)?,
            held_since: held_since.0,
            waiting_for,
            hint,
        });
    }
    Ok(entries)
}

/// Who must act next so that a chain takes part in proposals, and the command that helps.
fn next_act(record: &ChainRecord, is_stale: bool, held_since: Height) -> (String, Option<String>) {
    let name = record.name.as_str();
    let (who, hint) = match record.status {
        ChainStatus::Retired => return ("nobody: it has left".into(), None),
        ChainStatus::Frozen => (
            "the consortium's members: a header of the branch that goes on, as its new anchor".into(),
            Some(format!("crosstie motion propose re-anchor {name} HEIGHT")),
        ),
        _ if held_since > Height::ZERO => (
            format!(
                "the chain's governance: its lane is held until it follows relay block {held_since} or a newer one, and \
                 the relay has heard of it"
            ),
            Some(format!("crosstie chain follow-relay {name}")),
        ),
        ChainStatus::Registered => {
            ("the consortium's members".into(), Some(format!("crosstie motion propose activate {name}")))
        }
        ChainStatus::Paused { until } => (
            format!("relay height {until}, or the consortium's members before it"),
            Some(format!("crosstie motion propose activate {name}")),
        ),
        ChainStatus::Retiring => (
            "the outcomes of its open legs; if it never answers, the consortium's members".into(),
            Some(format!("crosstie motion propose abandon {name}")),
        ),
        ChainStatus::Active if record.suspect => (
            "the consortium's members: old keys of it signed twice".into(),
            Some(format!("crosstie motion propose clear-suspect {name}")),
        ),
        ChainStatus::Active if record.lagging => {
            ("its validators: outcomes are overdue, or it was silent too often".into(), Some("crosstie status".into()))
        }
        ChainStatus::Active if is_stale => {
            ("its validators and couriers: no new header of it arrives".into(), Some("crosstie status".into()))
        }
        ChainStatus::Active => return (String::new(), None),
    };
    (who, hint)
}

/// A registered chain by its id or its name in the registry.
pub(super) fn registered(sight: &Sight<'_>, chain: &str) -> Result<ChainId, Problem> {
    if let Ok(id) = chain.parse::<ChainId>() {
        return Ok(id);
    }
    let state = sight.state()?;
    for id in registry::peers(&state).map_err(store_problem)? {
        let record = registry::chain(&state, &id).map_err(store_problem)?;
        if record.is_some_and(|record| record.name.as_str() == chain) {
            return Ok(id);
        }
    }
    Err(Problem::new(ProblemKind::NotFound, format!("the relay knows no chain {chain:?}")))
}

fn usage(state: &BlockState<'_>, chain: &ChainId) -> Result<UsageView, Problem> {
    let used = limits::chain_use(state, chain).map_err(store_problem)?;
    let back_offs = limits::back_offs(state, chain).map_err(store_problem)?;
    let height = state.height();
    Ok(UsageView {
        bytes: used.flight.bytes,
        key_blocks: used.flight.key_blocks,
        begun: used.begun.count_at(height),
        silent: used.silent.count_at(height),
        silent_until: used.silent_until.0,
        services: used.services.iter().map(|(ledger, legs)| (ledger.0, *legs)).collect(),
        back_offs: back_offs
            .into_iter()
            .map(|it| BackOffView { proposer: it.proposer.to_string(), until: it.until.0 })
            .collect(),
    })
}

pub(super) fn motions(sight: &Sight<'_>) -> Result<serde_json::Value, Problem> {
    let state = sight.state()?;
    let account = Text::new(accounts::MOTIONS).unwrap_or_default();
    let mut found = Vec::new();
    let page = state.scan(LedgerId::SYSTEM, &account, &[], None, 1_000).map_err(store_problem)?;
    for (key, value) in page {
        let StateContent::Plain(bytes) = &value.content else { continue };
        let record: motions::MotionRecord = decode(bytes, bytes.len())
            .map_err(|error| Problem::new(ProblemKind::Internal, format!("a motion's record: {error}")))?;
        found.push(serde_json::json!({
            "id": hex::encode(&*key),
            "proposer": record.proposer.to_string(),
            "reason": record.reason.as_str(),
            "opened_at": record.opened_at.0,
            "valid_until": record.valid_until.0,
            "state": format!("{:?}", record.state).to_lowercase(),
            "votes": record.votes.iter().map(|vote| serde_json::json!({
                "member": vote.member.to_string(), "approve": vote.approve,
            })).collect::<Vec<_>>(),
        }));
    }
    Ok(serde_json::Value::Array(found))
}
