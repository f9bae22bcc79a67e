//! One validator of a subchain and one of the relay lose their disks, come back, and are needed again.

use super::reading::{Validator, best, level, validators};
use super::running::{Network, PATIENCE, Proposal, run};
use serde_json::Value;

/// Which validators lose their disks, and which are killed afterwards, so that nothing goes on without the first.
const WIPED: [&str; 2] = ["subchain-2-1", "relay-2"];
const KILLED: [&str; 2] = ["subchain-2-0", "relay-0"];

#[test]
fn process_wiped_validators_catch_up_and_sign_again() {
    let home = tempfile::tempdir().expect("a directory");
    let directory = home.path().join("net");
    let mut network = Network::up(&directory, &["--subchains", "2", "--validators", "4", "--suite", "mixed"]);
    let chains = ["relay", "subchain-1", "subchain-2"].map(|chain| validators(&directory, chain));
    let set = |network: &Network, chain: &str, key: &str| {
        let sent = network.ok(&["tx", "set", chain, "1", "book", key, "written", "--wait-s", "100"]);
        assert_eq!((&sent["state"], &sent["receipt"]["code"]), (&Value::from("final"), &Value::from(0)));
    };
    set(&network, "subchain-2", "before");

    for node in WIPED {
        network.kill(node);
        network.event("node_died", PATIENCE);
        network.wipe(node);
    }
    // Everything goes on without them.
    for key in ["while-1", "while-2"] {
        set(&network, "subchain-2", key);
    }
    let legs = [("subchain-1", "paid", "80"), ("subchain-2", "received", "80")];
    let proposal = Proposal::new(&directory, "while", 300, &legs);
    let ended = proposal.commit(&directory);
    assert_eq!((&ended["decision"], &ended["state"]), (&Value::from("commit"), &Value::from("committed")));

    // They catch up by themselves, to the same state as everybody.
    for node in WIPED {
        network.run_node(node);
    }
    for validators in &chains {
        level(validators, best(validators), PATIENCE);
    }
    for (chain, key, value) in &proposal.legs {
        for validator in validators(&directory, chain) {
            assert_eq!(validator.value(key).as_deref(), Some(value.as_str()), "{}", validator.node);
            assert_eq!(validator.versions(key), 1, "{}", validator.node);
        }
    }

    // With another one dead, three of four must sign: the one that came back is among them.
    for node in KILLED {
        network.kill(node);
    }
    set(&network, "subchain-2", "after");
    let legs = [("subchain-1", "paid-after", "1"), ("subchain-2", "received-after", "1")];
    let after = Proposal::new(&directory, "after", 300, &legs);
    after.commit(&directory);
    for node in WIPED {
        let chain = &node[..node.len() - 2];
        let validator = validators(&directory, chain).into_iter().find(|validator| validator.node == node);
        assert!(validator.as_ref().and_then(Validator::height).is_some(), "{node} runs");
    }
    // Killed ones whose disks are whole catch up as well.
    for node in KILLED {
        network.run_node(node);
    }
    for validators in &chains {
        level(validators, best(validators), PATIENCE);
    }
    for validator in &chains[2] {
        assert_eq!(validator.value("after").as_deref(), Some("written"), "{}", validator.node);
    }

    // The deal between a chain of each suite is proven by one file, with nobody's help.
    let file = |name: &str| home.path().join(name).to_str().expect("a path in UTF-8").to_owned();
    let (bundle, trusted) = (file("while.bundle"), file("relay.checkpoint"));
    network.ok(&["bundle", "get", &proposal.id, "--out", &bundle, "--checkpoint-out", &trusted]);
    network.stop();
    let (code, lines) = run(&home.path().join("nowhere"), &["bundle", "verify", &bundle, "--checkpoint", &trusted]);
    assert_eq!(code, 0);
    let facts = &lines[0]["facts"];
    assert_eq!((&facts["decision"]["verdict"], &facts["complete"]), (&Value::from("commit"), &Value::Bool(true)));
}
