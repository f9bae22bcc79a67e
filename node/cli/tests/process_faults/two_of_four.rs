//! Two of four validators of one subchain stop: what names it aborts in time, everything else does not notice.

use super::reading::{Validator, best, level, validators};
use super::running::{Network, PATIENCE, Proposal, eventually};
use rustix::process::Signal;
use serde_json::Value;
use std::time::{Duration, Instant};

/// Relay blocks between start and deadline of the proposal that cannot be answered.
const T_PREP: u32 = 100;
/// Proposals over the others that are submitted meanwhile.
const OTHERS: usize = 6;

fn number(value: &Value, field: &str) -> u64 {
    value[field].as_u64().unwrap_or_else(|| panic!("{field} of {value}"))
}

/// Commits proposals over the first and the third subchain side by side; gives the most relay blocks that one took to
/// its decision, and the time until all were applied.
fn commit_others(network: &Network, name: &str) -> (u64, Duration) {
    let made: Vec<Proposal> = (0..OTHERS)
        .map(|index| {
            let key = format!("{name}-{index}");
            let legs = [("subchain-1", key.as_str(), "1"), ("subchain-3", key.as_str(), "2")];
            Proposal::new(&network.directory, &key, 300, &legs)
        })
        .collect();
    let (directory, started) = (&network.directory, Instant::now());
    let blocks = std::thread::scope(|scope| {
        let running: Vec<_> = made.iter().map(|it| scope.spawn(move || it.commit(directory))).collect();
        let ended = running.into_iter().map(|it| it.join().expect("it commits"));
        ended.map(|view| number(&view, "decided_at") - number(&view, "submitted_at")).max()
    });
    (blocks.unwrap_or_default(), started.elapsed())
}

#[test]
fn process_two_of_four_stopped_hold_up_only_what_names_their_chain() {
    let home = tempfile::tempdir().expect("a directory");
    let directory = home.path().join("net");
    let mut network = Network::up(&directory, &["--subchains", "3", "--validators", "4", "--suite", "mixed"]);
    let relay = validators(&directory, "relay");
    let (live, stopped) = (validators(&directory, "subchain-1"), validators(&directory, "subchain-2"));
    network.ok(&["tx", "set", "subchain-1", "1", "book", "held", "before"]);
    let (blocks_before, time_before) = commit_others(&network, "before");

    // One is killed, the other only suspended: it keeps its connections and says nothing.
    network.kill("subchain-2-1");
    network.event("node_died", PATIENCE);
    network.signal("subchain-2-3", Signal::STOP);
    let standing: Vec<Validator> = [0, 2].map(|index| stopped[index].clone()).to_vec();
    let legs = [("subchain-1", "held", "never"), ("subchain-2", "held", "never")];
    let held = Proposal::new(&directory, "held", T_PREP, &legs);
    assert_eq!(held.submit(&directory).0, 0);

    // What does not name the chain is decided and applied everywhere while the other one is still open.
    let (blocks, time) = commit_others(&network, "meanwhile");
    let view = relay[0].proposal(&held.id).expect("it is known");
    eprintln!("others: {blocks_before} blocks and {time_before:?} before, {blocks} and {time:?} meanwhile: {view}");
    assert_eq!((&view["state"], number(&view, "decided_at")), (&Value::from("preparing"), 0), "still open: {view}");
    assert!(blocks <= 3 * blocks_before + 10, "{blocks_before} blocks before, {blocks} meanwhile");
    // The leg that could be prepared is, and its key is held.
    eventually("the live leg is prepared", PATIENCE, || {
        live.iter().all(|validator| validator.pending("held") == 1).then_some(())
    });
    let (code, lines) = network.run(&["tx", "set", "subchain-1", "1", "book", "held", "mine"]);
    assert_eq!(code, 1, "locked: {lines:?}");

    // It aborts in the first block after its deadline, and the live leg is free again.
    let decided = eventually("the decision", PATIENCE, || {
        let view = relay[0].proposal(&held.id)?;
        (number(&view, "decided_at") > 0).then_some(view)
    });
    assert_eq!((&decided["decision"], &decided["reason"]), (&Value::from("abort"), &Value::from("timeout")));
    assert_eq!(number(&decided, "deadline") - number(&decided, "started_at"), u64::from(T_PREP));
    assert_eq!(number(&decided, "decided_at"), number(&decided, "deadline") + 1, "{decided}");
    eventually("the live leg is released", PATIENCE, || {
        live.iter().all(|validator| validator.pending("held") == 0).then_some(())
    });
    network.ok(&["tx", "set", "subchain-1", "1", "book", "held", "mine"]);
    assert_eq!(relay[0].proposal(&held.id).expect("it is known")["state"], "aborting", "one leg is open");
    let height = best(&standing);
    assert!(standing.iter().all(|validator| validator.status().is_some()), "two still answer");

    // Both are back: the chain goes on, learns the decision, and takes part again.
    network.signal("subchain-2-3", Signal::CONT);
    network.run_node("subchain-2-1");
    level(&stopped, height + 1, PATIENCE);
    let closed = eventually("the stopped leg is closed", PATIENCE, || {
        let view = relay[0].proposal(&held.id)?;
        (view["state"] == "aborted").then_some(view)
    });
    eprintln!("closed: {closed}");
    for validator in &relay {
        eventually("every validator of the relay says so", PATIENCE, || {
            (validator.proposal(&held.id)?["state"] == "aborted").then_some(())
        });
    }
    for validator in &stopped {
        assert_eq!((validator.value("held"), validator.pending("held")), (None, 0), "{}", validator.node);
    }
    for validator in &live {
        assert_eq!(validator.value("held").as_deref(), Some("mine"), "{}", validator.node);
    }
    network.ok(&["tx", "set", "subchain-2", "1", "book", "own", "1", "--wait-s", "100"]);
    eventually("the relay admits it again", PATIENCE, || {
        let standing = &network.ok(&["chain", "status", "subchain-2"])["registry"]["standing"];
        (standing["stale"] == false && standing["lagging"] == false).then_some(())
    });
    let again = Proposal::new(&directory, "again", 300, &legs.map(|(chain, _, value)| (chain, "again", value)));
    again.commit(&directory);
    network.stop();
}
