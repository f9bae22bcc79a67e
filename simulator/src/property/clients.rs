//! Light clients (R7): the header and the validator set that a chain trusts of another are that chain's own.

use super::{Fact, Observation, Property, reading};
use crate::failure::Contradiction;
use crate::world::ChainIndex;
use ledger_protocol::system::{ClientRecord, accounts};
use ledger_protocol::{ChainId, Hash, Height};
use std::collections::BTreeMap;

/// A header that a chain published.
#[derive(Debug)]
struct Published {
    header_hash: Hash,
    next_validators_hash: Hash,
    /// The branch of its chain on which it was published, and the first one that does not have it.
    born: u32,
    died: Option<u32>,
}

/// Every client record names a header that its chain published, and the set which that header names. A header of a
/// branch that its chain has lost may be trusted by those who have not yet trusted a later branch, and by nobody else.
#[derive(Debug, Default)]
pub struct Clients {
    published: BTreeMap<(ChainId, Height), Vec<Published>>,
    branches: BTreeMap<ChainId, u32>,
    /// The newest branch of a chain that another has trusted.
    trusted: BTreeMap<(ChainIndex, ChainId), u32>,
    compared: u64,
}

impl Clients {
    fn restored(&mut self, chain: ChainId, index: ChainIndex, kept: Height) {
        let branch = self.branches.entry(chain).or_default();
        *branch += 1;
        for (_, headers) in self.published.range_mut((chain, kept.saturating_add(1))..=(chain, Height(u64::MAX))) {
            headers.iter_mut().for_each(|header| header.died = header.died.or(Some(*branch)));
        }
        // What it had trusted by then it may trust again.
        self.trusted.retain(|(receiver, _), _| *receiver != index);
    }
}

impl Property for Clients {
    fn name(&self) -> &'static str {
        "clients trust what their chains published"
    }

    fn report(&self) -> String {
        format!("{} client records compared", self.compared)
    }

    fn observe(&mut self, observation: &Observation<'_>) -> Result<(), Contradiction> {
        if let Fact::Restored(restoration) = observation.fact {
            self.restored(observation.chain, observation.index, restoration.kept);
        }
        let Fact::Published { block, is_first: true } = observation.fact else { return Ok(()) };
        let (header, height) = (&block.header, block.header.height);
        let born = self.branches.get(&observation.chain).copied().unwrap_or(0);
        let (header_hash, next_validators_hash) = (block.header_hash, header.next_validators_hash);
        let published = Published { header_hash, next_validators_hash, born, died: None };
        self.published.entry((observation.chain, height)).or_default().push(published);
        for (_, client) in reading::records::<ClientRecord>(observation, accounts::CLIENTS)? {
            // Header 0 is derived from the genesis; nobody publishes it. A bad chain publishes what it likes.
            if client.height_on_source == Height::ZERO || observation.blame.is_bad(&client.chain) {
                continue;
            }
            self.compared += 1;
            let named = (client.header_hash_on_source.hash, client.next_validators_hash_on_source);
            let newest = self.trusted.entry((observation.index, client.chain)).or_default();
            let known = self.published.get(&(client.chain, client.height_on_source)).map_or(&[][..], Vec::as_slice);
            let is_it = |it: &&Published| (it.header_hash, it.next_validators_hash) == named;
            let is_open = |it: &&Published| it.died.is_none_or(|died| died > *newest);
            // A block may come again as it was: then it is no sign of the later branch.
            let Some(own) = known.iter().filter(is_it).filter(is_open).min_by_key(|it| it.born) else {
                let at = format!("height {} of chain {:?}", client.height_on_source, client.chain.hash);
                return Err(Contradiction::new(
                    format!("R7: at {at} stand header and next validators {known:?}"),
                    format!("chain {} trusts {named:?} there, and has trusted branch {newest}", observation.index.0),
                ));
            };
            *newest = own.born.max(*newest);
        }
        Ok(())
    }
}
