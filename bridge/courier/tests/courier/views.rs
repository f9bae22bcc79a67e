//! The courier's views over a book.

use super::book::Book;
use bridge_courier::{ClientView, DestinationView, EmptyRule, SourceView, ViewFault};
use ledger_protocol::chain::{FinalityCertificate, Header, ValidatorSet};
use ledger_protocol::interchain::{HistoryPath, LeafPath, Message};
use ledger_protocol::{ChainId, Hash, Height, Sequence};

pub(crate) struct View<'a>(pub(crate) &'a Book);

impl View<'_> {
    fn has(&self, height: Height) -> bool {
        height <= self.0.archive.tip()
    }

    fn has_peer(&self, peer: &ChainId, height: Height) -> bool {
        self.has(height) && self.0.archive.block(height).outbox.iter().any(|(leaf, _)| leaf.peer == *peer)
    }
}

impl SourceView for View<'_> {
    fn chain(&self) -> ChainId {
        self.0.id()
    }
    fn tip(&self) -> Result<Height, ViewFault> {
        Ok(self.0.archive.tip())
    }
    fn header(&self, height: Height) -> Result<Option<Header>, ViewFault> {
        Ok(self.has(height).then(|| self.0.archive.header(height).clone()))
    }
    fn certificate(&self, height: Height) -> Result<Option<FinalityCertificate>, ViewFault> {
        Ok(self.has(height).then(|| self.0.archive.block(height).certificate.clone()).flatten())
    }
    fn history_path(&self, older: Height, newer: Height) -> Result<Option<HistoryPath>, ViewFault> {
        Ok((older < newer && self.has(newer)).then(|| self.0.archive.history_path(older, newer)))
    }
    fn outbox_leaf(&self, peer: &ChainId, height: Height) -> Result<Option<LeafPath>, ViewFault> {
        Ok(self.has_peer(peer, height).then(|| self.0.archive.leaf_path(height, peer)))
    }
    fn messages(&self, peer: &ChainId, height: Height) -> Result<Option<Vec<Message>>, ViewFault> {
        Ok(self.has_peer(peer, height).then(|| self.0.archive.list(height, peer).into_vec()))
    }
    fn block_of_message(&self, peer: &ChainId, sequence: Sequence) -> Result<Option<Height>, ViewFault> {
        let holds = |(leaf, _): &(ledger_protocol::interchain::OutboxLeaf, Vec<Message>)| {
            leaf.peer == *peer && leaf.first <= sequence && sequence < leaf.next_sequence().unwrap()
        };
        let found = self.0.archive.blocks.iter().find(|block| block.outbox.iter().any(holds));
        Ok(found.map(|block| block.header.height))
    }
    fn handoffs_above(&self, height: Height, limit: usize) -> Result<Vec<Height>, ViewFault> {
        let above = self.0.archive.blocks.iter().map(|block| &block.header).filter(|header| header.height > height);
        Ok(above.filter(|header| header.is_handoff()).map(|header| header.height).take(limit).collect())
    }
    fn validators(&self, hash: &Hash) -> Result<Option<ValidatorSet>, ViewFault> {
        Ok(self.0.archive.sets.get(hash).map(|keys| keys.set.clone()))
    }
}

pub(crate) fn destination(book: &Book, source: &ChainId, empty: EmptyRule) -> DestinationView {
    let trusted = book.read(|state| chain_interchain::trusted(state, source).unwrap().unwrap());
    DestinationView {
        chain: book.id(),
        client: ClientView {
            height_on_source: trusted.height,
            header_hash_on_source: trusted.header_hash,
            timestamp_ms_on_source: trusted.timestamp_ms,
        },
        received: book.received(source),
        waiting: book.waiting(source),
        max_waiting: book.parameters.max_waiting_messages,
        accepts: true,
        empty,
    }
}
