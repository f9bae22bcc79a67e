//! Agreement: one header per (chain, height), and with it one state, byte for byte.

use super::{Fact, Observation, Property, Restoration, reading};
use crate::failure::Contradiction;
use crate::world::{ChainIndex, ProcessId};
use ledger_protocol::{Hash, Height, Suite};
use std::collections::BTreeMap;

/// All replicas of a chain have the same header at a height and write the same rows for it, the certificate apart. Where
/// a chain went back to a backup, this is asked of each branch.
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
            Fact::Restored(restoration) => return self.restored(observation, restoration),
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

impl Agreement {
    /// What is above the kept height is lost; what stands there is what always stood there.
    fn restored(&mut self, observation: &Observation<'_>, restoration: &Restoration) -> Result<(), Contradiction> {
        let (index, kept) = (observation.index, restoration.kept);
        let header = reading::header(observation, kept).map(|header| header.hash());
        if let Some((published, process)) = self.headers.get(&(index, kept))
            && header != Some(*published)
        {
            return Err(Contradiction::new(
                format!("{process} has header {published} at height {kept} of chain {}", index.0),
                format!("a backup of it holds {header:?}"),
            ));
        }
        self.headers.retain(|(chain, height), _| *chain != index || *height <= kept);
        self.rows.retain(|(chain, height), _| *chain != index || *height <= kept);
        Ok(())
    }
}
