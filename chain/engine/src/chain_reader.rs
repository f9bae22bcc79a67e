//! Reads over a replica's store: everything that couriers, provers and queries need of the chain itself.
//!
//! Pure over a [`StoreReader`]: what is absent is `None`, what does not decode or contradicts itself is a
//! [`StoreFault`]. Only durable blocks are ever seen. Paths are made from stored leaves and nodes and are worth
//! nothing before a verifier has checked them against a header.

use crate::assemble::{leaf_hash, tree_of};
use crate::port::PublishedBlock;
use crate::rows::{self, InputPlace, Tip};
use borsh::{BorshDeserialize, BorshSerialize};
use chain_state::{StoreFault, StoreReader};
use ledger_protocol::chain::{
    Block, CertifiedHeader, FinalityCertificate, Header, InputLeaf, LedgerLeaf, Parameters, ValidatorSet,
};
use ledger_protocol::interchain::{HistoryPath, LeafPath, Message, MessageList, OutboxLeaf};
use ledger_protocol::merkle::{
    ConsistencyPath, InclusionPath, MerkleError, Node, consistency_from_nodes, path_from_nodes,
};
use ledger_protocol::transaction::{Change, EventRecord, Receipt};
use ledger_protocol::{ChainId, Hash, Height, LedgerId, Sequence, Suite};
use std::cell::RefCell;

/// A leaf of a block's tree with its place and path; the size is the count in the header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProvenLeaf<T> {
    /// The leaf.
    pub leaf: T,
    /// Its index.
    pub index: u32,
    /// Its path.
    pub path: InclusionPath,
}

/// Reads one chain.
#[derive(Clone, Copy)]
pub struct ChainReader<'a> {
    reader: &'a dyn StoreReader,
    suite: Suite,
}

impl std::fmt::Debug for ChainReader<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ChainReader").field("suite", &self.suite).finish_non_exhaustive()
    }
}

type Read<T> = Result<Option<T>, StoreFault>;

fn fault(error: MerkleError) -> StoreFault {
    StoreFault(format!("the stored tree is damaged: {error}"))
}

impl<'a> ChainReader<'a> {
    /// Reads a store of a chain of `suite`.
    pub const fn new(reader: &'a dyn StoreReader, suite: Suite) -> Self {
        Self { reader, suite }
    }

    /// The newest block and what follows from it; `None` on an empty store.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn tip(&self) -> Read<Tip> {
        rows::read(self.reader, &rows::tip())
    }

    /// The header of a height, 0 included.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn header(&self, height: Height) -> Read<Header> {
        rows::read(self.reader, &rows::header(height))
    }

    /// The block of a height; none at 0.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn block(&self, height: Height) -> Read<Block> {
        rows::read(self.reader, &rows::block(height))
    }

    /// The certificate of a height; none at 0.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn certificate(&self, height: Height) -> Read<FinalityCertificate> {
        rows::read(self.reader, &rows::certificate(height))
    }

    /// Header and certificate of a height; none at 0.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn certified_header(&self, height: Height) -> Read<CertifiedHeader> {
        let (header, certificate) = (self.header(height)?, self.certificate(height)?);
        Ok(header.zip(certificate).map(|(header, certificate)| CertifiedHeader { header, certificate }))
    }

    /// What a replica publishes of the block of a height; none at 0.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn published(&self, height: Height) -> Read<PublishedBlock> {
        let Some(CertifiedHeader { header, certificate }) = self.certified_header(height)? else { return Ok(None) };
        let leaves = rows::read::<Vec<InputLeaf>>(self.reader, &rows::input_leaves(height))?.unwrap_or_default();
        Ok(Some(PublishedBlock {
            header_hash: header.hash(),
            header,
            certificate,
            inputs: leaves.iter().map(leaf_hash).collect(),
            receipts: self.receipts(height)?.unwrap_or_default(),
            events: self.events(height)?.unwrap_or_default(),
            outbox: self.outbox(height)?.unwrap_or_default(),
        }))
    }

    /// A validator set that some header named for the next block.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn validators(&self, hash: &Hash) -> Read<ValidatorSet> {
        rows::read(self.reader, &rows::validators(hash))
    }

    /// Parameters that some header named for the next block.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn parameters(&self, hash: &Hash) -> Read<Parameters> {
        rows::read(self.reader, &rows::parameters(hash))
    }

    /// Where an input stands, by its id or hash.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn input_place(&self, input: &Hash) -> Read<InputPlace> {
        rows::read(self.reader, &rows::input_place(input))
    }

    /// All receipts of a block.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn receipts(&self, height: Height) -> Read<Vec<Receipt>> {
        rows::read(self.reader, &rows::receipts(height))
    }

    /// An input's receipt and where it stands.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn receipt(&self, input: &Hash) -> Read<(InputPlace, Receipt)> {
        let Some(place) = self.input_place(input)? else { return Ok(None) };
        let receipts = self.receipts(place.height)?.unwrap_or_default();
        Ok(receipts.into_iter().nth(place.index as usize).map(|receipt| (place, receipt)))
    }

    /// A leaf of a block's transactions tree with its path.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn input_proof(&self, place: &InputPlace) -> Read<ProvenLeaf<InputLeaf>> {
        self.proven(&rows::input_leaves(place.height), place.index)
    }

    /// A leaf of a block's receipts tree with its path.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn receipt_proof(&self, place: &InputPlace) -> Read<ProvenLeaf<Receipt>> {
        self.proven(&rows::receipts(place.height), place.index)
    }

    /// The leaves of a block's changes tree.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn changes(&self, height: Height) -> Read<Vec<Change>> {
        rows::read(self.reader, &rows::changes(height))
    }

    /// A leaf of a block's changes tree with its path.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn change_proof(&self, height: Height, index: u32) -> Read<ProvenLeaf<Change>> {
        self.proven(&rows::changes(height), index)
    }

    /// The leaves of a block's events tree.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn events(&self, height: Height) -> Read<Vec<EventRecord>> {
        rows::read(self.reader, &rows::events(height))
    }

    /// A leaf of a block's events tree with its path.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn event_proof(&self, height: Height, index: u32) -> Read<ProvenLeaf<EventRecord>> {
        self.proven(&rows::events(height), index)
    }

    /// A ledger's leaf of a block with its path.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn ledger_proof(&self, height: Height, ledger: LedgerId) -> Read<ProvenLeaf<LedgerLeaf>> {
        let leaves: Option<Vec<LedgerLeaf>> = rows::read(self.reader, &rows::ledgers(height))?;
        let index = leaves.and_then(|leaves| leaves.iter().position(|leaf| leaf.ledger == ledger));
        match index.and_then(|index| u32::try_from(index).ok()) {
            Some(index) => self.proven(&rows::ledgers(height), index),
            None => Ok(None),
        }
    }

    /// The path of an older header's hash in a newer header's history: index `older`, size `newer`.
    ///
    /// `None` unless `older < newer` and both are committed.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn history_path(&self, older: Height, newer: Height) -> Read<HistoryPath> {
        if older >= newer || self.header(newer)?.is_none() {
            return Ok(None);
        }
        self.with_nodes(|nodes| path_from_nodes(self.suite, older.0, newer.0, &nodes)).map(Some)
    }

    /// The path that shows the history of header `older` to be the beginning of that of header `newer`.
    ///
    /// `None` unless `1 ≤ older ≤ newer` and both are committed.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn history_consistency(&self, older: Height, newer: Height) -> Read<ConsistencyPath> {
        if older.0 == 0 || older > newer || self.header(newer)?.is_none() {
            return Ok(None);
        }
        self.with_nodes(|nodes| consistency_from_nodes(self.suite, older.0, newer.0, &nodes)).map(Some)
    }

    /// All outbox leaves of a block, ascending by peer.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn outbox(&self, height: Height) -> Read<Vec<OutboxLeaf>> {
        rows::read(self.reader, &rows::outbox_leaves(height))
    }

    /// A block's outbox leaf for a peer with its path.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn outbox_leaf(&self, peer: &ChainId, height: Height) -> Read<LeafPath> {
        let leaves = self.outbox(height)?.unwrap_or_default();
        let index = leaves.iter().position(|leaf| leaf.peer == *peer);
        let Some(index) = index.and_then(|index| u32::try_from(index).ok()) else { return Ok(None) };
        let proven = self.proven::<OutboxLeaf>(&rows::outbox_leaves(height), index)?;
        Ok(proven.map(|ProvenLeaf { leaf, index, path }| LeafPath { leaf, index, path }))
    }

    /// A block's messages to a peer, oldest first; empty where there are none.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn messages(&self, peer: &ChainId, height: Height) -> Result<MessageList, StoreFault> {
        let messages: Option<Vec<Message>> = rows::read(self.reader, &rows::messages(peer, height))?;
        MessageList::new(messages.unwrap_or_default())
            .map_err(|error| StoreFault(format!("a stored message list is too long: {error}")))
    }

    /// Heights up to `last` whose blocks hold messages to `peer` from `next` on, oldest first, at most `limit`.
    ///
    /// A list that begins below `next` and ends at or above it is among them: lists are delivered whole.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn undelivered(
        &self,
        peer: &ChainId,
        next: Sequence,
        last: Height,
        limit: usize,
    ) -> Result<Vec<Height>, StoreFault> {
        let start = rows::outbox_first(peer, Sequence::ZERO);
        let prefix = start.get(..start.len().saturating_sub(8)).unwrap_or_default();
        let end = rows::end_of(prefix);
        // A list that begins at `next` is the newest that does. Otherwise the list that holds it began before.
        let exact = rows::outbox_first(peer, next);
        let after = rows::outbox_first(peer, next.saturating_add(1));
        let from = if self.reader.get(&exact)?.is_some() {
            exact
        } else {
            self.reader.last(&start, &after)?.map_or(after, |(key, _)| key)
        };
        let mut heights = Vec::new();
        let mut covered = 0;
        for (key, bytes) in self.reader.scan(&from, &end, limit.saturating_add(1))? {
            let height: Height =
                ledger_protocol::codec::decode(&bytes, 8).map_err(|error| rows::damaged(&key, &error))?;
            let first = key.get(prefix.len()..).and_then(|tail| tail.try_into().ok()).map(u64::from_be_bytes);
            let count = self.messages(peer, height)?.len() as u64;
            let ends = first.unwrap_or_default().saturating_add(count);
            if height > last || heights.len() >= limit {
                break;
            }
            // After a re-anchor of this chain numbers are given anew (ADR 0013): a list that begins within a newer one
            // is void.
            if ends > next.0 && first.unwrap_or_default() >= covered {
                heights.push(height);
                covered = ends;
            }
        }
        Ok(heights)
    }

    /// Heights above `after` and up to `last` whose headers name other validators for the next block, at most `limit`.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn handoffs(&self, after: Height, last: Height, limit: usize) -> Result<Vec<Height>, StoreFault> {
        let start = rows::handoff(after.saturating_add(1));
        let end = rows::handoff(last.saturating_add(1));
        let found = self.reader.scan(&start, &end, limit)?;
        let height = |key: &[u8]| key.get(2..).and_then(|tail| tail.try_into().ok()).map(u64::from_be_bytes);
        Ok(found.iter().filter_map(|(key, _)| height(key)).map(Height).collect())
    }

    fn proven<T: BorshDeserialize + BorshSerialize>(&self, row: &[u8], index: u32) -> Read<ProvenLeaf<T>> {
        let Some(leaves) = rows::read::<Vec<T>>(self.reader, row)? else { return Ok(None) };
        if index as usize >= leaves.len() {
            return Ok(None);
        }
        let path = tree_of(self.suite, &leaves).path(u64::from(index)).map_err(fault)?;
        Ok(leaves.into_iter().nth(index as usize).map(|leaf| ProvenLeaf { leaf, index, path }))
    }

    /// Runs a tree function over the stored nodes of the history log; an I/O error on the way is reported as such.
    fn with_nodes<T>(
        &self,
        run: impl FnOnce(&dyn Fn(Node) -> Option<Hash>) -> Result<T, MerkleError>,
    ) -> Result<T, StoreFault> {
        let failed: RefCell<Option<StoreFault>> = RefCell::new(None);
        let nodes = |node: Node| match rows::read::<Hash>(self.reader, &rows::history(node)) {
            Ok(hash) => hash,
            Err(error) => {
                *failed.borrow_mut() = Some(error);
                None
            }
        };
        let result = run(&nodes);
        match failed.into_inner() {
            Some(error) => Err(error),
            None => result.map_err(fault),
        }
    }
}
