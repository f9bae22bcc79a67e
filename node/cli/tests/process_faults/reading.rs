//! What every single validator says, asked over HTTP.

use super::running::eventually;
use serde_json::Value;
use std::path::Path;
use std::time::Duration;

/// One validator of a chain.
#[derive(Debug, Clone)]
pub(crate) struct Validator {
    pub(crate) node: String,
    chain: String,
    http: String,
}

/// Every validator of a chain, in order.
pub(crate) fn validators(directory: &Path, chain: &str) -> Vec<Validator> {
    let text = std::fs::read_to_string(directory.join("network.json")).expect("the network file");
    let network: Value = serde_json::from_str(&text).expect("JSON");
    let nodes = network["nodes"].as_array().expect("nodes").iter();
    let hosts = nodes.filter(|node| {
        node["replicas"].as_array().is_some_and(|replicas| replicas.iter().any(|it| it["chain"] == chain))
    });
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    let found: Vec<Validator> = hosts
        .map(|node| Validator { node: text(&node["name"]), chain: chain.into(), http: text(&node["http"]) })
        .collect();
    assert!(!found.is_empty(), "{chain} has validators");
    found
}

impl Validator {
    /// GET; `None` when it does not answer or has nothing there.
    pub(crate) fn get(&self, path: &str) -> Option<Value> {
        let config = ureq::Agent::config_builder().proxy(None).timeout_global(Some(Duration::from_secs(10))).build();
        let agent: ureq::Agent = config.into();
        let mut answer = agent.get(format!("http://{}{path}", self.http)).call().ok()?;
        answer.body_mut().read_json().ok()
    }

    /// Its replica's line of the status.
    pub(crate) fn status(&self) -> Option<Value> {
        let status = self.get("/v1/status")?;
        status["replicas"].as_array()?.iter().find(|replica| replica["chain"] == self.chain.as_str()).cloned()
    }

    pub(crate) fn height(&self) -> Option<u64> {
        self.status()?["height"].as_u64()
    }

    fn of_key(&self, what: &str, key: &str) -> Option<Value> {
        let key: String = key.bytes().map(|byte| format!("{byte:02x}")).collect();
        self.get(&format!("/v1/chains/{}/ledgers/1/accounts/book/{what}/{key}", self.chain))
    }

    /// The text at a key of the account `book`.
    pub(crate) fn value(&self, key: &str) -> Option<String> {
        self.of_key("state", key)?["value"]["text"].as_str().map(str::to_owned)
    }

    /// The undecided proposals that hold a key.
    pub(crate) fn pending(&self, key: &str) -> usize {
        let entry = self.of_key("state", key);
        entry.and_then(|entry| entry["pending"].as_array().map(Vec::len)).unwrap_or_default()
    }

    /// How many versions a key ever had.
    pub(crate) fn versions(&self, key: &str) -> usize {
        let history = self.of_key("history", key);
        history.and_then(|history| history["versions"].as_array().map(Vec::len)).unwrap_or_default()
    }

    /// A proposal as this validator of the relay knows it.
    pub(crate) fn proposal(&self, id: &str) -> Option<Value> {
        self.get(&format!("/v1/proposals/{id}"))
    }
}

/// Waits until all these validators are at one height, at `least` or above, and checks that they hold the same there.
pub(crate) fn level(validators: &[Validator], least: u64, patience: Duration) -> u64 {
    let what = format!("one height of at least {least} everywhere: {validators:?}");
    let statuses = eventually(&what, patience, || {
        let statuses: Vec<Value> = validators.iter().map(Validator::status).collect::<Option<_>>()?;
        let first = statuses.first()?["height"].as_u64()?;
        let same = statuses.iter().all(|status| status["height"].as_u64() == Some(first));
        (same && first >= least).then_some(statuses)
    });
    let first = &statuses[0];
    for status in &statuses {
        assert_eq!(status["header_hash"], first["header_hash"], "one header at one height");
        assert_eq!(status["ledgers"], first["ledgers"], "one state at one height");
        assert_eq!(status.get("halted"), None);
    }
    first["height"].as_u64().expect("a height")
}

/// The greatest height that any of these has.
pub(crate) fn best(validators: &[Validator]) -> u64 {
    validators.iter().filter_map(Validator::height).max().unwrap_or_default()
}
