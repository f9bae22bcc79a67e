//! All validators of the relay are restored from a backup, after a subchain has voted on what came later: its lock is
//! free only when the relay was re-anchored, the chain follows its new branch, and somebody reports the leg.

use super::reading::{best, validators};
use super::running::{Network, PATIENCE, Proposal, back_up, eventually, restore};
use serde_json::Value;

const RESTORED: [&str; 1] = ["relay-0"];
const STOPPED: &str = "subchain-2-0";
const ARGUMENTS: [&str; 4] = ["--subchains", "2", "--validators", "1"];

#[test]
fn process_a_leg_of_a_lost_relay_branch_is_reported_and_aborted() {
    let home = tempfile::tempdir().expect("a directory");
    let (directory, backup) = (home.path().join("net"), home.path().join("backup"));
    let network = Network::up(&directory, &ARGUMENTS);
    let legs = [("subchain-1", "kept", "1"), ("subchain-2", "kept", "1")];
    Proposal::new(&directory, "kept", 300, &legs).commit(&directory);
    let relay = validators(&directory, "relay");
    let first_lost = best(&relay) + 1;
    network.stop();
    back_up(&directory, &RESTORED, &backup);

    // On the branch that will be lost, subchain-1 votes and holds a key; nothing is decided, for subchain-2 is down.
    let mut network = Network::up(&directory, &ARGUMENTS);
    network.killed(STOPPED);
    let lost = Proposal::new(&directory, "lost", 300, &[("subchain-1", "kept", "2"), ("subchain-2", "kept", "2")]);
    assert_eq!(lost.submit(&directory).0, 0);
    let holder = validators(&directory, "subchain-1").remove(0);
    eventually("the lock", PATIENCE, || (holder.pending("kept") == 1).then_some(()));
    network.stop();
    restore(&directory, &RESTORED, &backup);

    let network = Network::up(&directory, &ARGUMENTS);
    let status = |chain: &str| network.ok(&["chain", "status", chain]);
    let (code, lines) = network.run(&["proposal", "status", &lost.id]);
    assert_eq!(code, 3, "the relay knows nothing of it: {lines:?}");
    assert_eq!(holder.pending("kept"), 1);
    let locked = status("subchain-1")["follows"]["locked"].clone();
    assert_eq!((&locked[0]["proposal"], locked.as_array().map(Vec::len)), (&lost.id.as_str().into(), Some(1)));
    // The new branch outgrows every block that any subchain accepted.
    let highest = ["subchain-1", "subchain-2"].map(|chain| status(chain)["follows"]["highest_height"].as_u64());
    let last_lost = highest.into_iter().max().flatten().expect("a height");
    assert!(last_lost >= first_lost, "{last_lost} and {first_lost}");
    let mut grown = 0;
    while best(&relay) <= last_lost + 1 {
        grown += 1;
        assert!(grown < 500, "the relay grows");
        network.ok(&["motion", "propose", "set-limits", "subchain-2", "--max-silent", "500"]);
    }
    // Before the motion nobody can be told that it was lost.
    let report = ["proposal", "report-locked", lost.id.as_str(), "--chain", "subchain-1"];
    let refused = |arguments: &[&str], code: i32| -> Value {
        let (exit, lines) = network.run(arguments);
        assert_eq!(exit, code, "{arguments:?}: {lines:?}");
        lines.last().expect("an error")["error"].clone()
    };
    refused(&report, 1);
    let interval = [first_lost, last_lost].map(|height| height.to_string());
    let motion = ["motion", "propose", "reanchor-relay", &interval[0], &interval[1], "--because", "restored"];
    assert_eq!(network.ok(&motion)["state"], "passed");
    for chain in ["subchain-1", "subchain-2"] {
        let registry = &status(chain)["registry"];
        assert!(registry["held_since"].as_u64().is_some_and(|height| height > last_lost), "{registry}");
        assert_eq!(registry["hint"], format!("crosstie chain follow-relay {chain}"), "{registry}");
    }
    let error = refused(&report, 1);
    assert_eq!(error["next"], "crosstie chain follow-relay subchain-1", "{error}");
    // A block below the motion would not end the hold.
    refused(&["chain", "follow-relay", "subchain-1", "--height", &interval[1]], 2);

    for chain in ["subchain-1", "subchain-2"] {
        let followed = network.ok(&["chain", "follow-relay", chain]);
        assert_eq!((&followed["chain"], &followed["transaction"]["state"]), (&chain.into(), &"final".into()));
        let follows = &status(chain)["follows"];
        assert_eq!((&follows["height"], &follows["reanchored"]), (&followed["relay"]["height"], &Value::from(1)));
        let named = (&follows["named_height"], &follows["named_header_hash"], &follows["suspended"]);
        assert_eq!(named, (&follows["height"], &follows["header_hash"], &Value::from(false)));
    }
    for chain in ["subchain-1", "subchain-2"] {
        let goes_on = || (status(chain)["registry"]["held_since"] == 0).then_some(());
        eventually(&format!("the lane to {chain} goes on"), PATIENCE, goes_on);
    }
    refused(&["proposal", "report-locked", &lost.id, "--chain", "subchain-2"], 3);
    let reported = network.ok(&report);
    assert_eq!((&reported["chain"], &reported["proposal"]), (&"subchain-1".into(), &lost.id.as_str().into()));
    assert!(reported["started_at"].as_u64().is_some_and(|height| height >= first_lost), "{reported}");
    eventually("the lock is free", PATIENCE, || (holder.pending("kept") == 0).then_some(()));
    assert_eq!(status("subchain-1")["follows"]["locked"], Value::Array(Vec::new()));
    assert_eq!(holder.value("kept").as_deref(), Some("1"));
    let legs = [("subchain-1", "kept", "3"), ("subchain-2", "kept", "3")];
    assert_eq!(Proposal::new(&directory, "next", 300, &legs).commit(&directory)["decision"], "commit");
    network.stop();
}
