//! Reads of one chain: blocks, checkpoints, state, history, accounts, identities, dry runs.

use super::{Sight, store_problem};
use chain_ledger::{LedgerFacts, query};
use chain_state::{BlockState, Place, StoreFault, prove};
use ledger_protocol::chain::{CertificateKind, Checkpoint, Header};
use ledger_protocol::codec::{DecodeError, Text, decode, encode};
use ledger_protocol::proposal::{LegMode, Submit};
use ledger_protocol::system::{LegRecord, LegState, accounts};
use ledger_protocol::transaction::{ChangeKind, IdentityState, StateContent, StateKey, StateValue};
use ledger_protocol::{AccountName, Address, Height, LedgerId, ProposalId, Version};
use node_api::{
    AccountView, BlockView, Bytes, CheckpointView, FollowsView, HistoryEntryView, HistoryView, IdentityView, LegView,
    LockedLegView, Problem, ProblemKind, StateEntryView, StateListView,
};
use node_gateway::{KeyAddress, ListQuery};
use subchain::participant::Standing;

/// Most legs that hold locks in one answer.
const MAX_LOCKED: usize = 1_000;
/// Legs that are read at a time, and how many times.
const LEGS_PAGE: usize = 256;
const MAX_LEG_PAGES: usize = 256;

fn bad(words: impl Into<String>) -> Problem {
    Problem::new(ProblemKind::BadRequest, words)
}

fn missing(words: impl Into<String>) -> Problem {
    Problem::new(ProblemKind::NotFound, words)
}

/// The place that a request names.
pub(crate) fn place(at: &KeyAddress) -> Result<Place, Problem> {
    let account = account_name(&at.account)?;
    let key = StateKey::new(at.key.clone()).map_err(|error| bad(format!("the key: {error}")))?;
    Ok(Place::new(at.ledger, &account, &key))
}

fn account_name(text: &str) -> Result<AccountName, Problem> {
    Text::new(text).map_err(|error| bad(format!("account {text:?}: {error}")))
}

/// The header of a height, or of the newest block.
pub(crate) fn header(sight: &Sight<'_>, height: Option<Height>) -> Result<Header, Problem> {
    let height = match height {
        Some(height) => height,
        None => sight.tip_height()?,
    };
    let header = sight.chain().header(height).map_err(store_problem)?;
    header.ok_or_else(|| missing(format!("{} has no block {height} yet", sight.view.chain_name)))
}

pub(super) fn block(sight: &Sight<'_>, height: Option<Height>) -> Result<BlockView, Problem> {
    let header = header(sight, height)?;
    let ids = match sight.chain().block(header.height).map_err(store_problem)? {
        Some(block) => block.inputs.iter().map(|input| input.hash(header.chain.suite).to_string()).collect(),
        None => Vec::new(),
    };
    Ok(BlockView {
        height: header.height.0,
        header_hash: header.hash().to_string(),
        timestamp_ms: header.timestamp_ms.0,
        proposer: header.proposer.to_string(),
        inputs: header.transactions.count,
        changes: header.changes.count,
        ids,
        header: hex::encode(encode(&header)),
    })
}

/// The checkpoint at a height, or at the newest block.
pub(crate) fn checkpoint_at(sight: &Sight<'_>, height: Option<Height>) -> Result<Checkpoint, Problem> {
    let header = header(sight, height)?;
    let certificate = sight.chain().certificate(header.height).map_err(store_problem)?;
    // Header 0 has no certificate; the chain's kind shows in any later one.
    let kind = match certificate {
        Some(certificate) => certificate.kind,
        None => {
            let first = sight.chain().certificate(Height(1)).map_err(store_problem)?;
            first.map_or(CertificateKind::Bft, |certificate| certificate.kind)
        }
    };
    Ok(Checkpoint::at(&header, kind))
}

pub(super) fn checkpoint(sight: &Sight<'_>, height: Option<Height>) -> Result<CheckpointView, Problem> {
    let checkpoint = checkpoint_at(sight, height)?;
    Ok(CheckpointView {
        chain: checkpoint.chain.to_string(),
        height: checkpoint.height.0,
        header_hash: checkpoint.header_hash.to_string(),
        fingerprint: checkpoint.fingerprint().to_string(),
        checkpoint: hex::encode(encode(&checkpoint)),
    })
}

fn entry(key: &[u8], value: &StateValue, pending: Vec<String>, height: Height) -> StateEntryView {
    let mut view = StateEntryView {
        key: Bytes::of(key),
        version: value.version.0,
        kind: String::new(),
        value: None,
        counter: None,
        bounds: None,
        pending,
        height: height.0,
    };
    match &value.content {
        StateContent::Plain(bytes) => {
            view.kind = "plain".into();
            view.value = Some(Bytes::of(bytes));
        }
        StateContent::Sealed(bytes) => {
            view.kind = "sealed".into();
            view.value = Some(Bytes::of(bytes));
        }
        StateContent::Counter { value, min, max } => {
            view.kind = "counter".into();
            view.counter = Some(*value);
            view.bounds = Some((*min, *max));
        }
        StateContent::Tombstone => view.kind = "deleted".into(),
        StateContent::Working(_) => view.kind = "working".into(),
    }
    view
}

pub(super) fn state(sight: &Sight<'_>, at: &KeyAddress) -> Result<StateEntryView, Problem> {
    let place = place(at)?;
    let state = sight.state()?;
    let answer = query::value(&state, &place).map_err(store_problem)?;
    let pending = answer.pending.iter().map(ToString::to_string).collect();
    let height = sight.tip_height()?;
    match answer.value {
        Some(value) => Ok(entry(&at.key, &value, pending, height)),
        None => Err(missing(format!(
            "account {} of ledger {} on {} has no key {}",
            at.account,
            at.ledger,
            sight.view.chain_name,
            Bytes::of(&at.key).text.unwrap_or_else(|| hex::encode(&at.key)),
        ))),
    }
}

pub(super) fn list(sight: &Sight<'_>, query: &ListQuery) -> Result<StateListView, Problem> {
    let within = &query.within;
    let account = account_name(&within.account)?;
    let after = query
        .after
        .clone()
        .map(|bytes| StateKey::new(bytes).map_err(|error| bad(format!("after: {error}"))))
        .transpose()?;
    let state = sight.state()?;
    let found = state.scan(within.ledger, &account, &within.key, after.as_ref(), query.limit).map_err(store_problem)?;
    let height = sight.tip_height()?;
    let next_after = (found.len() == query.limit).then(|| found.last().map(|(key, _)| hex::encode(&**key))).flatten();
    let entries = found.iter().map(|(key, value)| entry(key, value, Vec::new(), height)).collect();
    Ok(StateListView { entries, next_after, height: height.0 })
}

pub(super) fn history(sight: &Sight<'_>, at: &KeyAddress) -> Result<HistoryView, Problem> {
    let place = place(at)?;
    let mut versions = Vec::new();
    for version in 0..u64::MAX {
        let found = prove::change_of_version(&sight.reader, place.ledger, &place.account, &place.key, Version(version))
            .map_err(store_problem)?;
        let Some((height, index)) = found else { break };
        let changes = sight.chain().changes(height).map_err(store_problem)?.unwrap_or_default();
        let change = usize::try_from(index)
            .ok()
            .and_then(|index| changes.get(index))
            .ok_or_else(|| store_problem(StoreFault(format!("the changes of block {height} lack index {index}"))))?;
        let kind = match change.kind {
            ChangeKind::Set => "set",
            ChangeKind::Delete => "delete",
            ChangeKind::Prune => "prune",
        };
        versions.push(HistoryEntryView {
            version,
            height: height.0,
            kind: kind.into(),
            value_hash: change.value_hash.to_string(),
        });
        if versions.len() >= 10_000 {
            break;
        }
    }
    Ok(HistoryView { versions })
}

pub(super) fn account(sight: &Sight<'_>, ledger: LedgerId, account: &str) -> Result<AccountView, Problem> {
    let name = account_name(account)?;
    let found = query::account(&sight.state()?, ledger, &name).map_err(store_problem)?;
    let record = found.ok_or_else(|| missing(format!("ledger {ledger} has no account {account}")))?;
    Ok(AccountView {
        account: account.to_owned(),
        details: serde_json::json!({
            "kind": format!("{:?}", record.kind).to_lowercase(),
            "state": format!("{:?}", record.state).to_lowercase(),
            "owner": record.mode.owner.to_string(),
            "group": record.mode.group.as_option().map(|role| role.0.to_string()),
            "group_write": record.mode.group_write,
            "others_write": record.mode.others_write,
            "policy": format!("{:?}", record.policy.rule).to_lowercase(),
            "policy_members": record.policy.members.iter().map(|member| member.address.to_string()).collect::<Vec<_>>(),
            "lockable": record.lockable,
        }),
    })
}

pub(super) fn identity(sight: &Sight<'_>, ledger: LedgerId, address: &Address) -> Result<IdentityView, Problem> {
    let found = query::identity(&sight.state()?, ledger, address).map_err(store_problem)?;
    let record = found.ok_or_else(|| missing(format!("ledger {ledger} has no identity {address}")))?;
    let state = match record.state {
        IdentityState::Normal => "normal",
        IdentityState::Frozen => "frozen",
        IdentityState::Revoked => "revoked",
    };
    Ok(IdentityView {
        address: address.to_string(),
        state: state.into(),
        organisation: record.organisation.to_string(),
        roles: record.roles.iter().map(|role| role.0.to_string()).collect(),
    })
}

/// Runs the legs of this chain on a sandbox, as a Prepare would; nothing is kept.
pub(super) fn dry_run(sight: &Sight<'_>, submit: &Submit) -> Result<Vec<LegView>, Problem> {
    let tip = sight.chain().tip().map_err(store_problem)?;
    let Some(tip) = tip else { return Err(missing("the chain has no block yet")) };
    let mut state: BlockState<'_> = sight.state()?;
    let facts = LedgerFacts {
        height: tip.header.height.saturating_add(1),
        timestamp_ms: tip.header.timestamp_ms,
        parameters: &tip.next_parameters,
    };
    let mut views = Vec::new();
    for leg in submit.body.legs.iter().filter(|leg| leg.chain == sight.view.chain) {
        let verdict = subchain::participant::dry_run(&mut state, &facts, leg).map_err(store_problem)?;
        let mode = match leg.mode {
            LegMode::Write => "write",
            LegMode::Read => "read",
            LegMode::Notify => "notify",
        };
        views.push(LegView {
            chain: leg.chain.to_string(),
            name: sight.view.chain_name.clone(),
            mode: mode.into(),
            phase: if verdict.is_ok() { "would-vote-yes" } else { "would-vote-no" }.into(),
            code: verdict.err().map(|(code, key)| match key {
                Some(key) => format!(
                    "{code}: ledger {}, account {}, key {}",
                    key.ledger,
                    key.account,
                    Bytes::of(&key.key).text.unwrap_or_else(|| hex::encode(&*key.key))
                ),
                None => code.to_string(),
            }),
            controlled_by: String::new(),
        });
    }
    Ok(views)
}

/// What a subchain follows of its relay.
pub(super) fn follows(sight: &Sight<'_>) -> Result<FollowsView, Problem> {
    let state = sight.state()?;
    let none = || missing(format!("{} follows no relay", sight.view.chain_name));
    if sight.view.is_relay {
        return Err(none());
    }
    let relay = subchain::relay_of(&state).map_err(store_problem)?.ok_or_else(none)?;
    let trusted = chain_interchain::trusted(&state, &relay).map_err(store_problem)?.ok_or_else(none)?;
    let highest = chain_interchain::highest_known_height(&state, &relay).map_err(store_problem)?;
    let (named_height, named_header_hash) =
        chain_interchain::anchor(&state, &relay).map_err(store_problem)?.ok_or_else(none)?;
    let standing = subchain::participant::standing(&state).map_err(store_problem)?;
    Ok(FollowsView {
        relay: relay.to_string(),
        height: trusted.height.0,
        header_hash: trusted.header_hash.to_string(),
        highest_height: highest.unwrap_or(trusted.height).0,
        next_expected: chain_interchain::next_expected(&state, &relay).map_err(store_problem)?.0,
        reanchored: chain_interchain::reanchors(&state, &relay).map_err(store_problem)?,
        suspended: matches!(standing, Standing::Suspended { .. }),
        named_height: named_height.0,
        named_header_hash: named_header_hash.to_string(),
        locked: locked(&state).map_err(store_problem)?,
    })
}

/// Legs that hold locks.
fn locked(state: &BlockState<'_>) -> Result<Vec<LockedLegView>, StoreFault> {
    let account = Text::new(accounts::LEGS).unwrap_or_default();
    let (mut found, mut after) = (Vec::new(), None);
    for _ in 0..MAX_LEG_PAGES {
        let page = state.scan(LedgerId::SYSTEM, &account, &[], after.as_ref(), LEGS_PAGE)?;
        let Some((last, _)) = page.last() else { break };
        after = Some(last.clone());
        for (key, value) in page {
            let (Some((id, began)), StateContent::Plain(bytes)) = (key.split_last_chunk::<8>(), &value.content) else {
                continue;
            };
            let damaged = |error: DecodeError| StoreFault(format!("a leg's record: {error}"));
            let record: LegRecord = decode(bytes, bytes.len()).map_err(damaged)?;
            if record.state == LegState::Locked && found.len() < MAX_LOCKED {
                let id: ProposalId = decode(id, id.len()).map_err(damaged)?;
                found.push(LockedLegView {
                    proposal: id.to_string(),
                    started_at: u64::from_be_bytes(*began),
                    deadline: record.deadline_on_relay.0,
                });
            }
        }
    }
    Ok(found)
}
