//! A small source chain made in memory: headers signed with real keys, history log, outbox trees, hand-offs.
//!
//! Shared by the tests of the light client, of the interchain and of the courier.
#![allow(dead_code, missing_docs, unreachable_pub)]

use ledger_protocol::chain::{
    CertificateKind, CountedRoot, FinalityCertificate, Header, Parameters, SignerBitmap, Validator, ValidatorSet,
    VoteKind, quorum, vote_sign_bytes,
};
use ledger_protocol::codec::{Bounded, BoundedBytes, Text, encode};
use ledger_protocol::interchain::{
    Advance, DeliveredBlock, Follows, Handoff, Head, HistoryPath, LeafPath, Message, MessageList, OutboxLeaf,
};
use ledger_protocol::merkle::{Tree, empty_root};
use ledger_protocol::proof::client::TrustedHeader;
use ledger_protocol::suite::SecretKey;
use ledger_protocol::{ChainId, Hash, Height, Round, Sequence, Suite, TimestampMs};
use std::collections::BTreeMap;

pub const START_MS: u64 = 1_700_000_000_000;

pub fn chain_id(suite: Suite, name: u8) -> ChainId {
    ChainId { suite, hash: suite.hash_parts(&[&[name]]) }
}

/// A validator set with the keys behind it, in set order.
#[derive(Clone)]
pub struct KeySet {
    pub set: ValidatorSet,
    pub keys: Vec<SecretKey>,
}

impl KeySet {
    pub fn new(suite: Suite, seed: u8, size: u8) -> Self {
        let mut keys: Vec<SecretKey> = (0..size)
            .map(|index| {
                let mut bytes = [seed; 32];
                bytes[0] = index;
                SecretKey::from_seed(suite, bytes)
            })
            .collect();
        keys.sort_by_key(SecretKey::public_key);
        let validators = keys
            .iter()
            .map(|key| Validator {
                public_key: key.public_key(),
                power: 1,
                organisation: Text::new("org").unwrap(),
                network_key_hash: Hash([seed; 32]),
            })
            .collect();
        Self { set: ValidatorSet::new(suite, validators).unwrap(), keys }
    }

    /// A certificate by the first quorum of the set.
    pub fn certify(&self, header: &Header, kind: CertificateKind) -> FinalityCertificate {
        let power = quorum(kind, self.set.total_power()) as usize;
        self.certify_by(header, kind, power)
    }

    /// A certificate by the first `signers` of the set.
    pub fn certify_by(&self, header: &Header, kind: CertificateKind, signers: usize) -> FinalityCertificate {
        let hash = header.hash();
        let bytes = vote_sign_bytes(VoteKind::Precommit, kind, &header.chain, header.height, header.round, Some(&hash));
        FinalityCertificate {
            kind,
            chain: header.chain,
            height: header.height,
            round: header.round,
            header_hash: hash,
            signers: SignerBitmap::new(self.set.len(), 0..signers),
            signatures: Bounded::new(self.keys.iter().take(signers).map(|key| key.sign(&bytes)).collect()).unwrap(),
        }
    }
}

/// One block of the chain as its archive keeps it.
#[derive(Clone)]
pub struct Stored {
    pub header: Header,
    pub certificate: Option<FinalityCertificate>,
    pub outbox: Vec<(OutboxLeaf, Vec<Message>)>,
}

/// A chain with its whole archive.
#[derive(Clone)]
pub struct SyntheticChain {
    pub id: ChainId,
    pub kind: CertificateKind,
    pub current: KeySet,
    pub blocks: Vec<Stored>,
    pub sets: BTreeMap<Hash, KeySet>,
    pub next_sequence: BTreeMap<ChainId, u64>,
    pub step_ms: u64,
    /// The ledgers tree of the next blocks.
    pub ledgers: CountedRoot,
}

impl SyntheticChain {
    pub fn new(suite: Suite, name: u8) -> Self {
        let current = KeySet::new(suite, name, 4);
        let mut chain = Self {
            id: chain_id(suite, name),
            kind: CertificateKind::Bft,
            sets: BTreeMap::new(),
            current,
            blocks: Vec::new(),
            next_sequence: BTreeMap::new(),
            step_ms: 1_000,
            ledgers: CountedRoot { root: empty_root(suite), count: 0 },
        };
        chain.remember(chain.current.clone());
        chain.append(Vec::new(), None);
        chain
    }

    pub fn suite(&self) -> Suite {
        self.id.suite
    }

    fn remember(&mut self, keys: KeySet) {
        self.sets.insert(keys.set.hash(self.suite()), keys);
    }

    pub fn tip(&self) -> Height {
        Height(self.blocks.len() as u64 - 1)
    }

    pub fn block(&self, height: Height) -> &Stored {
        &self.blocks[height.0 as usize]
    }

    pub fn header(&self, height: Height) -> &Header {
        &self.block(height).header
    }

    pub fn keys_of(&self, hash: &Hash) -> &KeySet {
        &self.sets[hash]
    }

    pub fn trusted(&self, height: Height) -> TrustedHeader {
        let header = self.header(height);
        TrustedHeader::at(header, self.kind, self.keys_of(&header.next_validators_hash).set.clone()).unwrap()
    }

    /// Appends a block with a ready outbox; `next` names other validators for the block after.
    pub fn append(&mut self, outbox: Vec<(OutboxLeaf, Vec<Message>)>, next: Option<KeySet>) -> Height {
        let suite = self.suite();
        let height = self.blocks.len() as u64;
        let hashes: Vec<[u8; 32]> = self.blocks.iter().map(|block| block.header.hash().0).collect();
        let leaves: Vec<Vec<u8>> = outbox.iter().map(|(leaf, _)| encode(leaf)).collect();
        let validators_hash = self.current.set.hash(suite);
        let next_validators_hash = next.as_ref().map_or(validators_hash, |keys| keys.set.hash(suite));
        let empty = CountedRoot { root: empty_root(suite), count: 0 };
        let header = Header {
            version: Parameters::PROTOCOL_VERSION,
            chain: self.id,
            height: Height(height),
            round: Round(0),
            timestamp_ms: TimestampMs(START_MS + height * self.step_ms),
            parent: self.blocks.last().map_or(Hash::ZERO, |block| block.header.hash()),
            proposer: self.current.set.validators()[0].address(),
            transactions: empty,
            receipts: empty.root,
            changes: empty,
            events: empty,
            outbox: CountedRoot { root: Tree::new(suite, &leaves).root(), count: leaves.len() as u32 },
            ledgers: self.ledgers,
            history: Tree::new(suite, &hashes).root(),
            validators_hash,
            next_validators_hash,
            parameters_hash: Hash([7; 32]),
            next_parameters_hash: Hash([7; 32]),
        };
        let certificate = (height > 0).then(|| self.current.certify(&header, self.kind));
        self.blocks.push(Stored { header, certificate, outbox });
        if let Some(keys) = next {
            self.remember(keys.clone());
            self.current = keys;
        }
        Height(height)
    }

    /// Appends a block with `counts` messages to each peer, in the order of the peers.
    pub fn produce(&mut self, counts: &[(ChainId, usize)]) -> Height {
        self.produce_with(counts, None)
    }

    pub fn produce_with(&mut self, counts: &[(ChainId, usize)], next: Option<KeySet>) -> Height {
        let mut outbox = Vec::new();
        for (peer, count) in counts {
            let first = *self.next_sequence.entry(*peer).or_default();
            let messages: Vec<Message> = (0..*count as u64)
                .map(|offset| Message {
                    source: self.id,
                    destination: *peer,
                    sequence: Sequence(first + offset),
                    payload: BoundedBytes::new((first + offset).to_le_bytes().to_vec()).unwrap(),
                })
                .collect();
            self.next_sequence.insert(*peer, first + *count as u64);
            outbox.push((leaf_of(self.suite(), *peer, Sequence(first), &messages), messages));
        }
        outbox.sort_by_key(|(leaf, _)| leaf.peer);
        self.append(outbox, next)
    }

    pub fn history_path(&self, older: Height, newer: Height) -> HistoryPath {
        let hashes: Vec<[u8; 32]> = self.blocks[..newer.0 as usize].iter().map(|block| block.header.hash().0).collect();
        Tree::new(self.suite(), &hashes).path(older.0).unwrap()
    }

    pub fn leaf_path(&self, height: Height, peer: &ChainId) -> LeafPath {
        let outbox = &self.block(height).outbox;
        let index = outbox.iter().position(|(leaf, _)| leaf.peer == *peer).unwrap();
        let leaves: Vec<Vec<u8>> = outbox.iter().map(|(leaf, _)| encode(leaf)).collect();
        let path = Tree::new(self.suite(), &leaves).path(index as u64).unwrap();
        LeafPath { leaf: outbox[index].0, index: index as u32, path }
    }

    pub fn list(&self, height: Height, peer: &ChainId) -> MessageList {
        let (_, messages) = self.block(height).outbox.iter().find(|(leaf, _)| leaf.peer == *peer).unwrap();
        Bounded::new(messages.clone()).unwrap()
    }

    pub fn new_head(&self, trusted: Height, head: Height) -> Head {
        Head::New {
            header: self.header(head).clone(),
            certificate: self.block(head).certificate.clone().unwrap(),
            trusted_path: self.history_path(trusted, head),
        }
    }

    pub fn older(&self, height: Height, head: Height, peer: &ChainId) -> DeliveredBlock {
        DeliveredBlock::Older {
            header: self.header(height).clone(),
            history_path: self.history_path(height, head),
            leaf: self.leaf_path(height, peer),
            messages: self.list(height, peer),
        }
    }

    /// An Advance from `trusted` to `head` with the lists of `blocks`.
    pub fn advance(&self, trusted: Height, head: Height, peer: &ChainId, blocks: &[Height]) -> Advance {
        let delivered = blocks
            .iter()
            .map(|height| {
                if *height == head {
                    DeliveredBlock::Head { messages: self.list(head, peer) }
                } else {
                    self.older(*height, head, peer)
                }
            })
            .collect();
        Advance {
            source: self.id,
            head: if trusted == head {
                Head::Known { header: self.header(head).clone() }
            } else {
                self.new_head(trusted, head)
            },
            leaf: self.leaf_path(head, peer),
            blocks: Bounded::new(delivered).unwrap(),
        }
    }

    pub fn handoff(&self, trusted: Height, height: Height) -> Handoff {
        let header = self.header(height).clone();
        Handoff {
            source: self.id,
            certificate: self.block(height).certificate.clone().unwrap(),
            trusted_path: self.history_path(trusted, height),
            next_validators: self.keys_of(&header.next_validators_hash).set.clone(),
            header,
        }
    }
}

pub fn leaf_of(suite: Suite, peer: ChainId, first: Sequence, messages: &[Message]) -> OutboxLeaf {
    let encoded: Vec<Vec<u8>> = messages.iter().map(encode).collect();
    OutboxLeaf {
        peer,
        first,
        count: messages.len() as u32,
        received: Sequence(0),
        reanchored: 0,
        follows: Follows { height_on_peer: Height(0), header_hash_on_peer: peer.suite.foreign(Hash([9; 32])) },
        messages_root: Tree::new(suite, &encoded).root(),
    }
}
