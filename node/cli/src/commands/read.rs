//! `crosstie get`, `list`, `history`: what a chain's books hold.

use super::tx::state_key;
use crate::args::{GetArgs, GlobalArgs, HistoryArgs, ListArgs};
use crate::client::{path, query};
use crate::exit::{Failure, Outcome};
use crate::output::{Output, table};
use crate::text;
use node_api::{Bytes, HistoryView, StateEntryView, StateListView, routes};

/// Bytes for people: text where they are printable.
fn shown(bytes: &Bytes) -> String {
    bytes.text.clone().unwrap_or_else(|| format!("hex:{}", bytes.hex))
}

/// What stands at a key, for people.
fn content(entry: &StateEntryView) -> String {
    match (&entry.counter, &entry.value) {
        (Some(counter), _) => counter.to_string(),
        (None, Some(value)) => shown(value),
        (None, None) => format!("({})", entry.kind),
    }
}

pub(super) fn get(args: &GetArgs, global: &GlobalArgs, output: &Output) -> Outcome {
    let client = super::client(global)?;
    let chain = &client.chain(&args.chain)?.name;
    let key = hex::encode(&*state_key(&args.key)?);
    let url = path(routes::STATE, &[chain, &args.ledger.to_string(), &args.account, &key]);
    let entry: StateEntryView = client.get(chain, &url)?;
    output.data(&entry, content);
    for id in &entry.pending {
        output.say(format_args!("undecided: proposal {id} holds this key; the value is the one before it"));
    }
    Ok(())
}

pub(super) fn list(args: &ListArgs, global: &GlobalArgs, output: &Output) -> Outcome {
    let client = super::client(global)?;
    let chain = &client.chain(&args.chain)?.name;
    let url = query(
        path(routes::STATE_LIST, &[chain, &args.ledger.to_string(), &args.account]),
        &[
            ("prefix", Some(hex::encode(text::bytes("the prefix", &args.prefix)?))),
            ("after", args.after.as_deref().map(|after| text::bytes("after", after).map(hex::encode)).transpose()?),
            ("limit", Some(args.limit.to_string())),
        ],
    );
    let view: StateListView = client.get(chain, &url)?;
    output.data(&view, |view| {
        let rows: Vec<Vec<String>> = view
            .entries
            .iter()
            .map(|entry| vec![shown(&entry.key), entry.version.to_string(), entry.kind.clone(), content(entry)])
            .collect();
        table(&["KEY", "VERSION", "KIND", "VALUE"], &rows)
    });
    if let Some(after) = &view.next_after {
        output.say(format_args!("there may be more: --after hex:{after}"));
    }
    Ok(())
}

pub(super) fn history(args: &HistoryArgs, global: &GlobalArgs, output: &Output) -> Outcome {
    let client = super::client(global)?;
    let chain = &client.chain(&args.chain)?.name;
    let key = hex::encode(&*state_key(&args.key)?);
    let url = path(routes::HISTORY, &[chain, &args.ledger.to_string(), &args.account, &key]);
    let view: HistoryView = client.get(chain, &url)?;
    if view.versions.is_empty() {
        return Err(Failure::not_found("the key was never written")
            .next("check chain, ledger, account and key; `crosstie list` shows an account's keys"));
    }
    output.data(&view, |view| {
        let rows: Vec<Vec<String>> = view
            .versions
            .iter()
            .map(|it| vec![it.version.to_string(), it.height.to_string(), it.kind.clone(), it.value_hash.clone()])
            .collect();
        table(&["VERSION", "BLOCK", "KIND", "VALUE HASH"], &rows)
    });
    Ok(())
}
