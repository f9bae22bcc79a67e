//! Rule R9: what an Advance may look like.

use super::synthetic::{KeySet, SyntheticChain, chain_id, leaf_of};
use ledger_protocol::codec::{Bounded, BoundedBytes, encode};
use ledger_protocol::interchain::{Advance, DeliveredBlock, Head, LeafPath, MAX_LIST_BYTES, Message, OutboxLeaf};
use ledger_protocol::merkle::{InclusionPath, MerkleError};
use ledger_protocol::proof::client::{ClientError, VerifiedAdvance, verify_advance, verify_handoff, verify_list};
use ledger_protocol::{ChainId, Hash, Height, Sequence, Suite};

const STEP_MS: u64 = 3_000;

fn receiver() -> ChainId {
    chain_id(Suite::Standard, 200)
}

fn other() -> ChainId {
    chain_id(Suite::Standard, 201)
}

/// Heights 1..=6 with 2, 0, 3, 1, 0, 2 messages for the receiver (sequences 0-1, 2-4, 5, 6-7) and some for another.
fn source() -> SyntheticChain {
    let mut chain = SyntheticChain::new(Suite::Standard, 1);
    for count in [2, 0, 3, 1, 0, 2] {
        chain.produce(&[(receiver(), count), (other(), 2)]);
    }
    chain
}

fn judge(chain: &SyntheticChain, trusted: u64, next: u64, advance: &Advance) -> Result<VerifiedAdvance, ClientError> {
    verify_advance(&chain.trusted(Height(trusted)), Sequence(next), &receiver(), advance, STEP_MS)
}

fn advance(chain: &SyntheticChain, trusted: u64, head: u64, blocks: &[u64]) -> Advance {
    let blocks: Vec<Height> = blocks.iter().copied().map(Height).collect();
    chain.advance(Height(trusted), Height(head), &receiver(), &blocks)
}

fn with_blocks(advance: &Advance, change: impl FnOnce(&mut Vec<DeliveredBlock>)) -> Advance {
    let mut blocks = advance.blocks.to_vec();
    change(&mut blocks);
    Advance { blocks: Bounded::new(blocks).unwrap(), ..advance.clone() }
}

#[test]
fn rule_r9_an_honest_advance_delivers_all_messages_in_order() {
    let chain = source();
    let verified = judge(&chain, 0, 0, &advance(&chain, 0, 6, &[1, 3, 4, 6])).unwrap();
    assert_eq!(verified.messages.iter().map(|m| m.sequence.0).collect::<Vec<_>>(), (0..8).collect::<Vec<_>>());
    assert_eq!(verified.next_expected, Sequence(8));
    assert_eq!(verified.new_trusted, Some(chain.trusted(Height(6))));
    assert_eq!(verified.leaf, chain.leaf_path(Height(6), &receiver()).leaf);
}

#[test]
fn rule_r9_part_of_what_waits_may_be_delivered_whole_blocks_at_a_time() {
    let chain = source();
    let mut next = 0;
    for (trusted, head, blocks) in [(0, 4, vec![1]), (4, 6, vec![3, 4]), (6, 6, vec![6])] {
        let verified = judge(&chain, trusted, next, &advance(&chain, trusted, head, &blocks)).unwrap();
        assert_eq!(verified.new_trusted.is_none(), trusted == head);
        next = verified.next_expected.0;
    }
    assert_eq!(next, 8);
}

#[test]
fn rule_r9_a_skipped_list_is_a_gap() {
    let chain = source();
    for blocks in [vec![3, 4, 6], vec![1, 4, 6], vec![1, 3, 6], vec![6]] {
        let result = judge(&chain, 0, 0, &advance(&chain, 0, 6, &blocks));
        assert!(matches!(result, Err(ClientError::Gap { .. })), "{blocks:?}: {result:?}");
    }
}

#[test]
fn rule_r9_reordered_or_repeated_blocks_are_refused() {
    let chain = source();
    for blocks in [vec![3, 1], vec![1, 1], vec![1, 3, 3, 4], vec![1, 4, 3]] {
        let result = judge(&chain, 0, 0, &advance(&chain, 0, 6, &blocks));
        assert!(matches!(result, Err(ClientError::Gap { .. } | ClientError::Order(_))), "{blocks:?}: {result:?}");
    }
    let honest = advance(&chain, 0, 6, &[1, 3, 4, 6]);
    let result = judge(&chain, 0, 0, &with_blocks(&honest, |blocks| blocks.rotate_right(1)));
    assert!(matches!(result, Err(ClientError::Gap { .. } | ClientError::Order(_))), "{result:?}");
    let twice = with_blocks(&honest, |blocks| blocks.push(blocks[3].clone()));
    assert!(matches!(judge(&chain, 0, 0, &twice), Err(ClientError::Order(_))));
}

#[test]
fn rule_r9_a_duplicate_delivery_is_a_gap_and_never_a_second_message() {
    let chain = source();
    let honest = advance(&chain, 6, 6, &[1, 3]);
    assert!(judge(&chain, 6, 0, &honest).is_ok());
    for next in 1..9 {
        assert!(matches!(judge(&chain, 6, next, &honest), Err(ClientError::Gap { .. })), "{next}");
    }
}

#[test]
fn rule_r9_a_truncated_lengthened_or_changed_list_is_refused() {
    let chain = source();
    type Change<'a> = &'a dyn Fn(&mut Vec<Message>);
    let honest = advance(&chain, 0, 6, &[1, 3]);
    let mutate = |change: Change<'_>| {
        let mutated = with_blocks(&honest, |blocks| {
            let DeliveredBlock::Older { messages, .. } = &mut blocks[1] else { unreachable!() };
            let mut list = messages.to_vec();
            change(&mut list);
            *messages = Bounded::new(list).unwrap();
        });
        judge(&chain, 0, 0, &mutated)
    };
    assert!(mutate(&|_| ()).is_ok());
    let changes: [Change<'_>; 8] = [
        &|list| list.truncate(2),
        &|list| list.clear(),
        &|list| list.push(list[0].clone()),
        &|list| list.swap(0, 1),
        &|list| list[1] = list[0].clone(),
        &|list| list[1].payload = BoundedBytes::new(vec![9]).unwrap(),
        &|list| list[1].destination = other(),
        &|list| list[1].source = other(),
    ];
    for (index, change) in changes.iter().enumerate() {
        let result = mutate(change);
        assert!(matches!(result, Err(ClientError::List(_))), "change {index}: {result:?}");
    }
}

#[test]
fn rule_r9_running_ahead_without_the_next_list_is_refused() {
    let chain = source();
    let result = judge(&chain, 0, 0, &advance(&chain, 0, 6, &[]));
    assert!(matches!(result, Err(ClientError::RunsAhead { .. })), "{result:?}");
    let result = judge(&chain, 0, 2, &advance(&chain, 0, 6, &[]));
    assert!(matches!(result, Err(ClientError::RunsAhead { .. })), "{result:?}");
}

#[test]
fn rule_r9_a_known_head_without_a_list_says_nothing() {
    let chain = source();
    let result = judge(&chain, 6, 8, &advance(&chain, 6, 6, &[]));
    assert!(matches!(result, Err(ClientError::NothingNew)), "{result:?}");
}

#[test]
fn rule_r9_a_known_head_is_the_trusted_header_itself() {
    let chain = source();
    let honest = advance(&chain, 6, 6, &[1]);
    assert!(judge(&chain, 6, 0, &honest).is_ok());
    for trusted in [4, 5] {
        assert!(matches!(judge(&chain, trusted, 0, &honest), Err(ClientError::NotTrusted { .. })));
    }
}

#[test]
fn rule_r9_without_a_list_a_full_step_must_have_passed() {
    let mut chain = source();
    for _ in 0..4 {
        chain.produce(&[(receiver(), 0)]);
    }
    for head in 7..9 {
        let result = judge(&chain, 6, 8, &advance(&chain, 6, head, &[]));
        assert!(matches!(result, Err(ClientError::NoFullStep { .. })), "{result:?}");
    }
    for head in 9..=10 {
        let verified = judge(&chain, 6, 8, &advance(&chain, 6, head, &[])).unwrap();
        assert!(verified.messages.is_empty());
        assert_eq!(verified.new_trusted, Some(chain.trusted(Height(head))));
    }
}

#[test]
fn rule_r9_a_block_without_messages_is_refused() {
    let chain = source();
    for blocks in [vec![1, 2], vec![2], vec![1, 2, 3]] {
        let result = judge(&chain, 0, 0, &advance(&chain, 0, 6, &blocks));
        assert!(matches!(result, Err(ClientError::EmptyBlock)), "{result:?}");
    }
    let result = judge(&chain, 0, 0, &advance(&chain, 0, 5, &[1, 3, 4, 5]));
    assert!(matches!(result, Err(ClientError::EmptyBlock)), "{result:?}");
}

#[test]
fn rule_r9_another_receivers_leaf_or_list_is_refused() {
    let chain = source();
    let honest = advance(&chain, 0, 6, &[1]);
    let mut head_leaf = honest.clone();
    head_leaf.leaf = chain.leaf_path(Height(6), &other());
    assert!(matches!(judge(&chain, 0, 0, &head_leaf), Err(ClientError::OtherChain { .. })));
    let block_leaf = with_blocks(&honest, |blocks| {
        blocks[0] = chain.older(Height(1), Height(6), &other());
    });
    assert!(matches!(judge(&chain, 0, 0, &block_leaf), Err(ClientError::OtherChain { .. })));
    let whole = chain.advance(Height(0), Height(6), &other(), &[Height(1)]);
    assert!(matches!(judge(&chain, 0, 0, &whole), Err(ClientError::OtherChain { .. })));
}

#[test]
fn rule_r9_an_advance_of_another_source_is_refused() {
    let chain = source();
    let mut foreign = SyntheticChain::new(Suite::Standard, 2);
    foreign.produce(&[(receiver(), 1)]);
    let result = judge(&chain, 0, 0, &advance(&foreign, 0, 1, &[1]));
    assert!(matches!(result, Err(ClientError::OtherChain { .. })), "{result:?}");
    let mut renamed = advance(&foreign, 0, 1, &[1]);
    renamed.source = chain.id;
    assert!(matches!(judge(&chain, 0, 0, &renamed), Err(ClientError::OtherChain { .. })));
}

#[test]
fn bug_c02_every_changed_leaf_field_is_refused() {
    let chain = source();
    let honest = advance(&chain, 0, 6, &[1]);
    let changes: [fn(&mut LeafPath); 9] = [
        |proof| proof.index += 1,
        |proof| proof.index = u32::MAX,
        |proof| proof.leaf.first = Sequence(0),
        |proof| proof.leaf.count = 1,
        |proof| proof.leaf.received = Sequence(99),
        |proof| proof.leaf.follows.height_on_peer = Height(99),
        |proof| proof.leaf.follows.header_hash_on_peer.hash = Hash([1; 32]),
        |proof| proof.leaf.messages_root = Hash([1; 32]),
        |proof| proof.path = InclusionPath::default(),
    ];
    for (index, change) in changes.into_iter().enumerate() {
        let mut head = honest.clone();
        change(&mut head.leaf);
        assert!(judge(&chain, 0, 0, &head).is_err(), "head leaf, change {index}");
        let block = with_blocks(&honest, |blocks| {
            let DeliveredBlock::Older { leaf, .. } = &mut blocks[0] else { unreachable!() };
            change(leaf);
        });
        if block != honest {
            assert!(judge(&chain, 0, 0, &block).is_err(), "block leaf, change {index}");
        }
    }
}

#[test]
fn bug_c01_c05_a_surplus_hash_in_any_path_is_refused() {
    let chain = source();
    let honest = advance(&chain, 2, 6, &[1]);
    assert!(judge(&chain, 2, 0, &honest).is_ok());
    let surplus = |path: &mut InclusionPath| {
        let mut hashes = path.0.to_vec();
        hashes.push(Hash([1; 32]));
        path.0 = Bounded::new(hashes).unwrap();
    };
    let mut cases = vec![honest.clone(); 2];
    surplus(&mut cases[0].leaf.path);
    let Head::New { trusted_path, .. } = &mut cases[1].head else { unreachable!() };
    surplus(trusted_path);
    for which in 0..2 {
        cases.push(with_blocks(&honest, |blocks| {
            let DeliveredBlock::Older { history_path, leaf, .. } = &mut blocks[0] else { unreachable!() };
            surplus(if which == 0 { history_path } else { &mut leaf.path });
        }));
    }
    for (index, case) in cases.iter().enumerate() {
        let result = judge(&chain, 2, 0, case);
        assert!(
            matches!(result, Err(ClientError::Path { error: MerkleError::PathLength { .. }, .. })),
            "{index}: {result:?}"
        );
    }
}

#[test]
fn bug_c06_an_inner_node_never_stands_for_a_leaf() {
    // The sibling of the lowest level, offered as a leaf's data, hashes with the leaf prefix and leads elsewhere.
    let chain = source();
    let mut forged = advance(&chain, 0, 6, &[1]);
    let mut hashes = forged.leaf.path.0.to_vec();
    hashes.remove(0);
    forged.leaf.path = InclusionPath(Bounded::new(hashes).unwrap());
    assert!(judge(&chain, 0, 0, &forged).is_err());
}

#[test]
fn rule_r9_the_limits_hold_over_all_lists_of_an_advance() {
    let mut chain = SyntheticChain::new(Suite::Standard, 1);
    for count in [200, 56, 1] {
        chain.produce(&[(receiver(), count)]);
    }
    assert_eq!(judge(&chain, 0, 0, &advance(&chain, 0, 3, &[1, 2])).unwrap().next_expected, Sequence(256));
    let result = judge(&chain, 0, 0, &advance(&chain, 0, 3, &[1, 2, 3]));
    assert!(matches!(result, Err(ClientError::TooMuch { messages: 257, .. })), "{result:?}");
}

#[test]
fn rule_r9_the_byte_limit_holds_for_a_list_and_for_an_advance() {
    let mut chain = SyntheticChain::new(Suite::Standard, 1);
    let mut next = 0;
    let mut block = |chain: &mut SyntheticChain, sizes: &[usize]| {
        let messages: Vec<Message> = (next..)
            .zip(sizes)
            .map(|(sequence, size)| Message {
                source: chain.id,
                destination: receiver(),
                sequence: Sequence(sequence),
                payload: BoundedBytes::new(vec![0; *size]).unwrap(),
            })
            .collect();
        let leaf: OutboxLeaf = leaf_of(Suite::Standard, receiver(), Sequence(next), &messages);
        next += sizes.len() as u64;
        chain.append(vec![(leaf, messages.clone())], None);
        (leaf, messages)
    };
    block(&mut chain, &[140 << 10]);
    block(&mut chain, &[120 << 10]);
    assert!(judge(&chain, 0, 0, &advance(&chain, 0, 2, &[1])).is_ok());
    let result = judge(&chain, 0, 0, &advance(&chain, 0, 2, &[1, 2]));
    assert!(matches!(result, Err(ClientError::TooMuch { messages: 2, .. })), "{result:?}");
    let (leaf, messages) = block(&mut chain, &[140 << 10, 120 << 10]);
    assert!(messages.iter().map(|message| encode(message).len()).sum::<usize>() > MAX_LIST_BYTES);
    assert!(matches!(verify_list(&chain.id, &leaf, &messages), Err(ClientError::TooMuch { .. })));
}

#[test]
fn rule_r9_a_head_behind_the_receivers_counter_is_refused() {
    let chain = source();
    let result = judge(&chain, 0, 9, &advance(&chain, 0, 6, &[]));
    assert!(matches!(result, Err(ClientError::Behind { .. })), "{result:?}");
}

#[test]
fn rule_r9_messages_older_than_a_hand_off_are_delivered_after_it() {
    let mut chain = source();
    let handoff = chain.produce_with(&[(receiver(), 1)], Some(KeySet::new(Suite::Standard, 50, 4)));
    let crossing = chain.advance(Height(0), Height(6), &receiver(), &[Height(1)]);
    assert!(judge(&chain, 0, 0, &crossing).is_ok());
    let trusted = verify_handoff(&chain.trusted(Height(0)), &chain.handoff(Height(0), handoff)).unwrap();
    let blocks = [1, 3, 4, 6, 7].map(Height);
    let known = chain.advance(handoff, handoff, &receiver(), &blocks);
    let verified = verify_advance(&trusted, Sequence(0), &receiver(), &known, STEP_MS).unwrap();
    assert_eq!(verified.next_expected, Sequence(9));
    chain.produce(&[(receiver(), 0)]);
    let later = chain.advance(handoff, Height(8), &receiver(), &blocks);
    assert!(verify_advance(&trusted, Sequence(0), &receiver(), &later, STEP_MS).is_ok());
    let skipping = chain.advance(Height(0), Height(8), &receiver(), &blocks);
    let result = judge(&chain, 0, 0, &skipping);
    assert!(matches!(result, Err(ClientError::OtherSet { .. })), "{result:?}");
}

#[test]
fn rule_r9_every_hash_link_is_checked_before_the_first_signature() {
    let chain = source();
    let mut broken = advance(&chain, 0, 6, &[1]);
    let Head::New { certificate, .. } = &mut broken.head else { unreachable!() };
    certificate.signatures = Bounded::empty();
    assert!(matches!(judge(&chain, 0, 0, &broken), Err(ClientError::Certificate(_))));
    let broken_too = with_blocks(&broken, |blocks| {
        let DeliveredBlock::Older { messages, .. } = &mut blocks[0] else { unreachable!() };
        *messages = Bounded::empty();
    });
    assert!(matches!(judge(&chain, 0, 0, &broken_too), Err(ClientError::List(_))));
}

#[test]
fn rule_r9_every_single_bit_of_an_encoded_advance_matters() {
    let chain = source();
    let honest = advance(&chain, 2, 6, &[1]);
    let verified = judge(&chain, 2, 0, &honest).unwrap();
    let bytes = encode(&honest);
    for index in 0..bytes.len() {
        let mut mutated = bytes.clone();
        mutated[index] ^= 1 << (index % 8);
        if let Ok(decoded) = ledger_protocol::codec::decode::<Advance>(&mutated, bytes.len())
            && let Ok(other) = judge(&chain, 2, 0, &decoded)
        {
            // Only the round of the certificate and its signatures are not unique for a header, and these do not verify.
            panic!("byte {index} does not matter: {:?}", other == verified);
        }
    }
}
