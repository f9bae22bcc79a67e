//! Reading the books back from every validator, and trying the bundles.

use super::drive::End;
use super::network::{BALANCE, DemoNetwork, FLIGHTS, INCOME, LANDING, Party, SLOTS, TOTAL};
use super::rows::Departure;
use crate::exit::{Failure, Outcome};
use chain_engine::ChainReader;
use chain_state::prove::latest;
use ledger_protocol::codec::Text;
use ledger_protocol::transaction::{StateContent, StateKey};
use ledger_protocol::{Height, ProposalId};
use node_runtime::devnet::BUSINESS_LEDGER;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// What the books say.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Books {
    /// Fees that carriers paid.
    pub(super) debits: i64,
    /// Fees that airports took.
    pub(super) credits: i64,
    /// Whether every validator of every chain says the same at equal heights, and what the proposals' ends demand.
    pub(super) applied_everywhere: bool,
    /// The first difference found, for people.
    pub(super) difference: Option<String>,
}

/// How long the last blocks may take to reach every validator.
const SETTLE_DEADLINE: Duration = Duration::from_secs(30);

fn content(store: &node_storage::ReplicaStore, account: &str, key: &str) -> Outcome<Option<StateContent>> {
    let account = Text::new(account).map_err(Failure::internal)?;
    let key = StateKey::new(key.as_bytes().to_vec()).map_err(Failure::internal)?;
    let found = latest(store, BUSINESS_LEDGER, &account, &key).map_err(Failure::internal)?;
    Ok(found.map(|value| value.content))
}

fn counter(store: &node_storage::ReplicaStore, account: &str, key: &str) -> Outcome<i64> {
    match content(store, account, key)? {
        Some(StateContent::Counter { value, .. }) => Ok(value),
        other => Err(Failure::internal(format!("{account}/{key} is no counter but {other:?}"))),
    }
}

/// The books of all chains, from every validator of each.
pub(super) async fn books(
    network: &DemoNetwork,
    ends: &[(ProposalId, Departure, End)],
    opening_balance: i64,
) -> Outcome<Books> {
    let mut books = Books { applied_everywhere: true, ..Books::default() };
    for party in network.carriers.values().chain(network.airports.values()) {
        agree(network, party, &mut books).await?;
    }
    let host = network.node.host();
    for (code, party) in &network.carriers {
        let balances = every(host, party, |store| counter(store, LANDING, BALANCE))?;
        books.debits += opening_balance - same(&mut books, code, "balance", &balances);
    }
    for (code, party) in &network.airports {
        let totals = every(host, party, |store| counter(store, INCOME, TOTAL))?;
        books.credits += same(&mut books, code, "income", &totals);
    }
    // A key that several departures share is there if any of them committed.
    let mut expected: BTreeMap<(String, String), bool> = BTreeMap::new();
    let mut slots: BTreeMap<(String, String), bool> = BTreeMap::new();
    for (_, row, end) in ends {
        let committed = *end == End::Committed;
        *expected.entry((row.carrier.clone(), row.flight_key())).or_default() |= committed;
        *slots.entry((row.origin.clone(), row.slot_key())).or_default() |= committed;
    }
    for (parties, keys, account) in [(&network.carriers, &expected, FLIGHTS), (&network.airports, &slots, SLOTS)] {
        for ((code, key), committed) in keys {
            let Some(party) = parties.get(code) else { continue };
            let found = every(host, party, |store| Ok(content(store, account, key)?.is_some()))?;
            if found.iter().any(|there| there != committed) {
                books.differ(format!("{code}: {account}/{key} should be there: {committed}; validators say {found:?}"));
            }
        }
    }
    Ok(books)
}

impl Books {
    fn differ(&mut self, what: String) {
        self.applied_everywhere = false;
        self.difference.get_or_insert(what);
    }
}

/// Reads something from every validator of a chain.
fn every<T>(
    host: &node_runtime::HostHandle,
    party: &Party,
    read: impl Fn(&node_storage::ReplicaStore) -> Outcome<T>,
) -> Outcome<Vec<T>> {
    let views = party.replicas.iter().filter_map(|index| host.replicas().get(*index));
    views.map(|view| read(&view.store)).collect()
}

fn same(books: &mut Books, code: &str, what: &str, values: &[i64]) -> i64 {
    let first = values.first().copied().unwrap_or(0);
    if values.iter().any(|value| *value != first) {
        books.differ(format!("{code}: {what} differs between validators: {values:?}"));
    }
    first
}

/// Waits until every validator of a chain is at the height of the foremost one, then compares headers there.
async fn agree(network: &DemoNetwork, party: &Party, books: &mut Books) -> Outcome {
    let host = network.node.host();
    let heights = || -> Vec<u64> {
        let views = party.replicas.iter().filter_map(|index| host.replicas().get(*index));
        views.map(|view| view.progress.borrow().height).collect()
    };
    let target = heights().into_iter().max().unwrap_or(0);
    let deadline = Instant::now() + SETTLE_DEADLINE;
    while heights().into_iter().min().unwrap_or(0) < target {
        if Instant::now() > deadline {
            books.differ(format!("{}: a validator stays behind height {target}: {:?}", party.chain, heights()));
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let hashes = every(host, party, |store| {
        let header = ChainReader::new(store, party.chain.suite).header(Height(target)).map_err(Failure::internal)?;
        Ok(header.map(|header| (header.hash(), header.ledgers.root)))
    })?;
    let first = hashes.first().copied().flatten();
    if first.is_none() || hashes.iter().any(|hash| *hash != first) {
        books.differ(format!("{}: validators hold different blocks at height {target}", party.chain));
    }
    Ok(())
}
