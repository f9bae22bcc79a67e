//! Every field of a block, changed alone, makes it invalid.

use super::toy::{Toy, genesis, transaction, validator_key};
use crate::assemble::{BlockInputs, Executed, facts_on};
use crate::commit::prepare_genesis;
use crate::replay::{ReplayWindow, check_window};
use crate::rows::Tip;
use crate::validity::{InvalidBlock, check_block, check_fresh, compare_headers, proposer_of};
use chain_state::{MemoryStore, StateMachine, StoreWriter};
use ledger_protocol::chain::{Genesis, Header, Input, InputLeaf};
use ledger_protocol::codec::{Bounded, encode};
use ledger_protocol::transaction::Replay;
use ledger_protocol::{Address, Code, Hash, Height, Round, TimestampMs, TransactionId};
use proptest::prelude::*;
use std::sync::Arc;

struct Setup {
    genesis: Genesis,
    tip: Arc<Tip>,
    store: MemoryStore,
}

fn setup() -> Setup {
    let genesis = genesis(4);
    let delta = Toy.genesis(&genesis).unwrap().delta;
    let ledgers = crate::assemble::counted_root(genesis.suite, &delta.ledgers);
    let changes = crate::assemble::counted_root(genesis.suite, &delta.changes);
    let header = genesis.header(changes, ledgers);
    let prepared = prepare_genesis(&genesis, header, delta).unwrap();
    let mut store = MemoryStore::default();
    store.apply(&prepared.batch, true).unwrap();
    Setup { genesis, tip: prepared.tip, store }
}

impl Setup {
    fn inputs(&self, transactions: Vec<Input>) -> BlockInputs {
        BlockInputs::new(self.genesis.suite, Bounded::new(transactions).unwrap())
    }

    fn block(&self, inputs: &BlockInputs) -> Header {
        let proposer = proposer_of(&self.tip, Round(0)).unwrap();
        let facts = facts_on(&self.tip, self.genesis.chain_id(), TimestampMs(5_000), proposer);
        let execution = Toy.execute(&self.store, &facts, inputs.inputs()).unwrap();
        Executed::new(&self.tip, &facts, Round(0), inputs, execution).header
    }

    /// The judgement of a block as a replica reaches it.
    fn judge(&self, header: &Header, inputs: &BlockInputs, replay: &ReplayWindow) -> Result<(), InvalidBlock> {
        let bytes = inputs.block_bytes(header).len();
        let chain = self.genesis.chain_id();
        check_block(&chain, &self.tip, replay, header, inputs, bytes)?;
        let facts = facts_on(&self.tip, chain, header.timestamp_ms, header.proposer);
        let execution = Toy.execute(&self.store, &facts, inputs.inputs()).unwrap();
        let computed = Executed::new(&self.tip, &facts, header.round, inputs, execution).header;
        compare_headers(&computed, header)
    }

    fn transaction(&self, nonce: u64) -> Input {
        Input::Transaction(Box::new(transaction(&self.genesis, 50, b"a", 15, nonce)))
    }
}

#[test]
fn an_honest_block_is_valid_and_travels_unchanged() {
    let setup = setup();
    let inputs = setup.inputs(vec![setup.transaction(1), setup.transaction(2)]);
    let header = setup.block(&inputs);
    assert_eq!(setup.judge(&header, &inputs, &ReplayWindow::default()), Ok(()));
    let block = ledger_protocol::chain::Block {
        header: header.clone(),
        inputs: Bounded::new(inputs.inputs().to_vec()).unwrap(),
    };
    assert_eq!(encode(&block), inputs.block_bytes(&header));
    assert_eq!(BlockInputs::of_block(block), Some((header, inputs)));
}

type Change = Box<dyn Fn(&mut Header)>;

#[test]
fn every_header_field_changed_alone_makes_the_block_invalid() {
    let setup = setup();
    let inputs = setup.inputs(vec![setup.transaction(1)]);
    let header = setup.block(&inputs);
    let other = Hash([0xee; 32]);
    let changes: Vec<(&str, Change)> = vec![
        ("version", Box::new(|header| header.version += 1)),
        ("chain", Box::new(move |header| header.chain.hash = other)),
        ("height", Box::new(|header| header.height = Height(2))),
        ("round", Box::new(|header| header.round = Round(1))),
        ("timestamp", Box::new(|header| header.timestamp_ms = TimestampMs(1_000))),
        ("parent", Box::new(move |header| header.parent = other)),
        ("proposer", Box::new(|header| header.proposer = validator_key(9).address())),
        ("transactions root", Box::new(move |header| header.transactions.root = other)),
        ("transactions count", Box::new(|header| header.transactions.count += 1)),
        ("receipts", Box::new(move |header| header.receipts = other)),
        ("changes root", Box::new(move |header| header.changes.root = other)),
        ("changes count", Box::new(|header| header.changes.count += 1)),
        ("events root", Box::new(move |header| header.events.root = other)),
        ("events count", Box::new(|header| header.events.count += 1)),
        ("outbox root", Box::new(move |header| header.outbox.root = other)),
        ("outbox count", Box::new(|header| header.outbox.count += 1)),
        ("ledgers root", Box::new(move |header| header.ledgers.root = other)),
        ("ledgers count", Box::new(|header| header.ledgers.count += 1)),
        ("history", Box::new(move |header| header.history = other)),
        ("validators", Box::new(move |header| header.validators_hash = other)),
        ("next validators", Box::new(move |header| header.next_validators_hash = other)),
        ("parameters", Box::new(move |header| header.parameters_hash = other)),
        ("next parameters", Box::new(move |header| header.next_parameters_hash = other)),
    ];
    for (field, change) in changes {
        let mut changed = header.clone();
        change(&mut changed);
        assert!(setup.judge(&changed, &inputs, &ReplayWindow::default()).is_err(), "{field} may be changed");
    }
}

#[test]
fn inputs_are_unique_fresh_and_within_limits() {
    let setup = setup();
    let none = ReplayWindow::default();
    let twice = setup.inputs(vec![setup.transaction(1), setup.transaction(1)]);
    assert!(matches!(setup.judge(&setup.block(&twice), &twice, &none), Err(InvalidBlock::Input { index: 1, .. })));

    let once = setup.inputs(vec![setup.transaction(1)]);
    let mut replay = ReplayWindow::default();
    replay.insert(Height(0), once.leaves());
    assert!(matches!(setup.judge(&setup.block(&once), &once, &replay), Err(InvalidBlock::Input { index: 0, .. })));

    for valid_until in [0, 22] {
        let input = Input::Transaction(Box::new(transaction(&setup.genesis, 50, b"a", valid_until, 1)));
        let outside = setup.inputs(vec![input]);
        assert!(setup.judge(&setup.block(&outside), &outside, &none).is_err(), "valid until {valid_until}");
    }
    let Input::Transaction(mut unsigned) = setup.transaction(1) else { panic!("a transaction") };
    unsigned.signatures = ledger_protocol::codec::SortedVec::default();
    let unsigned = setup.inputs(vec![Input::Transaction(unsigned)]);
    assert!(setup.judge(&setup.block(&unsigned), &unsigned, &none).is_err());

    let mut few = Tip::clone(&setup.tip);
    few.next_parameters.max_block_transactions = 1;
    let two = setup.inputs(vec![setup.transaction(1), setup.transaction(2)]);
    let header = setup.block(&two);
    let judged = check_block(&setup.genesis.chain_id(), &few, &none, &header, &two, 10);
    assert!(matches!(judged, Err(InvalidBlock::Limit { what: "inputs", .. })));
    let judged = check_block(&setup.genesis.chain_id(), &setup.tip, &none, &header, &two, 5 << 20);
    assert!(matches!(judged, Err(InvalidBlock::Limit { what: "block bytes", .. })));
}

fn advance(setup: &Setup, source: u8) -> Input {
    use ledger_protocol::interchain::{Advance, Follows, Head, LeafPath, OutboxLeaf};
    let chain = ledger_protocol::ChainId { hash: Hash([source; 32]), ..setup.genesis.chain_id() };
    let follows =
        Follows { height_on_peer: Height(1), header_hash_on_peer: setup.genesis.suite.foreign(Hash([source; 32])) };
    let leaf = OutboxLeaf {
        peer: setup.genesis.chain_id(),
        first: ledger_protocol::Sequence(0),
        count: 0,
        received: ledger_protocol::Sequence(0),
        reanchored: 0,
        follows,
        messages_root: Hash([source; 32]),
    };
    let head = Head::Known { header: setup.tip.header.clone() };
    let path = ledger_protocol::merkle::InclusionPath::default();
    let leaf = LeafPath { leaf, index: 0, path };
    Input::Advance(Box::new(Advance { source: chain, head, leaf, blocks: Bounded::empty() }))
}

fn handoff(setup: &Setup, source: u8, height: u64) -> Input {
    use ledger_protocol::chain::{FinalityCertificate, SignerBitmap};
    let chain = ledger_protocol::ChainId { hash: Hash([source; 32]), ..setup.genesis.chain_id() };
    let header = Header { height: Height(height), ..setup.tip.header.clone() };
    let certificate = FinalityCertificate {
        kind: setup.genesis.kind,
        chain,
        height: Height(height),
        round: Round(0),
        header_hash: header.hash(),
        signers: SignerBitmap::new(4, []),
        signatures: Bounded::empty(),
    };
    let trusted_path = ledger_protocol::merkle::InclusionPath::default();
    let next_validators = setup.genesis.validators.clone();
    Input::Handoff(Box::new(ledger_protocol::interchain::Handoff {
        source: chain,
        header,
        certificate,
        trusted_path,
        next_validators,
    }))
}

#[test]
fn sections_stand_in_order_and_every_source_in_one_piece() {
    let setup = setup();
    let check = |inputs: Vec<Input>| {
        let inputs = setup.inputs(inputs);
        let mut header = setup.block(&setup.inputs(Vec::new()));
        header.transactions = inputs.root();
        check_block(&setup.genesis.chain_id(), &setup.tip, &ReplayWindow::default(), &header, &inputs, 100)
    };
    let (a, b) = (advance(&setup, 1), advance(&setup, 2));
    let (first, second) = (handoff(&setup, 1, 3), handoff(&setup, 1, 4));
    let transaction = setup.transaction(1);
    assert_eq!(check(vec![first.clone(), second.clone(), a.clone(), b.clone(), transaction.clone()]), Ok(()));
    assert_eq!(check(vec![b.clone(), first.clone(), a.clone()]), Ok(()));
    let invalid = |inputs, at| {
        let judged = check(inputs);
        assert!(matches!(judged, Err(InvalidBlock::Input { index, .. }) if index == at), "{judged:?}");
    };
    invalid(vec![transaction, a.clone()], 1);
    invalid(vec![a.clone(), first.clone()], 1);
    invalid(vec![first, b, second], 2);
    invalid(vec![a.clone(), a], 1);
}

#[test]
fn only_a_fresh_block_is_judged_by_round_and_clock() {
    let setup = setup();
    let header = setup.block(&setup.inputs(Vec::new()));
    assert!(check_fresh(&setup.tip, &header, Round(0), TimestampMs(7_000)).is_ok());
    assert!(check_fresh(&setup.tip, &header, Round(0), TimestampMs(3_000)).is_ok());
    assert!(check_fresh(&setup.tip, &header, Round(0), TimestampMs(7_001)).is_err());
    assert!(check_fresh(&setup.tip, &header, Round(0), TimestampMs(2_999)).is_err());
    assert!(check_fresh(&setup.tip, &header, Round(1), TimestampMs(5_000)).is_err());
}

#[test]
fn every_round_has_the_proposer_of_the_stored_order() {
    let setup = setup();
    let all: Vec<Option<Address>> = (0..4).map(|round| proposer_of(&setup.tip, Round(round))).collect();
    for (round, proposer) in all.iter().enumerate() {
        assert_eq!(proposer_of(&setup.tip, Round(round as u32 + 4)), *proposer);
        assert_eq!(all.iter().filter(|other| *other == proposer).count(), 1);
    }
}

proptest! {
    #[test]
    fn the_replay_window_is_the_ids_of_exactly_the_last_blocks(
        blocks in proptest::collection::vec(0u8..6, 1..60),
        window in 1u32..30,
    ) {
        let mut parameters = genesis(1).parameters;
        parameters.replay_window_blocks = window;
        let mut replay = ReplayWindow::default();
        let id = |height: u64, index: u8| TransactionId(Hash([height as u8, index, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
            1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]));
        for (height, count) in blocks.iter().enumerate() {
            let height = height as u64 + 1;
            let leaves: Vec<InputLeaf> = (0..*count)
                .map(|index| InputLeaf::Signed { id: id(height, index), signatures_hash: Hash([3; 32]) })
                .collect();
            replay.insert(Height(height), &leaves);
            replay.prune(Height(height + 1), &parameters);
        }
        let next = blocks.len() as u64 + 1;
        for (height, count) in blocks.iter().enumerate() {
            let height = height as u64 + 1;
            for index in 0..*count {
                let expected = height + u64::from(window) >= next;
                prop_assert_eq!(replay.contains(&id(height, index), Height(next), &parameters), expected);
            }
        }
    }

    #[test]
    fn a_window_is_open_from_its_start_to_its_end(next in 1u64..100, valid_until in 0u64..200, window in 1u32..50) {
        let mut parameters = genesis(1).parameters;
        parameters.replay_window_blocks = window;
        let replay = Replay::Window { valid_until: Height(valid_until), nonce: 0 };
        let open = next <= valid_until && valid_until <= next + u64::from(window);
        let checked = check_window(&replay, Height(next), &parameters);
        prop_assert_eq!(checked.is_ok(), open);
        prop_assert!(open || checked.is_err_and(|(code, _)| code == Code::WINDOW));
    }
}

#[test]
fn another_source_comes_first_in_every_block_and_its_lane_keeps_its_order() {
    use crate::mempool::{Budget, Mempool, PoolEntry, PoolLimits};
    let setup = setup();
    let mut pool = Mempool::new(PoolLimits::default());
    let mut put = |input: Input, source: u8, order: u64| {
        let (leaf, hash) = (input.leaf(setup.genesis.suite), input.hash(setup.genesis.suite));
        let admission = chain_state::Admission {
            section: ledger_protocol::chain::Section::Interchain,
            dedupe_key: encode(&hash),
            rank: (0, 0),
            lane: vec![source],
            order,
            is_work: false,
        };
        let bytes = encode(&input).len();
        pool.insert(PoolEntry { input: Arc::new(input), leaf, hash, bytes, admission }).unwrap();
        bytes
    };
    let advance_bytes = put(advance(&setup, 1), 1, u64::MAX);
    let handoff_bytes = put(handoff(&setup, 1, 4), 1, 4);
    put(handoff(&setup, 1, 3), 1, 3);
    put(advance(&setup, 2), 2, u64::MAX);
    assert!(!pool.has_work(), "an Advance without a list is no reason for a block");
    let select = |height: u64, bytes: usize| -> Vec<Hash> {
        let budget = Budget { height: Height(height), count: 10, bytes, system_bytes: bytes / 4 };
        pool.select(&budget).into_iter().map(|chosen| chosen.hash).collect()
    };
    let hash = |input: Input| input.hash(setup.genesis.suite);
    let lane = [hash(handoff(&setup, 1, 3)), hash(handoff(&setup, 1, 4)), hash(advance(&setup, 1))];
    let other = hash(advance(&setup, 2));
    assert_eq!(select(2, 1 << 20), [lane.as_slice(), &[other]].concat());
    assert_eq!(select(3, 1 << 20), [&[other], lane.as_slice()].concat());
    // The quarter holds nothing, yet the first of the lane goes in: no lane stalls for good.
    assert_eq!(select(2, handoff_bytes + advance_bytes), vec![lane[0]]);
}
