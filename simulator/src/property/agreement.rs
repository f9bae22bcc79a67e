//! Agreement: one header per (chain, height), and with it one state, byte for byte.

use super::{Fact, Observation, Property};
use crate::failure::Contradiction;
use crate::world::{ChainIndex, ProcessId};
use ledger_protocol::{Hash, Height, Suite};
use std::collections::BTreeMap;

/// All replicas of a chain have the same header at a height and write the same rows for it, the certificate apart.
#[derive(Debug, Default)]
pub struct Agreement {
    headers: BTreeMap<(ChainIndex, Height), (Hash, ProcessId)>,
    rows: BTreeMap<(ChainIndex, Height), (Hash, ProcessId)>,
}

impl Property for Agreement {
    fn name(&self) -> &'static str {
        "agreement"
    }

    fn report(&self) -> String {
        format!("{} headers and {} batches compared", self.headers.len(), self.rows.len())
    }

    fn observe(&mut self, observation: &Observation<'_>) -> Result<(), Contradiction> {
        if observation.blame.is_bad_chain(observation.index) {
            return Ok(());
        }
        let (what, seen, height, hash) = match &observation.fact {
            Fact::Published { block, .. } => ("header", &mut self.headers, block.header.height, block.header_hash),
            Fact::Committing { height, batch } => {
                let mut digest = Suite::Standard.digester();
                // A header's certificate differs between nodes; no other row does.
                for (key, value) in batch.iter().filter(|(key, _)| !key.starts_with(b"c")) {
                    digest.update(&(key.len() as u64).to_le_bytes());
                    digest.update(key);
                    digest.update(&value.map_or(u64::MAX, |value| value.len() as u64).to_le_bytes());
                    digest.update(value.unwrap_or_default());
                }
                ("batch of rows", &mut self.rows, *height, digest.finish())
            }
            _ => return Ok(()),
        };
        let first = seen.entry((observation.index, height)).or_insert((hash, observation.process));
        if first.0 == hash {
            return Ok(());
        }
        let say = |hash: Hash, process: ProcessId| {
            format!("{process} has {what} {hash} at height {height} of chain {}", observation.index.0)
        };
        Err(Contradiction::new(say(first.0, first.1), say(hash, observation.process)))
    }
}
