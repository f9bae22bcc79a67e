//! A chain with a real state and an archive: what the tests let talk to another one.
#![allow(dead_code, missing_docs, unreachable_pub)]

use super::synthetic::{KeySet, SyntheticChain};
use chain_interchain::{close_block, enqueue_payload, next_expected, next_sequence, remember_parent, waiting_count};
use chain_state::{BlockFacts, BlockState, MemoryStore, StoreWriter};
use ledger_protocol::chain::{LedgerGenesis, Parameters};
use ledger_protocol::codec::{BoundedBytes, SortedVec, Text};
use ledger_protocol::{ChainId, Height, LedgerId, Sequence, Suite, TimestampMs};

pub struct Book {
    pub archive: SyntheticChain,
    pub store: MemoryStore,
    pub peers: Vec<ChainId>,
    pub parameters: Parameters,
}

impl Book {
    pub fn new(suite: Suite, name: u8) -> Self {
        let mut store = MemoryStore::default();
        let mut state = BlockState::open(&store, suite, Height(0)).unwrap();
        let settings = LedgerGenesis {
            ledger: LedgerId::SYSTEM,
            name: Text::new("system").unwrap(),
            grants: SortedVec::new(Vec::new()).unwrap(),
        };
        state.create_ledger(LedgerId::SYSTEM, &settings).unwrap();
        let batch = state.finish().unwrap().batch;
        store.apply(&batch, true).unwrap();
        Self { archive: SyntheticChain::new(suite, name), store, peers: Vec::new(), parameters: Parameters::subchain() }
    }

    pub fn id(&self) -> ChainId {
        self.archive.id
    }

    pub fn facts(&self) -> BlockFacts {
        let tip = self.archive.header(self.archive.tip());
        BlockFacts {
            chain: self.id(),
            height: tip.height.next().unwrap(),
            timestamp_ms: TimestampMs(tip.timestamp_ms.0 + self.archive.step_ms),
            proposer: tip.proposer,
            parent: tip.hash(),
            parameters: self.parameters.clone(),
            validators: self.archive.current.set.clone(),
        }
    }

    /// Reads the state after the newest block.
    pub fn read<R>(&self, look: impl FnOnce(&BlockState<'_>) -> R) -> R {
        let facts = self.facts();
        look(&BlockState::open(&self.store, self.id().suite, facts.height).unwrap())
    }

    /// Executes, closes and archives one block.
    pub fn block<R>(&mut self, next: Option<KeySet>, execute: impl FnOnce(&mut BlockState<'_>, &BlockFacts) -> R) -> R {
        let facts = self.facts();
        let (id, peers) = (self.id(), self.peers.clone());
        let mut state = BlockState::open(&self.store, id.suite, facts.height).unwrap();
        remember_parent(&mut state, facts.parent).unwrap();
        let result = execute(&mut state, &facts);
        let outbox = close_block(&mut state, &id, &peers).unwrap();
        let batch = state.finish().unwrap().batch;
        self.store.apply(&batch, true).unwrap();
        self.archive.append(outbox.into_iter().map(|entry| (entry.leaf, entry.messages)).collect(), next);
        result
    }

    pub fn follow(&mut self, peer: &Self, height: Height) {
        let trusted = peer.archive.trusted(height);
        self.peers.push(peer.id());
        self.block(None, |state, _| chain_interchain::open_client(state, &trusted).unwrap());
    }

    pub fn received(&self, peer: &ChainId) -> Sequence {
        self.read(|state| next_expected(state, peer).unwrap())
    }

    pub fn waiting(&self, peer: &ChainId) -> u32 {
        self.read(|state| waiting_count(state, peer).unwrap())
    }

    pub fn trusted_height(&self, peer: &ChainId) -> Height {
        self.read(|state| chain_interchain::client(state, peer).unwrap().unwrap().height_on_source)
    }
}

/// Two chains that follow each other from their first blocks on.
pub fn pair(suite: Suite, peer_suite: Suite) -> (Book, Book) {
    let (mut one, mut other) = (Book::new(suite, 1), Book::new(peer_suite, 2));
    one.follow(&other, Height(0));
    other.follow(&one, Height(0));
    (one, other)
}

/// Longer than what a chain needs between Advances without messages.
pub const STEP_MS: u64 = 3_000;

/// A block with so many messages to the first peer; gives its height.
pub fn say(book: &mut Book, count: u64, next: Option<KeySet>) -> Height {
    let peer = book.peers[0];
    book.block(next, |state, _| {
        for _ in 0..count {
            let number = next_sequence(state, &peer).unwrap().0;
            enqueue_payload(state, &peer, &payload(number)).unwrap();
        }
    });
    book.archive.tip()
}

pub fn payload(number: u64) -> BoundedBytes<{ 160 << 10 }> {
    BoundedBytes::new(number.to_le_bytes().to_vec()).unwrap()
}
