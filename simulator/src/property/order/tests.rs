//! Inputs of a real relay, put out of order.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use super::{judge, judge_advance};
use crate::property::samples::{broken, network, relay_inputs};
use ledger_protocol::Height;
use ledger_protocol::chain::Input;
use ledger_protocol::codec::Bounded;
use ledger_protocol::interchain::{Advance, Head};
use ledger_protocol::transaction::Operation;

fn is_motion(input: &Input) -> bool {
    matches!(input, Input::Transaction(it) if it.body.operations.iter().all(|one|
        matches!(one.operation, Operation::ProposeMotion(_) | Operation::VoteMotion(_))))
}

#[test]
fn what_stands_out_of_order_is_found() {
    let (world, network) = network();
    let blocks = relay_inputs(&world, &network);
    for (height, inputs) in (1..).zip(&blocks) {
        judge(Height(height), inputs).unwrap();
    }
    let all: Vec<Input> = blocks.concat();
    let find = |asked: fn(&Input) -> bool| all.iter().find(|input| asked(input)).unwrap().clone();
    let advance = find(|input| matches!(input, Input::Advance(_)));
    let motion = find(is_motion);
    let transaction = find(|input| matches!(input, Input::Transaction(_)) && !is_motion(input));
    let judged = |inputs: &[&Input]| judge(Height(9), &inputs.iter().map(|input| (*input).clone()).collect::<Vec<_>>());
    judged(&[&motion, &advance, &transaction]).unwrap();
    broken(judged(&[&transaction, &advance]), "R1");
    broken(judged(&[&advance, &motion]), "R1");
    broken(judged(&[&transaction, &motion]), "R1");
    broken(judged(&[&advance, &advance]), "R9");
}

#[test]
fn a_source_in_two_pieces_is_found() {
    let (world, network) = network();
    let advances: Vec<Input> =
        relay_inputs(&world, &network).concat().into_iter().filter(|it| matches!(it, Input::Advance(_))).collect();
    let of =
        |chain| advances.iter().find(|it| matches!(it, Input::Advance(advance) if advance.source == chain)).unwrap();
    let (one, other) = (of(network.subchains[0].id), of(network.subchains[1].id));
    judge(Height(9), &[one.clone(), other.clone()]).unwrap();
    broken(judge(Height(9), &[one.clone(), other.clone(), one.clone()]), "R9");
}

#[test]
fn an_advance_that_brings_nothing_or_too_much_is_found() {
    let (world, network) = network();
    let with_list = relay_inputs(&world, &network).concat().into_iter().find_map(|input| match input {
        Input::Advance(advance) if !advance.blocks.is_empty() => Some(*advance),
        _ => None,
    });
    let advance: Advance = with_list.unwrap();
    judge_advance(&advance).unwrap();
    let head = Head::Known { header: advance.head.header().clone() };
    broken(judge_advance(&Advance { head, blocks: Bounded::default(), ..advance.clone() }), "R9");
    let many = advance.blocks.iter().cycle().take(256).cloned().chain(advance.blocks.iter().cloned());
    let many: Vec<_> = many.take(256).collect();
    let messages: usize = many.iter().map(|block| block.messages().len()).sum();
    let judged = judge_advance(&Advance { blocks: Bounded::new(many).unwrap(), ..advance });
    assert_eq!(judged.is_err(), messages > 256);
}
