//! Status and metrics of a node.

use crate::host::{HostHandle, PhaseMeasure};
use chain_engine::ChainReader;
use node_api::{NodeStatus, ReplicaStatus};
use std::fmt::Write;

pub(super) fn status(name: &str, host: &HostHandle) -> NodeStatus {
    let replicas = host
        .replicas()
        .iter()
        .map(|view| {
            let progress = view.progress.borrow().clone();
            let reader = view.store.reader();
            let chain = ChainReader::new(&reader, view.chain.suite);
            let tip = chain.tip().ok().flatten();
            let height = tip.as_ref().map_or(0, |tip| tip.header.height.0);
            let ledgers = tip
                .as_ref()
                .map(|tip| {
                    (0..tip.header.ledgers.count)
                        .filter_map(|ledger| {
                            let at = ledger_protocol::LedgerId(ledger);
                            let head = chain_state::prove::head(&reader, at).ok()??;
                            Some((ledger, head.state_version, head.state_root.to_string()))
                        })
                        .collect()
                })
                .unwrap_or_default();
            ReplicaStatus {
                chain: view.chain_name.clone(),
                validator: view.validator,
                height,
                header_hash: tip.map_or_else(String::new, |tip| tip.header_hash.to_string()),
                ledgers,
                pool: progress.pool,
                peers: host.endpoints().iter().map(|endpoint| endpoint.connected_peers().len()).sum(),
                halted: progress.halted,
            }
        })
        .collect();
    NodeStatus {
        name: name.to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        pid: std::process::id(),
        replicas,
    }
}

pub(super) fn metrics(host: &HostHandle) -> String {
    let mut text = String::new();
    let mut line = |name: &str, labels: &str, value: u64| {
        // Writing to a string does not fail.
        let _ignored = writeln!(text, "crosstie_{name}{labels} {value}");
    };
    let measures = host.measures();
    let phases: [(&str, &PhaseMeasure); 7] = [
        ("verify", &measures.verify),
        ("execute", &measures.execute),
        ("state", &measures.state),
        ("store", &measures.store),
        ("log", &measures.log),
        ("consensus", &measures.consensus),
        ("serve", &measures.serve),
    ];
    for (phase, measure) in phases {
        let labels = format!("{{phase=\"{phase}\"}}");
        line("phase_cpu_nanoseconds_total", &labels, measure.cpu_ns());
        line("phase_units_total", &labels, measure.count());
    }
    for view in host.replicas() {
        let progress = view.progress.borrow().clone();
        let labels = format!("{{chain=\"{}\",validator=\"{}\"}}", view.chain_name, view.validator);
        line("height", &labels, progress.height);
        line("pool_inputs", &labels, progress.pool);
        line("blocks_behind", &labels, progress.behind);
        line("halted", &labels, u64::from(progress.halted.is_some()));
    }
    text
}
