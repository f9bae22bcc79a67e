//! Light clients (R7): the header and the validator set that a chain trusts of another are that chain's own.

use super::{Fact, Observation, Property, reading};
use crate::failure::Contradiction;
use ledger_protocol::system::{ClientRecord, accounts};
use ledger_protocol::{ChainId, Hash, Height};
use std::collections::BTreeMap;

/// Every client record names a header that its chain published, and the set which that header names.
#[derive(Debug, Default)]
pub struct Clients {
    /// Header hash and next validators hash.
    published: BTreeMap<(ChainId, Height), (Hash, Hash)>,
    compared: u64,
}

impl Property for Clients {
    fn name(&self) -> &'static str {
        "clients trust what their chains published"
    }

    fn report(&self) -> String {
        format!("{} client records compared", self.compared)
    }

    fn observe(&mut self, observation: &Observation<'_>) -> Result<(), Contradiction> {
        let Fact::Published { block, is_first: true } = observation.fact else { return Ok(()) };
        let (header, height) = (&block.header, block.header.height);
        self.published.insert((observation.chain, height), (block.header_hash, header.next_validators_hash));
        for (_, client) in reading::records::<ClientRecord>(observation, height, accounts::CLIENTS) {
            // Header 0 is derived from the genesis; nobody publishes it. A bad chain publishes what it likes.
            if client.height_on_source == Height::ZERO || observation.blame.is_bad(&client.chain) {
                continue;
            }
            self.compared += 1;
            let trusted = (client.header_hash_on_source.hash, client.next_validators_hash_on_source);
            let own = self.published.get(&(client.chain, client.height_on_source));
            if own != Some(&trusted) {
                let at = format!("height {} of chain {:?}", client.height_on_source, client.chain.hash);
                return Err(Contradiction::new(
                    format!("R7: at {at} stand header and next validators {own:?}"),
                    format!("chain {} trusts {trusted:?} there", observation.index.0),
                ));
            }
        }
        Ok(())
    }
}
