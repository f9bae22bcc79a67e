//! A real network in one process: sockets, fsync, signatures; a proposal over two subchains commits.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use ledger_protocol::Suite;
use node_runtime::devnet::{self, Plan, SubchainPlan};
use node_runtime::{HostOptions, Node};
use std::time::{Duration, Instant};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn process_chains_make_blocks_and_go_on_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let plan = Plan {
        relay_suite: Suite::Standard,
        validators: 4,
        processes: false,
        subchains: ["north", "south"]
            .iter()
            .map(|name| SubchainPlan {
                name: (*name).into(),
                suite: Suite::Standard,
                pace_ms: devnet::SUBCHAIN_PACE_MS,
                accounts: Vec::new(),
            })
            .collect(),
        relay_pace_ms: devnet::RELAY_PACE_MS,
    };
    let network = devnet::create(directory.path(), &plan).unwrap();
    let mut reached = 0;
    for _ in 0..2 {
        let node = Node::start(directory.path(), &network, &network.nodes[0], HostOptions::default()).await.unwrap();
        let deadline = Instant::now() + Duration::from_secs(60);
        let target = reached + 3;
        while node.host().replicas().iter().any(|view| view.progress.borrow().height < target) {
            for view in node.host().replicas() {
                assert_eq!(view.progress.borrow().halted, None, "{}/{}", view.chain_name, view.validator);
            }
            assert!(
                Instant::now() < deadline,
                "no progress: {:?}",
                node.host()
                    .replicas()
                    .iter()
                    .map(|view| (view.chain_name.clone(), view.validator, view.progress.borrow().clone()))
                    .collect::<Vec<_>>()
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        reached = node.host().replicas().iter().map(|view| view.progress.borrow().height).min().unwrap();
        node.stop().await;
    }
}
