//! The demo's network: a subchain for every carrier and every airport, admitted by the relay's members.

use super::rows::Survey;
use super::sign::{Signed, window_transaction};
use crate::exit::{Failure, Outcome};
use chain_engine::{ChainReader, SubmitResult};
use ledger_protocol::chain::{Genesis, Input};
use ledger_protocol::codec::{Text, decode};
use ledger_protocol::suite::SecretKey;
use ledger_protocol::transaction::{CounterDeclaration, LedgerOperation, Operation, StateKey};
use ledger_protocol::{ChainId, Code, Height, Suite};
use node_api::{ChainEntry, NetworkFile};
use node_keys::{KeyName, KeyStore, Purpose};
use node_runtime::devnet::{self, AccountPlan, BUSINESS_LEDGER, CounterPlan, Plan, RELAY, SubchainPlan};
use node_runtime::host::HostHandle;
use node_runtime::{HostOptions, Node};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

/// Account of a carrier's flight records.
pub(super) const FLIGHTS: &str = "flights";
/// Account of a carrier's money; its counter.
pub(super) const LANDING: &str = "landing";
/// The counter of a carrier's landing account.
pub(super) const BALANCE: &str = "balance";
/// Account of an airport's slots and hours.
pub(super) const SLOTS: &str = "slots";
/// Account of an airport's income; its counter.
pub(super) const INCOME: &str = "income";
/// The counter of an airport's income.
pub(super) const TOTAL: &str = "total";

/// How long one set-up step may take.
const STEP_DEADLINE: Duration = Duration::from_secs(120);
/// Counters declared by one transaction.
const COUNTERS_PER_TRANSACTION: usize = 200;

/// A subchain with its operator.
pub(super) struct Party {
    pub(super) chain: ChainId,
    pub(super) operator: SecretKey,
    /// Indexes of its replicas in the host.
    pub(super) replicas: Vec<usize>,
}

/// The running network.
pub(super) struct DemoNetwork {
    pub(super) node: Node,
    pub(super) relay: ChainId,
    pub(super) relay_replicas: Vec<usize>,
    pub(super) member: SecretKey,
    pub(super) carriers: BTreeMap<String, Party>,
    pub(super) airports: BTreeMap<String, Party>,
}

/// What can be set.
#[derive(Debug, Clone, Copy)]
pub(super) struct Settings {
    pub(super) validators: usize,
    pub(super) capacity: i64,
    pub(super) opening_balance: i64,
    pub(super) suite: Suite,
    pub(super) relay_pace_ms: u32,
    pub(super) subchain_pace_ms: u32,
}

fn carrier_chain(code: &str) -> String {
    format!("carrier-{}", code.to_ascii_lowercase())
}

fn airport_chain(code: &str) -> String {
    format!("airport-{}", code.to_ascii_lowercase())
}

fn plan(survey: &Survey, settings: &Settings) -> Plan {
    let (suite, pace_ms) = (settings.suite, settings.subchain_pace_ms);
    let counter = |key: &str, initial: i64| CounterPlan { key: key.into(), min: 0, max: i64::MAX, initial };
    let account = |name: &str, counters: Vec<CounterPlan>| AccountPlan { name: name.into(), counters };
    let carriers = survey.carriers.iter().map(|code| SubchainPlan {
        name: carrier_chain(code),
        suite,
        pace_ms,
        accounts: vec![
            account(FLIGHTS, Vec::new()),
            account(LANDING, vec![counter(BALANCE, settings.opening_balance)]),
        ],
    });
    let airports = survey.airports().into_iter().map(|code| SubchainPlan {
        name: airport_chain(&code),
        suite,
        pace_ms,
        accounts: vec![account(SLOTS, Vec::new()), account(INCOME, vec![counter(TOTAL, 0)])],
    });
    Plan {
        relay_suite: suite,
        validators: settings.validators,
        processes: false,
        subchains: carriers.chain(airports).collect(),
        relay_pace_ms: settings.relay_pace_ms,
    }
}

fn key(store: &KeyStore, name: &str) -> Outcome<SecretKey> {
    let name: KeyName = name.parse().map_err(Failure::internal)?;
    store.secret_key(&name, Purpose::Account, None).map_err(Failure::internal)
}

fn party(directory: &Path, network: &NetworkFile, host: &HostHandle, store: &KeyStore, name: &str) -> Outcome<Party> {
    let entry = chain_entry(network, name)?;
    let chain = chain_id(directory, entry)?;
    let operator = key(store, &devnet::operator_key_name(name))?;
    Ok(Party { chain, operator, replicas: replicas_of(host, name) })
}

fn chain_entry<'n>(network: &'n NetworkFile, name: &str) -> Outcome<&'n ChainEntry> {
    network
        .chains
        .iter()
        .find(|chain| chain.name == name)
        .ok_or_else(|| Failure::internal(format!("the network has no chain {name}")))
}

fn chain_id(directory: &Path, entry: &ChainEntry) -> Outcome<ChainId> {
    let file = directory.join(&entry.genesis);
    let bytes = std::fs::read(&file).map_err(|error| Failure::input(&file, error))?;
    let genesis: Genesis = decode(&bytes, 64 << 20).map_err(|error| Failure::input(&file, error))?;
    Ok(genesis.chain_id())
}

fn replicas_of(host: &HostHandle, name: &str) -> Vec<usize> {
    let replicas = host.replicas().iter().enumerate();
    replicas.filter(|(_, view)| view.chain_name == name).map(|(index, _)| index).collect()
}

impl DemoNetwork {
    /// Makes and starts the network in an empty directory, admits every subchain and declares every hour's counter.
    pub(super) async fn start(directory: &Path, survey: &Survey, settings: &Settings) -> Outcome<Self> {
        let network = devnet::create(directory, &plan(survey, settings)).map_err(Failure::internal)?;
        let entry = network.nodes.first().ok_or_else(|| Failure::internal("the network has no node"))?;
        let node = Node::start(directory, &network, entry, HostOptions::default()).await.map_err(Failure::internal)?;
        let host = node.host().clone();
        let store = KeyStore::open(directory.join("keys")).map_err(Failure::internal)?;
        let relay = chain_id(directory, chain_entry(&network, RELAY)?)?;
        let mut carriers = BTreeMap::new();
        for code in &survey.carriers {
            carriers.insert(code.clone(), party(directory, &network, &host, &store, &carrier_chain(code))?);
        }
        let mut airports = BTreeMap::new();
        for code in survey.airports() {
            airports.insert(code.clone(), party(directory, &network, &host, &store, &airport_chain(&code))?);
        }
        let member = key(&store, &devnet::member_key_name())?;
        let relay_replicas = replicas_of(&host, RELAY);
        let made = Self { node, relay, relay_replicas, member, carriers, airports };
        made.admit(directory, &network).await?;
        made.declare_hours(survey, settings.capacity).await?;
        Ok(made)
    }

    /// Every subchain is registered and activated by motion.
    async fn admit(&self, directory: &Path, network: &NetworkFile) -> Outcome {
        let valid_until = Height(10_000);
        for chain in network.chains.iter().filter(|chain| !chain.is_relay) {
            let operations = devnet::admission_operations(directory, network, chain, &self.relay, valid_until)
                .map_err(Failure::internal)?;
            let replica = self.relay_replicas.first().copied().unwrap_or(0);
            self.run(replica, self.relay, &self.member, operations).await?;
        }
        Ok(())
    }

    /// Every hour in which something departs gets a counter with the airport's capacity.
    async fn declare_hours(&self, survey: &Survey, capacity: i64) -> Outcome {
        for (code, airport) in &self.airports {
            let mut operations = Vec::new();
            for (_, date, hour) in survey.hours.iter().filter(|(of, _, _)| of == code) {
                let declaration = CounterDeclaration {
                    account: Text::new(SLOTS).map_err(Failure::internal)?,
                    key: StateKey::new(super::rows::hour_key(date, *hour).into_bytes()).map_err(Failure::internal)?,
                    min: 0,
                    max: capacity,
                    initial: 0,
                };
                let operation = Operation::DeclareCounter(declaration);
                operations.push(LedgerOperation { ledger: BUSINESS_LEDGER, operation });
            }
            let replica = airport.replicas.first().copied().unwrap_or(0);
            for part in operations.chunks(COUNTERS_PER_TRANSACTION) {
                self.run(replica, airport.chain, &airport.operator, part.to_vec()).await?;
            }
        }
        Ok(())
    }

    /// Runs operations as one transaction and waits until it is final.
    async fn run(
        &self,
        replica: usize,
        chain: ChainId,
        signer: &SecretKey,
        operations: Vec<LedgerOperation>,
    ) -> Outcome {
        let host = self.node.host();
        let view = host.replicas().get(replica).ok_or_else(|| Failure::internal("no such replica"))?;
        let deadline = Instant::now() + STEP_DEADLINE;
        let Signed { id, transaction } = window_transaction(chain, signer, tip(host, replica), 0, operations)?;
        loop {
            let input = Input::Transaction(Box::new(transaction.clone()));
            match host.submit(replica, input).await.map_err(Failure::internal)? {
                SubmitResult::Accepted { .. } => break,
                SubmitResult::Refused { code: Code::KNOWN | Code::REPLAYED, .. } => break,
                SubmitResult::Refused { retry_after_ms: Some(wait_ms), .. } if Instant::now() < deadline => {
                    tokio::time::sleep(Duration::from_millis(wait_ms)).await;
                }
                SubmitResult::Refused { code, reason, .. } => {
                    return Err(Failure::refused(format!("{}: {reason} ({code})", view.chain_name)));
                }
            }
        }
        let mut progress = view.progress.clone();
        loop {
            progress.mark_unchanged();
            let found = {
                let reader = view.store.reader();
                ChainReader::new(&reader, chain.suite).receipt(&id.0).map_err(Failure::internal)?
            };
            if let Some((_, receipt)) = found {
                let code = receipt.codes.first().copied().unwrap_or(Code::OK);
                if code.is_ok() {
                    return Ok(());
                }
                return Err(Failure::refused(format!("{}: a set-up transaction failed: {code}", view.chain_name)));
            }
            if tokio::time::timeout_at(deadline.into(), progress.changed()).await.is_err() {
                return Err(Failure::timed_out(format!("{}: set-up was not final in time", view.chain_name)));
            }
        }
    }
}

/// The committed height of a replica.
pub(super) fn tip(host: &HostHandle, replica: usize) -> Height {
    Height(host.replicas().get(replica).map_or(0, |view| view.progress.borrow().height))
}
