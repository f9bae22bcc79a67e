//! A deterministic chain made in memory: real headers, trees, state, keys and certificates of either suite, and every
//! proof object read from it. Shared by the tests of the proofs and by the golden vectors.
#![allow(
    dead_code,
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::missing_panics_doc
)]

use borsh::BorshSerialize;
use ledger_protocol::chain::{
    CertificateKind, ChainRole, Checkpoint, CountedRoot, FinalityCertificate, Genesis, Header, Input, LedgerGenesis,
    LedgerLeaf, Parameters, SignerBitmap, Validator, ValidatorSet, VoteKind, quorum, vote_sign_bytes,
};
use ledger_protocol::codec::{Bounded, BoundedBytes, SortedVec, Text, encode};
use ledger_protocol::interchain::{Follows, Handoff, HistoryPath, LeafPath, Message, MessageContent, OutboxLeaf};
use ledger_protocol::merkle::{InclusionPath, Tree};
use ledger_protocol::proof::state::{EMPTY_STATE_ROOT, StateProof, state_leaf_hash, state_node_hash, state_value_hash};
use ledger_protocol::proof::{
    AboveCheckpoint, CertifiedHead, ChangeInclusion, ConsistencyProof, HeaderProof, InputInclusion, KeyPlace,
    MessageInclusion, OlderHeader, RecordVersion, ShownInput, StateInclusion, Target,
};
use ledger_protocol::suite::SecretKey;
use ledger_protocol::transaction::{
    Change, ChangeKind, EventRecord, IndexRange, Receipt, SigningPolicy, StateContent, StateKey, StateValue, Value,
    state_tree_key,
};
use ledger_protocol::{
    AccountName, ChainId, Code, Hash, Height, LedgerId, Round, Sequence, Suite, TimestampMs, Version,
};
use std::collections::BTreeMap;

pub const START_MS: u64 = 1_700_000_000_000;

/// A validator set with the keys behind it, in set order.
#[derive(Clone)]
pub struct KeySet {
    pub set: ValidatorSet,
    pub keys: Vec<SecretKey>,
}

pub fn key(suite: Suite, seed: u8, index: u8) -> SecretKey {
    let mut bytes = [seed; 32];
    bytes[0] = index.wrapping_add(1);
    SecretKey::from_seed(suite, bytes)
}

impl KeySet {
    pub fn new(suite: Suite, seed: u8, size: u8) -> Self {
        let mut keys: Vec<SecretKey> = (0..size).map(|index| key(suite, seed, index)).collect();
        keys.sort_by_key(SecretKey::public_key);
        let validators = keys
            .iter()
            .enumerate()
            .map(|(index, key)| Validator {
                public_key: key.public_key(),
                power: 1,
                organisation: Text::new(format!("org-{index}")).unwrap(),
                network_key_hash: Hash([seed; 32]),
            })
            .collect();
        Self { set: ValidatorSet::new(suite, validators).unwrap(), keys }
    }

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

    pub fn certify(&self, header: &Header, kind: CertificateKind) -> FinalityCertificate {
        self.certify_by(header, kind, quorum(kind, self.set.total_power()) as usize)
    }
}

pub fn place(ledger: u32, account: &str, key: &[u8]) -> KeyPlace {
    KeyPlace {
        ledger: LedgerId(ledger),
        account: AccountName::new(account).unwrap(),
        key: StateKey::new(key.to_vec()).unwrap(),
    }
}

pub fn plain(bytes: &[u8]) -> StateContent {
    StateContent::Plain(Value::new(bytes.to_vec()).unwrap())
}

pub type State = BTreeMap<KeyPlace, StateValue>;

/// What one block does.
#[derive(Default)]
pub struct Content {
    pub inputs: Vec<(Input, Vec<Code>)>,
    pub writes: Vec<(KeyPlace, Option<StateContent>)>,
    pub prunes: Vec<KeyPlace>,
    pub events: Vec<EventRecord>,
    pub messages: Vec<(ChainId, Vec<MessageContent>)>,
    pub next: Option<KeySet>,
}

impl Content {
    pub fn write(mut self, place: KeyPlace, content: StateContent) -> Self {
        self.writes.push((place, Some(content)));
        self
    }

    pub fn record<T: BorshSerialize>(self, account: &str, key: &StateKey, record: &T) -> Self {
        self.write(place(0, account, key), plain(&encode(record)))
    }

    pub fn delete(mut self, place: KeyPlace) -> Self {
        self.writes.push((place, None));
        self
    }

    pub fn send(mut self, to: ChainId, content: MessageContent) -> Self {
        match self.messages.iter_mut().find(|(peer, _)| *peer == to) {
            Some((_, list)) => list.push(content),
            None => self.messages.push((to, vec![content])),
        }
        self
    }
}

/// One block as an archive keeps it, with the state at its end.
#[derive(Clone)]
pub struct Stored {
    pub header: Header,
    pub certificate: Option<FinalityCertificate>,
    pub inputs: Vec<Input>,
    pub receipts: Vec<Receipt>,
    pub changes: Vec<Change>,
    pub contents: BTreeMap<(KeyPlace, Version), StateContent>,
    pub events: Vec<EventRecord>,
    pub outbox: Vec<(OutboxLeaf, Vec<Message>)>,
    pub ledgers: Vec<LedgerLeaf>,
    pub state: State,
}

#[derive(Clone)]
pub struct TestChain {
    pub id: ChainId,
    pub kind: CertificateKind,
    pub genesis: Genesis,
    pub current: KeySet,
    pub sets: BTreeMap<Hash, KeySet>,
    pub blocks: Vec<Stored>,
    pub next_sequence: BTreeMap<ChainId, u64>,
}

pub fn genesis(suite: Suite, seed: u8, keys: &KeySet) -> Genesis {
    Genesis {
        suite,
        kind: CertificateKind::Bft,
        role: ChainRole::Relay {
            members: SigningPolicy::any(),
            approvals: SigningPolicy::any(),
            accepts_dev_chains: false,
        },
        salt: [seed; 32],
        name: Text::new(format!("chain-{seed}")).unwrap(),
        timestamp_ms: TimestampMs(START_MS),
        validators: keys.set.clone(),
        parameters: Parameters::relay(),
        ledgers: SortedVec::new(
            (0..3)
                .map(|ledger| LedgerGenesis {
                    ledger: LedgerId(ledger),
                    name: Text::new(format!("ledger-{ledger}")).unwrap(),
                    grants: SortedVec::default(),
                })
                .collect(),
        )
        .unwrap(),
        operations: Bounded::empty(),
    }
}

fn leaves<T: BorshSerialize>(items: &[T]) -> Vec<Vec<u8>> {
    items.iter().map(encode).collect()
}

fn counted<T: BorshSerialize>(suite: Suite, items: &[T]) -> CountedRoot {
    CountedRoot { root: Tree::new(suite, &leaves(items)).root(), count: items.len() as u32 }
}

pub fn path<T: BorshSerialize>(suite: Suite, items: &[T], index: usize) -> InclusionPath {
    Tree::new(suite, &leaves(items)).path(index as u64).unwrap()
}

impl TestChain {
    pub fn new(suite: Suite, seed: u8) -> Self {
        let current = KeySet::new(suite, seed, 4);
        let genesis = genesis(suite, seed, &current);
        let ledgers = ledger_leaves(suite, &genesis, &State::new(), &[]);
        let empty = counted::<Hash>(suite, &[]);
        let header = genesis.header(empty, counted(suite, &ledgers));
        let mut chain = Self {
            id: genesis.chain_id(),
            kind: genesis.kind,
            genesis,
            sets: BTreeMap::new(),
            current: current.clone(),
            blocks: vec![Stored {
                header,
                certificate: None,
                inputs: Vec::new(),
                receipts: Vec::new(),
                changes: Vec::new(),
                contents: BTreeMap::new(),
                events: Vec::new(),
                outbox: Vec::new(),
                ledgers,
                state: State::new(),
            }],
            next_sequence: BTreeMap::new(),
        };
        chain.remember(current);
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

    pub fn checkpoint(&self, height: Height) -> Checkpoint {
        Checkpoint::at(self.header(height), self.kind)
    }

    pub fn set_of(&self, hash: &Hash) -> &ValidatorSet {
        &self.sets[hash].set
    }

    pub fn empty(&mut self, blocks: usize) -> Height {
        for _ in 0..blocks {
            self.append(Content::default());
        }
        self.tip()
    }

    pub fn append(&mut self, content: Content) -> Height {
        let suite = self.suite();
        let last = self.blocks.last().unwrap();
        let height = self.blocks.len() as u64;
        let mut state = last.state.clone();
        let mut changes = Vec::new();
        let mut contents = BTreeMap::new();
        for (place, content) in content.writes {
            let version = state.get(&place).map_or(Version(0), |value| value.version.next().unwrap());
            let kind = if content.is_some() { ChangeKind::Set } else { ChangeKind::Delete };
            let value = StateValue { version, content: content.unwrap_or(StateContent::Tombstone) };
            changes.push(change(&place, version, kind, value.value_hash(suite)));
            contents.insert((place.clone(), version), value.content.clone());
            state.insert(place, value);
        }
        for place in content.prunes {
            let version = state.remove(&place).unwrap().version.next().unwrap();
            changes.push(change(&place, version, ChangeKind::Prune, Hash::ZERO));
        }
        changes.sort_by_key(ledger_protocol::codec::Ordered::key);
        let receipts: Vec<Receipt> = content
            .inputs
            .iter()
            .map(|(input, codes)| Receipt {
                input: input.hash(suite),
                codes: Bounded::new(codes.clone()).unwrap(),
                fuel: 7,
                changes: 1,
                events: IndexRange::default(),
                result_hash: Hash([3; 32]),
            })
            .collect();
        let inputs: Vec<Input> = content.inputs.into_iter().map(|(input, _)| input).collect();
        let input_leaves: Vec<_> = inputs.iter().map(|input| input.leaf(suite)).collect();
        let mut outbox = Vec::new();
        for (peer, list) in content.messages {
            let first = *self.next_sequence.entry(peer).or_default();
            let messages: Vec<Message> = (first..)
                .zip(&list)
                .map(|(sequence, content)| Message {
                    source: self.id,
                    destination: peer,
                    sequence: Sequence(sequence),
                    payload: BoundedBytes::new(content.to_payload()).unwrap(),
                })
                .collect();
            self.next_sequence.insert(peer, first + messages.len() as u64);
            let leaf = OutboxLeaf {
                peer,
                first: Sequence(first),
                count: messages.len() as u32,
                received: Sequence(0),
                reanchored: 0,
                follows: Follows { height_on_peer: Height(0), header_hash_on_peer: peer.suite.foreign(Hash([9; 32])) },
                messages_root: Tree::new(suite, &leaves(&messages)).root(),
            };
            outbox.push((leaf, messages));
        }
        outbox.sort_by_key(|(leaf, _)| leaf.peer);
        let outbox_leaves: Vec<OutboxLeaf> = outbox.iter().map(|(leaf, _)| *leaf).collect();
        let ledgers = ledger_leaves(suite, &self.genesis, &state, &last.ledgers);
        let validators_hash = self.current.set.hash(suite);
        let next_validators_hash = content.next.as_ref().map_or(validators_hash, |keys| keys.set.hash(suite));
        let parameters = self.genesis.parameters.hash(suite);
        let header = Header {
            version: Parameters::PROTOCOL_VERSION,
            chain: self.id,
            height: Height(height),
            round: Round(0),
            timestamp_ms: TimestampMs(START_MS + height * 200),
            parent: last.header.hash(),
            proposer: self.current.set.validators()[height as usize % self.current.set.len()].address(),
            transactions: counted(suite, &input_leaves),
            receipts: counted(suite, &receipts).root,
            changes: counted(suite, &changes),
            events: counted(suite, &content.events),
            outbox: counted(suite, &outbox_leaves),
            ledgers: counted(suite, &ledgers),
            history: self.history(height as usize).root(),
            validators_hash,
            next_validators_hash,
            parameters_hash: parameters,
            next_parameters_hash: parameters,
        };
        let certificate = Some(self.current.certify(&header, self.kind));
        self.blocks.push(Stored {
            header,
            certificate,
            inputs,
            receipts,
            changes,
            contents,
            events: content.events,
            outbox,
            ledgers,
            state,
        });
        if let Some(keys) = content.next {
            self.remember(keys.clone());
            self.current = keys;
        }
        self.tip()
    }

    pub fn history(&self, size: usize) -> Tree {
        let hashes: Vec<[u8; 32]> = self.blocks[..size].iter().map(|block| block.header.hash().0).collect();
        Tree::new(self.suite(), &hashes)
    }

    pub fn history_path(&self, older: Height, newer: Height) -> HistoryPath {
        self.history(newer.0 as usize).path(older.0).unwrap()
    }

    pub fn older(&self, older: Height, newer: Height) -> OlderHeader {
        OlderHeader { header: self.header(older).clone(), path: self.history_path(older, newer) }
    }

    pub fn handoff(&self, trusted: Height, height: Height) -> Handoff {
        let header = self.header(height).clone();
        Handoff {
            source: self.id,
            certificate: self.block(height).certificate.clone().unwrap(),
            trusted_path: self.history_path(trusted, height),
            next_validators: self.set_of(&header.next_validators_hash).clone(),
            header,
        }
    }

    /// The proof of `target` from the checkpoint at `from`, by the shortest way.
    pub fn header_proof(&self, from: Height, target: Height) -> HeaderProof {
        match target.cmp(&from) {
            std::cmp::Ordering::Equal => HeaderProof::Checkpoint { header: Box::new(self.header(target).clone()) },
            std::cmp::Ordering::Less => HeaderProof::Below {
                checkpoint: Box::new(self.header(from).clone()),
                older: Box::new(self.older(target, from)),
            },
            std::cmp::Ordering::Greater => self.header_proof_through(from, target, target),
        }
    }

    /// The proof of `target` under the certified `head`, which is above the checkpoint.
    pub fn header_proof_through(&self, from: Height, head: Height, target: Height) -> HeaderProof {
        let mut handoffs = Vec::new();
        let mut trusted = from;
        for height in (from.0 + 1)..=head.0 {
            if self.header(Height(height)).is_handoff() {
                handoffs.push(self.handoff(trusted, Height(height)));
                trusted = Height(height);
            }
        }
        let certified = if trusted == head {
            CertifiedHead::Handoff
        } else {
            CertifiedHead::New {
                header: Box::new(self.header(head).clone()),
                certificate: self.block(head).certificate.clone().unwrap(),
                trusted_path: self.history_path(trusted, head),
            }
        };
        let target = if target == head { Target::Head } else { Target::Older(Box::new(self.older(target, head))) };
        HeaderProof::Above(Box::new(AboveCheckpoint {
            validators: self.set_of(&self.header(from).next_validators_hash).clone(),
            handoffs: Bounded::new(handoffs).unwrap(),
            head: certified,
            target,
        }))
    }

    pub fn input_inclusion(&self, height: Height, index: usize, whole: bool) -> InputInclusion {
        let block = self.block(height);
        let leaves: Vec<_> = block.inputs.iter().map(|input| input.leaf(self.suite())).collect();
        InputInclusion {
            index: index as u32,
            input: if whole {
                ShownInput::Whole(Box::new(block.inputs[index].clone()))
            } else {
                ShownInput::Leaf(leaves[index].clone())
            },
            input_path: path(self.suite(), &leaves, index),
            receipt: block.receipts[index].clone(),
            receipt_path: path(self.suite(), &block.receipts, index),
        }
    }

    pub fn change_at(&self, height: Height, index: usize) -> ChangeInclusion {
        let changes = &self.block(height).changes;
        ChangeInclusion {
            index: index as u32,
            change: changes[index].clone(),
            path: path(self.suite(), changes, index),
        }
    }

    /// Index of the last change of a key in a block.
    pub fn change_index(&self, height: Height, place: &KeyPlace) -> usize {
        self.block(height).changes.iter().rposition(|change| KeyPlace::of(change) == *place).unwrap()
    }

    pub fn record_version(&self, height: Height, place: &KeyPlace) -> RecordVersion {
        let index = self.change_index(height, place);
        let inclusion = self.change_at(height, index);
        let version = inclusion.change.version;
        let StateContent::Plain(value) = &self.block(height).contents[&(place.clone(), version)] else { panic!() };
        RecordVersion { index: inclusion.index, version, value: value.clone(), path: inclusion.path }
    }

    pub fn state_inclusion(&self, height: Height, place: &KeyPlace) -> StateInclusion {
        let block = self.block(height);
        let index = block.ledgers.iter().position(|leaf| leaf.ledger == place.ledger).unwrap();
        StateInclusion {
            ledger: block.ledgers[index].clone(),
            index: index as u32,
            path: path(self.suite(), &block.ledgers, index),
            state: state_proof(self.suite(), &block.state, place),
        }
    }

    pub fn message_inclusion(&self, height: Height, peer: &ChainId, offset: usize) -> MessageInclusion {
        let outbox = &self.block(height).outbox;
        let index = outbox.iter().position(|(leaf, _)| leaf.peer == *peer).unwrap();
        let leaves: Vec<OutboxLeaf> = outbox.iter().map(|(leaf, _)| *leaf).collect();
        let (leaf, messages) = &outbox[index];
        MessageInclusion {
            leaf: LeafPath { leaf: *leaf, index: index as u32, path: path(self.suite(), &leaves, index) },
            message: messages[offset].clone(),
            path: path(self.suite(), messages, offset),
        }
    }

    pub fn consistency(&self, older: Height, newer: Height) -> ConsistencyProof {
        let consistency = if older == Height(0) {
            Default::default()
        } else {
            self.history(newer.0 as usize).consistency(older.0).unwrap()
        };
        ConsistencyProof {
            older: Box::new(self.header(older).clone()),
            newer: Box::new(self.header(newer).clone()),
            path: self.history_path(older, newer),
            consistency,
        }
    }
}

fn change(place: &KeyPlace, version: Version, kind: ChangeKind, value_hash: Hash) -> Change {
    Change { ledger: place.ledger, account: place.account.clone(), key: place.key.clone(), version, kind, value_hash }
}

fn ledger_leaves(suite: Suite, genesis: &Genesis, state: &State, before: &[LedgerLeaf]) -> Vec<LedgerLeaf> {
    genesis
        .ledgers
        .iter()
        .map(|ledger| {
            let state_root = state_root(suite, &state_leaves(suite, state, ledger.ledger), 0);
            let last = before.iter().find(|leaf| leaf.ledger == ledger.ledger);
            let state_version = last.map_or(0, |leaf| leaf.state_version + u64::from(leaf.state_root != state_root));
            LedgerLeaf { ledger: ledger.ledger, state_version, state_root, settings_hash: ledger.settings_hash(suite) }
        })
        .collect()
}

/// (key hash, value hash) of a ledger, ascending.
fn state_leaves(suite: Suite, state: &State, ledger: LedgerId) -> Vec<(Hash, Hash)> {
    let mut leaves: Vec<(Hash, Hash)> = state
        .iter()
        .filter(|(place, _)| place.ledger == ledger)
        .map(|(place, value)| (state_tree_key(suite, &place.account, &place.key), state_value_hash(suite, value)))
        .collect();
    leaves.sort();
    leaves
}

fn bit(hash: &Hash, index: usize) -> bool {
    (hash.0[index / 8] >> (7 - index % 8)) & 1 == 1
}

fn state_root(suite: Suite, leaves: &[(Hash, Hash)], depth: usize) -> Hash {
    match leaves {
        [] => EMPTY_STATE_ROOT,
        [(key, value)] => state_leaf_hash(suite, key, value),
        _ => {
            let split = leaves.partition_point(|(key, _)| !bit(key, depth));
            let (left, right) = leaves.split_at(split);
            state_node_hash(suite, &state_root(suite, left, depth + 1), &state_root(suite, right, depth + 1))
        }
    }
}

pub fn state_proof(suite: Suite, state: &State, place: &KeyPlace) -> StateProof {
    let all = state_leaves(suite, state, place.ledger);
    let key = state_tree_key(suite, &place.account, &place.key);
    let mut leaves = &all[..];
    let mut siblings = Vec::new();
    while leaves.len() > 1 {
        let depth = siblings.len();
        let split = leaves.partition_point(|(key, _)| !bit(key, depth));
        let (left, right) = leaves.split_at(split);
        let (own, other) = if bit(&key, depth) { (right, left) } else { (left, right) };
        siblings.push(state_root(suite, other, depth + 1));
        leaves = own;
    }
    siblings.reverse();
    let siblings = Bounded::new(siblings).unwrap();
    match leaves {
        [] => StateProof::AbsentEmpty { siblings },
        [(found, _)] if *found == key => StateProof::Present { value: state[place].clone(), siblings },
        [(other_key_hash, other_value_hash)] => {
            StateProof::AbsentOther { other_key_hash: *other_key_hash, other_value_hash: *other_value_hash, siblings }
        }
        _ => unreachable!(),
    }
}
