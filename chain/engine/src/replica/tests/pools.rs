//! The messages that are put together by hand decode as what they stand for.

use super::toy::{genesis, transaction};
use crate::wire::{BlockMessage, Gossip, LogEntry};
use ledger_protocol::chain::{Block, Input};
use ledger_protocol::codec::{Bounded, decode, encode};
use ledger_protocol::{Hash, Round};

#[test]
fn hand_made_encodings_are_those_of_their_types() {
    let genesis = genesis(1);
    let empty = crate::assemble::counted_root::<Input>(genesis.suite, &[]);
    let block = Block { header: genesis.header(empty, empty), inputs: Bounded::empty() };
    let body = encode(&block);
    let (round, valid_round) = (Round(3), Some(Round(1)));

    let proposed = [encode(&(1u8, round, valid_round)), body.clone()].concat();
    let expected = BlockMessage::Proposed { round, valid_round, block: Box::new(block.clone()) };
    assert_eq!(decode::<BlockMessage>(&proposed, usize::MAX).unwrap(), expected);
    assert_eq!(encode(&expected), proposed);

    let logged = [encode(&(1u8, true, round, valid_round)), body].concat();
    let expected = LogEntry::Body { built_here: true, round, valid_round, block: Box::new(block.clone()) };
    assert_eq!(encode(&expected), logged);

    let proposals = Bounded::new(vec![(round, valid_round), (Round(0), None)]).unwrap();
    let answer = BlockMessage::Answer { proposals, block: Box::new(block) };
    let bytes = encode(&answer);
    assert_eq!(decode::<BlockMessage>(&bytes, usize::MAX).unwrap(), answer);
    let entry = LogEntry::Proposed { header_hash: Hash([1; 32]), round, valid_round };
    assert_eq!(decode::<LogEntry>(&encode(&entry), usize::MAX).unwrap(), entry);

    let inputs = vec![Input::Transaction(Box::new(transaction(&genesis, 1, b"a", 5, 1)))];
    let by_hand = [encode(&1u32), encode(&inputs[0])].concat();
    assert_eq!(decode::<Gossip>(&by_hand, usize::MAX).unwrap().to_vec(), inputs);
}
