//! What a motion that re-anchors a subchain is made of: the relay's word about what it trusts, the chain's about its
//! own branch, and the newest header that both know.
//!
//! The branch that is dropped need not be asked: whatever made the relay trust its headers stands in the relay's own
//! blocks, and ties each of them to the trusted one. Nothing is believed: the finished motion is verified here as the
//! relay will verify it. Bounds: a branch is followed back through at most [`MAX_PAGES`] answers of the relay.

#[cfg(test)]
mod tests;

use crate::client::{Client, path, query};
use crate::exit::{Failure, Kind, Outcome};
use crate::text;
use ledger_protocol::codec::Text;
use ledger_protocol::interchain::{HistoryPath, Reanchor};
use ledger_protocol::merkle::compose_paths;
use ledger_protocol::proof::client::{TrustedHeader, history_leaf, verify_reanchor};
use ledger_protocol::{ChainId, Hash, Height, Sequence, Suite};
use node_api::{BlockView, ReanchorView, ShownHeaderView, TrustView, routes};

/// Most answers of the relay that are asked for, each about at most 256 of its blocks.
const MAX_PAGES: usize = 4_096;
/// Longest trusted header, path and motion.
const MAX_OBJECT_BYTES: usize = 2 << 20;

/// A header by its place, and where it stands in the trusted header's history; without a path it is the trusted one.
#[derive(Debug, Clone)]
struct Known {
    height: Height,
    hash: Hash,
    path: Option<HistoryPath>,
}

/// A motion that verifies, and what people must know before they vote.
#[derive(Debug, Clone)]
pub(crate) struct Prepared {
    /// The motion's content.
    pub(crate) reanchor: Reanchor,
    /// Whether the branches part: the relay trusts a header that the chain does not have.
    pub(crate) forked: bool,
    /// Height of the header that the relay trusts now.
    pub(crate) trusted_height: Height,
}

/// What the relay trusts of a chain.
#[derive(Debug, Clone)]
struct Trust {
    trusted: TrustedHeader,
    history: Option<Hash>,
    anchor: (Height, Hash),
    next_expected: Sequence,
    view: TrustView,
}

/// Asks the relay what it trusts of a chain.
fn trust(client: &Client, chain: &ChainId) -> Outcome<Trust> {
    let view: TrustView = client.get(&client.relay()?.name, &path(routes::TRUST, &[&chain.to_string()]))?;
    let trusted: TrustedHeader = text::from_node("trusted header", &view.trusted, MAX_OBJECT_BYTES)?;
    if trusted.chain != *chain {
        return Err(Failure::internal(format_args!("the relay told of {} instead of {chain}", trusted.chain)));
    }
    Ok(Trust {
        history: view.history.as_deref().map(|root| text::parse("history root", root)).transpose()?,
        anchor: (Height(view.anchor_height), text::parse("header hash", &view.anchor_hash)?),
        next_expected: Sequence(view.next_expected),
        trusted,
        view,
    })
}

/// The header that the relay trusts of a chain, without how it came there.
pub(crate) fn trusted(client: &Client, chain: &ChainId) -> Outcome<TrustedHeader> {
    // Nothing stands before the first.
    let url = query(path(routes::TRUST, &[&chain.to_string()]), &[("before", Some("0".into()))]);
    let view: TrustView = client.get(&client.relay()?.name, &url)?;
    text::from_node("trusted header", &view.trusted, MAX_OBJECT_BYTES)
}

/// The chain's own header hash at a height; `None` above its tip.
pub(crate) fn own_hash(client: &Client, chain: &str, height: Height) -> Outcome<Option<Hash>> {
    let answer: Outcome<BlockView> = client.get(chain, &path(routes::BLOCK, &[chain, &height.to_string()]));
    match answer {
        Ok(block) => Ok(Some(text::parse("header hash", &block.header_hash)?)),
        Err(failure) if failure.kind == Kind::NotFound => Ok(None),
        Err(failure) => Err(failure),
    }
}

/// Prepares the motion that gives a chain of this network the header of a height as its anchor.
pub(crate) fn prepare(client: &Client, chain: &str, to: Height, relay: &ChainId, reason: &str) -> Outcome<Prepared> {
    let entry = client.chain(chain)?;
    let (name, id) = (entry.name.as_str(), text::parse::<ChainId>("chain id", &entry.id)?);
    let trust = trust(client, &id)?;
    if own_hash(client, name, to)?.is_none() {
        return Err(Failure::not_found(format_args!("{name} has no block {to} yet"))
            .next("name a height that it has: crosstie status"));
    }
    if to <= trust.anchor.0 {
        return Err(Failure::usage(format_args!(
            "block {to} does not stand above {}, where {name} was registered or last re-anchored",
            trust.anchor.0
        ))
        .next("name a newer block of the branch that goes on"));
    }
    let is_common = |height: Height, hash: &Hash| -> Outcome<bool> {
        Ok(height < to && own_hash(client, name, height)?.as_ref() == Some(hash))
    };
    if !is_common(trust.anchor.0, &trust.anchor.1)? {
        return Err(Failure::refused(format_args!(
            "the history of {name} does not hold block {} with the hash {}, with which it was registered or last \
             re-anchored; the relay takes no other branch",
            trust.anchor.0, trust.anchor.1
        ))
        .next("restore its validators from data that reach back behind that block, or retire the chain"));
    }
    let relay_name = client.relay()?.name.clone();
    let next_page = |before: u64| -> Outcome<TrustView> {
        let url = path(routes::TRUST, &[&id.to_string()]);
        client.get(&relay_name, &query(url, &[("before", Some(before.to_string()))]))
    };
    let shown = Shown {
        suite: id.suite,
        trusted: (trust.trusted.height, trust.trusted.header_hash),
        anchor: trust.anchor,
        first_page: trust.view.clone(),
    };
    let common = newest_common(shown, &is_common, &next_page)?;
    let url = query(
        path(routes::REANCHOR, &[name, &to.to_string()]),
        &[
            ("anchor_height", Some(trust.anchor.0.to_string())),
            ("common_height", Some(common.height.to_string())),
            ("receiver", Some(relay.to_string())),
        ],
    );
    let shown: ReanchorView = client.get(name, &url)?;
    let shown: Reanchor = text::from_node("re-anchor", &shown.motion, MAX_OBJECT_BYTES)?;
    let forked = own_hash(client, name, trust.trusted.height)? != Some(trust.trusted.header_hash);
    let reanchor = Reanchor {
        common_in_trusted: common.path.unwrap_or_default(),
        reason: Text::new(reason).map_err(|error| Failure::usage(format_args!("the reason: {error}")))?,
        ..shown
    };
    let Trust { trusted, history, anchor, next_expected, .. } = &trust;
    let verified = verify_reanchor(trusted, *history, *anchor, *next_expected, relay, &reanchor);
    let _verified = verified.map_err(|error| {
        Failure::refused(format_args!("the re-anchor would not be taken: {error}"))
            .next("try again; if it stays so, nodes of both branches run: stop those of the branch that is dropped")
    })?;
    Ok(Prepared { reanchor, forked, trusted_height: trusted.height })
}

/// How the relay came to trust what it trusts of a chain.
struct Shown {
    suite: Suite,
    trusted: (Height, Hash),
    anchor: (Height, Hash),
    first_page: TrustView,
}

/// The newest header that the relay was shown and that is also of the chain's branch, with its place in the trusted
/// header's history. What is common stays so below, so few headers are asked for.
fn newest_common(
    shown: Shown,
    is_common: &dyn Fn(Height, &Hash) -> Outcome<bool>,
    next_page: &dyn Fn(u64) -> Outcome<TrustView>,
) -> Outcome<Known> {
    let Shown { suite, trusted: (trusted, hash), anchor, first_page: mut page } = shown;
    let newest = Known { height: trusted, hash, path: None };
    if is_common(newest.height, &newest.hash)? {
        return Ok(newest);
    }
    // The heads from the trusted one down to one that is common, each with the older headers that it showed.
    let mut heads: Vec<(Known, Vec<ShownHeaderView>)> = Vec::new();
    let mut at = newest;
    let mut found = false;
    for _ in 0..MAX_PAGES {
        let after = page.before.map(next_page).transpose()?;
        let behind = after.iter().filter_map(|page| page.heads.first()).map(Some);
        let following = page.heads.iter().skip(1).map(Some).chain(behind).chain([None]);
        for (head, next) in page.heads.iter().zip(following) {
            let (height, hash) = match next {
                Some(next) => (Height(next.height), text::parse("header hash", &next.header_hash)?),
                None => anchor,
            };
            let shown: HistoryPath = text::from_node("path", &head.previous_path, MAX_OBJECT_BYTES)?;
            let path = composed(suite, trusted, &at, height, shown)?;
            heads.push((std::mem::replace(&mut at, Known { height, hash, path: Some(path) }), head.older.clone()));
            // To ask about each would cost a request: some go too far, which the search below mends.
            if (next.is_none() || heads.len().is_multiple_of(16)) && is_common(at.height, &at.hash)? {
                found = true;
                break;
            }
        }
        match after {
            Some(after) if !found => page = after,
            _ => break,
        }
    }
    if !found {
        return Err(Failure::refused("the relay's node does not show how it came to trust what it trusts")
            .next("ask another node of the relay by --node: one that has held all its blocks since the registration"));
    }
    // `heads` fall in height; the first that is common is the newest.
    let (mut low, mut high) = (0, heads.len());
    while low < high {
        let middle = low.midpoint(high);
        let common = match heads.get(middle) {
            Some((head, _)) => is_common(head.height, &head.hash)?,
            None => true,
        };
        if common { high = middle } else { low = middle + 1 }
    }
    let newest_head = heads.get(high).map_or_else(|| at.clone(), |(head, _)| head.clone());
    // The head above showed blocks between the two; those that are common carry messages that were taken.
    if let Some((above, older)) = high.checked_sub(1).and_then(|index| heads.get(index)) {
        for shown in older.iter().rev() {
            let (height, hash) = (Height(shown.height), text::parse("header hash", &shown.header_hash)?);
            if height <= newest_head.height {
                break;
            }
            if is_common(height, &hash)? {
                let path: HistoryPath = text::from_node("path", &shown.path, MAX_OBJECT_BYTES)?;
                let path = composed(suite, trusted, above, height, path)?;
                return Ok(Known { height, hash, path: Some(path) });
            }
        }
    }
    Ok(newest_head)
}

/// The place of a header in the trusted header's history, from its place in that of another one.
fn composed(suite: Suite, trusted: Height, within: &Known, height: Height, path: HistoryPath) -> Outcome<HistoryPath> {
    let Some(within_path) = &within.path else { return Ok(path) };
    let middle = (within.height.0, history_leaf(suite, &within.hash), within_path);
    compose_paths(suite, (height.0, &path), middle, trusted.0)
        .map_err(|error| Failure::internal(format_args!("the relay's node sent paths that do not fit: {error}")))
}
