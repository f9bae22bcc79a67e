//! All validators of a subchain are restored from a backup, after the relay and another chain have acted on what came
//! later: the relay refuses the branch that grows from there, until its members re-anchor the chain.

use super::reading::{Validator, best, level, validators};
use super::running::{Network, PATIENCE, Proposal, back_up, eventually, restore, run};
use serde_json::Value;
use std::path::Path;

const RESTORED: [&str; 2] = ["subchain-2-0", "subchain-2-1"];
const STOPPED: &str = "subchain-1-0";
/// The chain that is restored is of another suite than the relay.
const ARGUMENTS: [&str; 6] = ["--subchains", "2", "--validators", "2", "--suite", "mixed"];

fn status(network: &Network, chain: &str) -> Value {
    network.ok(&["chain", "status", chain])
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_default()
}

/// Phase of a leg of a proposal.
fn phase(network: &Network, proposal: &Proposal, chain: &str) -> String {
    let view = network.ok(&["proposal", "status", &proposal.id]);
    let legs = view["legs"].as_array().expect("legs");
    let leg = legs.iter().find(|leg| leg["name"] == chain).expect("a leg");
    leg["phase"].as_str().expect("a phase").to_owned()
}

fn state_of(network: &Network, proposal: &Proposal) -> String {
    text(&network.ok(&["proposal", "status", &proposal.id]), "state").to_owned()
}

#[test]
fn process_a_subchain_restored_from_a_backup_is_re_anchored_and_goes_on() {
    let home = tempfile::tempdir().expect("a directory");
    let (directory, backup) = (home.path().join("net"), home.path().join("backup"));
    let network = Network::up(&directory, &ARGUMENTS);
    let legs = |key: &'static str| [("subchain-2", key, "1"), ("subchain-1", key, "1")];
    let kept = Proposal::new(&directory, "kept", 300, &legs("kept"));
    kept.commit(&directory);
    network.stop();
    back_up(&directory, &RESTORED, &backup);

    // What comes now is lost to subchain-2: a proposal that it applied, and one for which it voted.
    let mut network = Network::up(&directory, &ARGUMENTS);
    let applied = Proposal::new(&directory, "applied", 300, &legs("applied"));
    applied.commit(&directory);
    network.killed(STOPPED);
    back_off_is_shown(&network, &directory);
    let voted = Proposal::new(&directory, "voted", 300, &legs("voted"));
    assert_eq!(voted.submit(&directory).0, 0);
    eventually("the vote of subchain-2", PATIENCE, || {
        (phase(&network, &voted, "subchain-2") == "voted-yes").then_some(())
    });
    let [first, second] = ["subchain-2", "subchain-1"].map(|chain| validators(&directory, chain));
    let dropped = best(&first);
    network.stop();
    restore(&directory, &RESTORED, &backup);

    // The chain grows another branch, past everything that it had been.
    let network = Network::up(&directory, &ARGUMENTS);
    eventually("the decision", PATIENCE, || (state_of(&network, &voted) == "committing").then_some(()));
    let mut written = 0;
    while best(&first) <= dropped + 2 {
        written += 1;
        assert!(written < 500, "the chain grows");
        network.ok(&["tx", "set", "subchain-2", "1", "book", &format!("branch-{written}"), "other"]);
    }
    let trusted = eventually("the other branch is noticed", PATIENCE, || {
        let status = status(&network, "subchain-2");
        (status["has_trusted_header"] == false).then_some(status)
    });
    assert_eq!(trusted["registry"]["standing"]["status"], "active", "the relay itself cannot see it");
    assert_eq!(text(&trusted["registry"], "hint"), "crosstie chain report-fork subchain-2");
    let stands_at = trusted["registry"]["height_on_source"].as_u64().expect("a height");
    assert!(stands_at <= dropped);
    assert_eq!(first[0].value("applied"), None, "forgotten");
    assert_eq!(second[0].value("applied").as_deref(), Some("1"));

    // Only a frozen chain is re-anchored, and only to a block that it has.
    let height = best(&first).to_string();
    let re_anchor = |height: &str| {
        let command = ["motion", "propose", "re-anchor", "subchain-2", height, "--because", "restored from a backup"];
        network.run(&command)
    };
    let not_taken = |height: &str, code: i32| -> Value {
        let (exit, lines) = re_anchor(height);
        assert_eq!(exit, code, "{lines:?}");
        lines.last().expect("an error")["error"].clone()
    };
    assert_eq!(text(&not_taken(&height, 1), "next"), "freeze it first: crosstie motion propose freeze subchain-2");
    // Anyone shows the relay what the chain itself certified; about the other chain there is nothing to show.
    assert_eq!(network.run(&["chain", "report-fork", "subchain-1"]).0, 1);
    let reported = eventually("the chain outgrows what the relay trusts", PATIENCE, || {
        let (code, lines) = network.run(&["chain", "report-fork", "subchain-2"]);
        assert!(code == 0 || code == 3, "{lines:?}");
        (code == 0).then(|| lines[0].clone())
    });
    assert_eq!((&reported["status"], reported["trusted_height"].as_u64()), (&Value::from("frozen"), Some(stands_at)));
    assert_eq!(network.run(&["chain", "report-fork", "subchain-2"]).0, 1, "it is known");
    let frozen = status(&network, "subchain-2");
    assert_eq!(frozen["registry"]["height_on_source"].as_u64(), Some(stands_at), "nothing of the branch was taken");
    assert_eq!(text(&frozen["registry"], "hint"), "crosstie motion propose re-anchor subchain-2 HEIGHT");
    assert!(text(&not_taken("999999", 3), "what").contains("no block 999999"));
    not_taken("0", 2);
    let (code, lines) = re_anchor(&height);
    assert_eq!((code, &lines[0]["state"]), (0, &Value::from("passed")), "{lines:?}");
    let after = status(&network, "subchain-2");
    let registry = &after["registry"];
    assert_eq!((&registry["standing"]["status"], &registry["reanchored"]), (&Value::from("active"), &Value::from(1)));
    assert_eq!(after["has_trusted_header"], true);

    // It disputes what it had voted for and forgot; the other leg is applied. What it had applied is not asked anew.
    eventually("the dispute", PATIENCE, || (phase(&network, &voted, "subchain-2") == "disputed").then_some(()));
    eventually("the end", PATIENCE, || (state_of(&network, &voted) == "committed").then_some(()));
    assert_eq!(phase(&network, &applied, "subchain-2"), "closed");
    for key in ["applied", "voted"] {
        for validator in &first {
            assert_eq!((validator.value(key), validator.pending(key)), (None, 0), "{}", validator.node);
        }
        for validator in &second {
            assert_eq!(validator.value(key).as_deref(), Some("1"), "{}", validator.node);
        }
    }
    assert_eq!(first[1].value("kept").as_deref(), Some("1"));

    // It takes part as before, on the same keys.
    let again = Proposal::new(&directory, "again", 300, &[("subchain-2", "voted", "2"), ("subchain-1", "voted", "2")]);
    let ended = again.commit(&directory);
    assert_eq!(ended["decision"], "commit");
    for validators in [&first, &second] {
        level(validators, best(validators), PATIENCE);
        assert!(validators.iter().map(|it| it.value("voted")).all(|value| value.as_deref() == Some("2")));
    }
    // Everything is provable, on whichever branch it was said.
    for (proposal, end) in [(&kept, "applied"), (&applied, "applied"), (&voted, "disputed"), (&again, "applied")] {
        let file = home.path().join("bundle").to_str().expect("a path in UTF-8").to_owned();
        let fetched = network.ok(&["bundle", "get", &proposal.id, "--out", &file]);
        let facts = &fetched["proven"]["facts"];
        assert_eq!((&facts["complete"], &facts["decision"]["verdict"]), (&true.into(), &"commit".into()), "{facts}");
        let ends: Vec<&str> = facts["legs"].as_array().expect("legs").iter().map(|leg| text(leg, "end")).collect();
        assert!(ends.contains(&end), "{facts}");
    }
    pieces_are_proven(&network, home.path(), &first, &again);
    network.stop();
}

/// A proposer whose proposals held keys in vain is told from which height on it may propose again.
fn back_off_is_shown(network: &Network, directory: &Path) {
    network.ok(&["motion", "propose", "set-limits", "subchain-1", "--max-vain", "1"]);
    let vain = Proposal::new(directory, "vain", 300, &[("subchain-1", "vain", "1")]);
    assert_eq!(vain.submit(directory).0, 0);
    assert_eq!(state_of(network, &vain), "preparing");
    network.ok(&["proposal", "cancel", &vain.id]);
    let next = Proposal::new(directory, "next", 300, &[("subchain-1", "vain", "2")]);
    let (code, lines) = next.submit(directory);
    let error = &lines.last().expect("an error")["error"];
    assert_eq!((code, &error["code"]), (1, &Value::from(78)), "{error}");
    let status = network.ok(&["chain", "status", "subchain-1"]);
    let back_off = &status["registry"]["usage"]["back_offs"][0];
    let told = text(error, "next");
    let until = back_off["until"].as_u64().expect("a height");
    assert!(told.starts_with(&format!("submit it again at relay height {until}:")), "{told}");
    assert!(told.contains(text(back_off, "proposer")) && told.contains("subchain-1"), "{told}");
    // When its time has come it is taken. The limit goes back, for the leg of a chain that is down may be in vain too.
    network.ok(&["motion", "propose", "set-limits", "subchain-1", "--max-vain", "1000"]);
    let taken = || (next.submit(directory).0 == 0).then_some(());
    eventually("the back-off ends", PATIENCE, taken);
    network.ok(&["proposal", "cancel", &next.id]);
}

/// Every kind of proof of a piece of a chain, fetched and then verified by the file alone.
fn pieces_are_proven(network: &Network, home: &Path, chain: &[Validator], last: &Proposal) {
    let tip = best(chain);
    let (newest, height) = ((tip - 1).to_string(), (tip / 2).to_string());
    let kinds: [(&str, &[&str]); 6] = [
        ("header", &["subchain-2", &height]),
        ("change", &["subchain-2", "1", "book", "kept"]),
        ("unchanged", &["subchain-2", "1", "book", "kept", "--height", &newest]),
        ("message", &["subchain-2", "relay", "0"]),
        ("consistency", &["subchain-2", &height, &newest]),
        ("leg", &["subchain-1", &last.id]),
    ];
    for (kind, arguments) in kinds {
        let file = |end: &str| home.join(format!("{kind}.{end}")).to_str().expect("a path in UTF-8").to_owned();
        let (proof, checkpoint) = (file("proof"), file("checkpoint"));
        let mut command = vec!["proof", "get", kind];
        command.extend(arguments);
        command.extend(["--out", &proof, "--checkpoint-out", &checkpoint]);
        let fetched = network.ok(&command);
        let shown = if kind == "leg" { "state" } else { kind };
        assert_eq!(fetched["proven"]["kind"], shown, "{fetched}");
        let (code, lines) = run(&home.join("nowhere"), &["proof", "verify", &proof, "--checkpoint", &checkpoint]);
        assert_eq!((code, &lines[0]["facts"]), (0, &fetched["proven"]["facts"]), "{kind}");
        let mut bytes = std::fs::read(&proof).expect("the proof");
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::write(&proof, bytes).expect("a file");
        assert_eq!(
            run(&home.join("nowhere"), &["proof", "verify", &proof, "--checkpoint", &checkpoint]).0,
            1,
            "{kind}"
        );
    }
}
