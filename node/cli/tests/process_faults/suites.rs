//! A chain of one suite joins a running network whose relay is of the other, and settles with it.

use super::reading::{level, validators};
use super::running::{Network, PATIENCE, Proposal, eventually, run};
use serde_json::Value;

#[test]
fn process_a_standard_chain_joins_a_guomi_relay_and_settles() {
    let home = tempfile::tempdir().expect("a directory");
    let directory = home.path().join("net");
    let arguments = ["--subchains", "1", "--validators", "1", "--suite", "guomi"];
    let mut network = Network::up(&directory, &arguments);
    let create = ["chain", "create", "ferry", "--suite", "standard", "--validators", "4", "--processes"];
    let created = network.ok(&create);
    assert_eq!(created["start"].as_array().map(Vec::len), Some(4));
    for validator in 0..4 {
        network.run_node(&format!("ferry-{validator}"));
    }
    let ferry = validators(&directory, "ferry");
    level(&ferry, 1, PATIENCE);
    // Registered by the members, before that a proposal that names it is refused.
    network.ok(&["chain", "register", "ferry"]);
    let legs = [("subchain-1", "ticket", "sold"), ("ferry", "seat", "taken")];
    let early = Proposal::new(&directory, "early", 300, &legs);
    let (code, lines) = early.submit(&directory);
    assert_eq!(code, 1, "not active yet: {lines:?}");
    network.ok(&["motion", "propose", "activate", "ferry"]);
    let status = network.ok(&["chain", "status", "ferry"]);
    assert_eq!(status["registry"]["standing"]["status"], "active");
    assert_eq!((&status["suite"], &created["chain"]), (&Value::from("standard"), &Value::from("ferry")));

    // The refused one may be tried again.
    let ended = early.commit(&directory);
    assert_eq!(ended["decision"], "commit");
    for (chain, key, value) in &early.legs {
        for validator in validators(&directory, chain) {
            let what = format!("{key} on {}", validator.node);
            eventually(&what, PATIENCE, || (validator.value(key).as_ref() == Some(value)).then_some(()));
        }
    }
    let file = |name: &str| home.path().join(name).to_str().expect("a path in UTF-8").to_owned();
    let (bundle, trusted) = (file("early.bundle"), file("relay.checkpoint"));
    network.ok(&["bundle", "get", &early.id, "--out", &bundle, "--checkpoint-out", &trusted]);
    network.stop();
    let (code, lines) = run(&home.path().join("nowhere"), &["bundle", "verify", &bundle, "--checkpoint", &trusted]);
    assert_eq!(code, 0);
    let facts = &lines[0]["facts"];
    assert_eq!((&facts["decision"]["verdict"], &facts["complete"]), (&Value::from("commit"), &Value::Bool(true)));
}
