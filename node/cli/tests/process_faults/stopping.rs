//! How `up` ends, asked to or not, and what it says when something still runs.

use super::running::{Network, PATIENCE, READY, eventually, is_alive, run, signal};
use rustix::process::Signal;

#[test]
fn process_up_leaves_no_orphans_however_it_ends() {
    let home = tempfile::tempdir().expect("a directory");
    let directory = home.path().join("net");
    let arguments = ["--subchains", "1", "--validators", "1"];
    let gone = |network: &Network| {
        for (node, pid) in &network.pids {
            eventually(&format!("{node} is gone"), PATIENCE, || (!is_alive(*pid)).then_some(()));
        }
    };

    // Ctrl-C, and again out of impatience; one node is suspended and could not stop by itself.
    let mut network = Network::up(&directory, &arguments);
    network.ok(&["tx", "set", "subchain-1", "1", "book", "greeting", "hello"]);
    network.signal("subchain-1-0", Signal::STOP);
    signal(network.pid_of_up(), Signal::INT);
    std::thread::sleep(std::time::Duration::from_millis(500));
    signal(network.pid_of_up(), Signal::INT);
    let stopped = network.event("stopped", PATIENCE);
    assert!(stopped["killed"].as_array().is_some_and(|killed| killed.contains(&"subchain-1-0".into())), "{stopped}");
    assert_eq!(network.ended(PATIENCE).code(), Some(0));
    gone(&network);

    // The same directory goes on. Then `up` is killed, with a node suspended: its children end with it.
    let mut network = Network::up(&directory, &arguments);
    assert_eq!(network.ok(&["get", "subchain-1", "1", "book", "greeting"])["value"]["text"], "hello");
    network.signal("relay-0", Signal::STOP);
    signal(network.pid_of_up(), Signal::KILL);
    network.ended(PATIENCE);
    gone(&network);

    // While a network runs, a second `up` says what runs, with process ids, and leaves it alone. A suspended node counts.
    let network = Network::up(&directory, &arguments);
    network.signal("subchain-1-0", Signal::STOP);
    let (code, lines) = run(&directory, &["up", "--processes"]);
    network.signal("subchain-1-0", Signal::CONT);
    assert_eq!(code, 2);
    let error = &lines.last().expect("an error")["error"];
    for (node, pid) in &network.pids {
        let what = error["what"].as_str().unwrap_or_default();
        assert!(what.contains(&format!("{node} (process {pid})")), "{error}");
        assert!(error["next"].as_str().unwrap_or_default().contains(&pid.to_string()), "{error}");
    }
    assert_eq!(network.ok(&["get", "subchain-1", "1", "book", "greeting"])["value"]["text"], "hello");
    network.stop();

    // A node that was started by hand outlives `up`; the next one names it.
    let mut network = Network::start(&directory, &arguments);
    network.event("ready", READY);
    network.kill("subchain-1-0");
    network.event("node_died", PATIENCE);
    network.run_node("subchain-1-0");
    let by_hand = network.pids["subchain-1-0"];
    eventually("it answers", PATIENCE, || {
        (network.run(&["get", "subchain-1", "1", "book", "greeting"]).0 == 0).then_some(())
    });
    signal(network.pid_of_up(), Signal::INT);
    network.event("stopped", PATIENCE);
    let (code, lines) = run(&directory, &["up", "--processes"]);
    assert_eq!(code, 2);
    let what = lines.last().and_then(|line| line["error"]["what"].as_str()).unwrap_or_default().to_owned();
    assert!(what.contains(&format!("subchain-1-0 (process {by_hand})")) && !what.contains("relay-0"), "{what}");
}
