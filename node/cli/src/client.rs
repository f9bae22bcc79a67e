//! A small HTTP client for the nodes of a network directory.
//!
//! Asks a node that hosts the chain; when it cannot be reached, the next one. Every wait has an end. A problem
//! document of a node becomes a [`Failure`] that says what to do next.

use crate::exit::{Failure, Kind, Outcome};
use node_api::{ChainEntry, NetworkFile, NodeEntry, Problem, ProblemKind};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Longest answer that is read.
const MAX_ANSWER_BYTES: u64 = 64 << 20;
/// Longest time to make a connection on this machine.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// Longest time for an answer, beyond what the request itself asks to wait.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
/// The same where another node can answer instead: a suspended process takes connections and never answers.
const FIRST_ANSWER_TIMEOUT: Duration = Duration::from_secs(3);

/// Speaks to the nodes of one network.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    /// The network's directory.
    pub(crate) directory: PathBuf,
    /// What it holds.
    pub(crate) network: NetworkFile,
    /// Only this node is asked.
    only: Option<String>,
    agent: ureq::Agent,
}

/// Why one node gave no answer.
enum Miss {
    /// It cannot be reached: another one may be asked.
    Unreachable(String),
    /// It answered with a problem.
    Problem(Box<Problem>),
    /// It answered with something that is no answer.
    Garbled(String),
}

impl Client {
    /// Reads the network file of a directory.
    pub(crate) fn open(directory: &Path, only: Option<&str>) -> Outcome<Self> {
        let network = node_runtime::config::read_network(directory)?;
        if let Some(name) = only
            && !network.nodes.iter().any(|node| node.name == name)
        {
            let names: Vec<&str> = network.nodes.iter().map(|node| node.name.as_str()).collect();
            return Err(Failure::not_found(format_args!("the network has no node {name:?}"))
                .next(format_args!("use one of: {}", names.join(", "))));
        }
        Ok(Self::of(directory.to_owned(), network, only.map(str::to_owned)))
    }

    /// A client for a network file that is known already.
    pub(crate) fn of(directory: PathBuf, network: NetworkFile, only: Option<String>) -> Self {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .proxy(None)
            .max_redirects(0)
            .timeout_connect(Some(CONNECT_TIMEOUT))
            .max_idle_connections_per_host(64)
            .max_idle_connections(256)
            .build();
        Self { directory, network, only, agent: config.new_agent() }
    }

    /// A chain by its name or id.
    pub(crate) fn chain(&self, name: &str) -> Outcome<&ChainEntry> {
        let found = self.network.chains.iter().find(|chain| chain.name == name || chain.id == name);
        found.ok_or_else(|| {
            let names: Vec<&str> = self.network.chains.iter().map(|chain| chain.name.as_str()).collect();
            Failure::not_found(format_args!("{} names no chain {name:?}", node_api::NETWORK_FILE))
                .at(self.directory.display())
                .next(format_args!("use one of: {}", names.join(", ")))
        })
    }

    /// The relay.
    pub(crate) fn relay(&self) -> Outcome<&ChainEntry> {
        self.network.chains.iter().find(|chain| chain.is_relay).ok_or_else(|| {
            Failure::input(&self.directory.join(node_api::NETWORK_FILE), "names no relay chain")
                .next("restore the file, or make a new network with `crosstie up --dir DIR`")
        })
    }

    /// The nodes that host a chain, in the order in which they are asked.
    fn hosts(&self, chain: &str) -> Vec<&NodeEntry> {
        let allowed = |node: &&NodeEntry| self.only.as_ref().is_none_or(|only| *only == node.name);
        let hosts = |node: &&NodeEntry| node.replicas.iter().any(|replica| replica.chain == chain);
        self.network.nodes.iter().filter(allowed).filter(hosts).collect()
    }

    /// GET from a node that hosts the chain.
    pub(crate) fn get<T: DeserializeOwned>(&self, chain: &str, path: &str) -> Outcome<T> {
        self.ask(chain, |client, node, timeout| client.get_once(node, path, timeout).and_then(|bytes| parsed(&bytes)))
    }

    /// As [`Self::get`], of a request that asks the node to wait.
    pub(crate) fn get_waiting<T: DeserializeOwned>(&self, chain: &str, path: &str, wait_ms: u64) -> Outcome<T> {
        let wait = Duration::from_millis(wait_ms);
        self.ask(chain, |client, node, timeout| {
            client.get_once(node, path, timeout + wait).and_then(|bytes| parsed(&bytes))
        })
    }

    /// GET of a file from a node that hosts the chain.
    pub(crate) fn get_bytes(&self, chain: &str, path: &str) -> Outcome<Vec<u8>> {
        self.ask(chain, |client, node, timeout| client.get_once(node, path, timeout))
    }

    /// POST to a node that hosts the chain.
    pub(crate) fn post<B: Serialize, T: DeserializeOwned>(&self, chain: &str, path: &str, body: &B) -> Outcome<T> {
        self.ask(chain, |client, node, timeout| {
            client.post_once(node, path, body, timeout).and_then(|bytes| parsed(&bytes))
        })
    }

    /// GET from one node.
    pub(crate) fn get_from<T: DeserializeOwned>(&self, node: &NodeEntry, path: &str) -> Outcome<T> {
        self.get_from_within(node, path, ANSWER_TIMEOUT)
    }

    /// GET from one node that must answer soon to count as one that does.
    pub(crate) fn get_from_within<T: DeserializeOwned>(
        &self,
        node: &NodeEntry,
        path: &str,
        timeout: Duration,
    ) -> Outcome<T> {
        let answer = self.get_once(node, path, timeout).and_then(|bytes| parsed(&bytes));
        answer.map_err(|miss| self.failure(node, miss))
    }

    fn ask<T>(&self, chain: &str, request: impl Fn(&Self, &NodeEntry, Duration) -> Result<T, Miss>) -> Outcome<T> {
        let hosts = self.hosts(chain);
        let mut unreachable = Vec::new();
        let mut last_problem = None;
        // Everybody is asked for a quick answer before anybody is given time for a slow one: a request may be repeated,
        // since a transaction runs once under its id.
        let several = hosts.len() > 1;
        let quick = hosts.iter().filter(|_| several).map(|node| (node, FIRST_ANSWER_TIMEOUT));
        for (node, timeout) in quick.chain(hosts.iter().map(|node| (node, ANSWER_TIMEOUT))) {
            match request(self, node, timeout) {
                Ok(value) => return Ok(value),
                Err(Miss::Unreachable(_)) if several && timeout == FIRST_ANSWER_TIMEOUT => {}
                Err(Miss::Unreachable(reason)) => unreachable.push(format!("{} ({}): {reason}", node.name, node.http)),
                // A validator that lags or stops need not speak for the chain.
                Err(Miss::Problem(problem)) if problem.kind == ProblemKind::NotHere => {
                    last_problem = Some(self.failure(node, Miss::Problem(problem)));
                }
                Err(miss) => return Err(self.failure(node, miss)),
            }
        }
        if let Some(failure) = last_problem {
            return Err(failure);
        }
        if hosts.is_empty() {
            let which = self.only.as_deref().map(|only| format!(" (node {only})")).unwrap_or_default();
            return Err(Failure::not_found(format_args!("no node hosts the chain {chain}{which}"))
                .at(self.directory.display())
                .next("look at `crosstie status`, or leave out --node"));
        }
        Err(Failure::new(Kind::Unreachable, format_args!("no node that hosts {chain} can be reached"))
            .at(unreachable.join("; "))
            .next(format_args!("start the network: crosstie up --dir {}", self.directory.display())))
    }

    fn get_once(&self, node: &NodeEntry, path: &str, timeout: Duration) -> Result<Vec<u8>, Miss> {
        let url = format!("http://{}{path}", node.http);
        let sent = self.agent.get(url).config().timeout_global(Some(timeout)).build().call();
        received(sent)
    }

    fn post_once<B: Serialize>(
        &self,
        node: &NodeEntry,
        path: &str,
        body: &B,
        timeout: Duration,
    ) -> Result<Vec<u8>, Miss> {
        let url = format!("http://{}{path}", node.http);
        let sent = self.agent.post(url).config().timeout_global(Some(timeout)).build().send_json(body);
        received(sent)
    }

    fn failure(&self, node: &NodeEntry, miss: Miss) -> Failure {
        let place = format!("node {} at http://{}", node.name, node.http);
        match miss {
            Miss::Unreachable(reason) => Failure::new(Kind::Unreachable, reason).at(place).next(format_args!(
                "start it: crosstie node run --dir {} --node {}",
                self.directory.display(),
                node.name
            )),
            Miss::Garbled(reason) => {
                Failure::internal(reason).at(place).next("is another program listening there? see `crosstie doctor`")
            }
            Miss::Problem(problem) => of_problem(&problem).at(place),
        }
    }
}

/// A node's problem as a failure.
fn of_problem(problem: &Problem) -> Failure {
    let (kind, next) = match problem.kind {
        ProblemKind::BadRequest => (Kind::Usage, "correct what the message names".to_owned()),
        ProblemKind::NotFound => {
            (Kind::NotFound, "check the name, id or height; `crosstie status` shows heights".into())
        }
        ProblemKind::NotHere => (Kind::NotFound, "ask another node: `crosstie status` shows who hosts what".into()),
        ProblemKind::Refused => (Kind::Refused, "correct the transaction and send a new one".into()),
        ProblemKind::Busy => (Kind::TimedOut, format!("try again in {} ms", problem.retry_after_ms.unwrap_or(1_000))),
        ProblemKind::NotProvable => {
            (Kind::Refused, "ask for a height that the chain still proves, or a newer checkpoint".into())
        }
        ProblemKind::Internal => (Kind::Internal, "look at the node's log in the network's logs directory".into()),
    };
    let failure = Failure::new(kind, problem).next(next);
    match problem.code {
        Some(code) => failure.with_code(code),
        None => failure,
    }
}

fn received(sent: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Result<Vec<u8>, Miss> {
    let mut response = sent.map_err(|error| Miss::Unreachable(error.to_string()))?;
    let status = response.status();
    let bytes = response.body_mut().with_config().limit(MAX_ANSWER_BYTES).read_to_vec();
    let bytes = bytes.map_err(|error| Miss::Unreachable(format!("the answer broke off: {error}")))?;
    if status.is_success() {
        return Ok(bytes);
    }
    match serde_json::from_slice::<Problem>(&bytes) {
        Ok(problem) => Err(Miss::Problem(Box::new(problem))),
        Err(_) => Err(Miss::Garbled(format!("HTTP {status} without a problem document"))),
    }
}

fn parsed<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Miss> {
    serde_json::from_slice(bytes).map_err(|error| Miss::Garbled(format!("the answer is not understood: {error}")))
}

/// Fills a route's places in order; every part is percent-encoded.
pub(crate) fn path(route: &str, parts: &[&str]) -> String {
    let mut out = String::with_capacity(route.len() + 64);
    let mut parts = parts.iter();
    let mut rest = route;
    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        let tail = after.split_once('}').map_or("", |(_, tail)| tail);
        out.push_str(&encoded(parts.next().copied().unwrap_or_default()));
        rest = tail;
    }
    out.push_str(rest);
    out
}

/// Appends the parameters that are there.
pub(crate) fn query(mut path: String, parameters: &[(&str, Option<String>)]) -> String {
    let mut separator = '?';
    for (name, value) in parameters {
        if let Some(value) = value {
            path.push(separator);
            path.push_str(name);
            path.push('=');
            path.push_str(&encoded(value));
            separator = '&';
        }
    }
    path
}

fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_are_filled_and_encoded() {
        let filled = path(node_api::routes::STATE, &["a b", "1", "ü/x", "00ff"]);
        assert_eq!(filled, "/v1/chains/a%20b/ledgers/1/accounts/%C3%BC%2Fx/state/00ff");
        let filled = query(filled, &[("a", None), ("b", Some("1&2".into())), ("c", Some("3".into()))]);
        assert!(filled.ends_with("?b=1%262&c=3"), "{filled}");
    }
}
