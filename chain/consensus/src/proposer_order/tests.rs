//! Tests of the proposer order.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use super::*;
use ledger_protocol::chain::Validator;
use ledger_protocol::codec::Text;
use ledger_protocol::suite::SecretKey;
use ledger_protocol::{Hash, Suite};
use proptest::prelude::*;

fn set(count: u8) -> ValidatorSet {
    let validators = (0..count).map(|number| Validator {
        public_key: SecretKey::from_seed(Suite::Standard, [number; 32]).public_key(),
        power: 1,
        organisation: Text::new("bank").unwrap(),
        network_key_hash: Hash([number; 32]),
    });
    ValidatorSet::new(Suite::Standard, validators.collect()).unwrap()
}

fn header(set: &ValidatorSet, height: u64, round: u32, proposer: u16) -> RecentHeader {
    let proposer = set.validators()[usize::from(proposer)].address();
    RecentHeader { height: Height(height), round: Round(round), proposer }
}

/// The headers of `heights` heights when `dead` never propose, each built in the first round of somebody alive.
fn history(set: &ValidatorSet, heights: u64, dead: impl Fn(u64, u16) -> bool) -> Vec<RecentHeader> {
    let mut headers = Vec::new();
    for height in 1..=heights {
        let order = proposer_order(Height(height), set, &headers);
        let round = order.iter().position(|position| !dead(height, *position)).unwrap();
        headers.push(header(set, height, u32::try_from(round).unwrap(), order[round]));
    }
    headers
}

#[test]
fn without_absences_the_order_rotates_by_height() {
    let set = set(4);
    let headers = history(&set, 130, |_, _| false);
    assert!(headers.iter().all(|header| header.round == Round(0)));
    for (height, first) in [(1, 1), (2, 2), (4, 0), (131, 3)] {
        let order = proposer_order(Height(height), &set, &headers[..usize::try_from(height - 1).unwrap()]);
        assert_eq!(order, (0..4).map(|step| (first + step) % 4).collect::<Vec<u16>>());
    }
}

#[test]
fn a_dead_proposer_costs_one_round_per_stretch() {
    let set = set(4);
    let headers = history(&set, 3 * PROPOSER_MEMORY_HEIGHTS - 1, |_, position| position == 2);
    let lost: Vec<u64> =
        headers.iter().filter(|header| header.round > Round(0)).map(|header| header.height.0).collect();
    assert_eq!(lost, [2, 66, 130]);
}

#[test]
fn absences_are_forgotten_when_the_stretch_ends() {
    let set = set(4);
    let headers = history(&set, 70, |height, position| height <= 10 && position == 2);
    assert_eq!(proposer_order(Height(14), &set, &headers[..13]), [3, 0, 1, 2]);
    assert_eq!(proposer_order(Height(63), &set, &headers[..62]), [3, 0, 1, 2]);
    assert_eq!(proposer_order(Height(66), &set, &headers[..65]), [2, 3, 0, 1]);
}

#[test]
fn a_disturbed_network_moves_nobody_back() {
    let set = set(7);
    let three_in_a_row = [header(&set, 1, 2, 3), header(&set, 2, 1, 4)];
    assert_eq!(proposer_order(Height(2), &set, &three_in_a_row[..1]), [3, 4, 5, 6, 0, 2, 1]);
    assert_eq!(proposer_order(Height(3), &set, &three_in_a_row), [3, 4, 5, 6, 0, 1, 2]);
    assert_eq!(proposer_order(Height(5), &set, &[header(&set, 4, 30, 6)]), [5, 6, 0, 1, 2, 3, 4]);
}

#[test]
fn headers_that_do_not_fit_forget_absences() {
    let set = set(4);
    let mut headers = history(&set, 10, |_, position| position == 3);
    assert_eq!(proposer_order(Height(11), &set, &headers)[3], 3);
    headers.last_mut().unwrap().proposer = set.validators()[3].address();
    assert_eq!(proposer_order(Height(11), &set, &headers), [3, 0, 1, 2]);
}

#[test]
fn older_headers_make_no_difference() {
    let set = set(7);
    let headers = history(&set, 200, |height, position| u64::from(position) == height / 40);
    for height in 2..=200u64 {
        let all = &headers[..usize::try_from(height - 1).unwrap()];
        let few = &all[all.len().saturating_sub(usize::try_from(PROPOSER_MEMORY_HEIGHTS).unwrap() - 1)..];
        assert_eq!(proposer_order(Height(height), &set, all), proposer_order(Height(height), &set, few));
    }
}

#[test]
fn a_single_validator_always_proposes() {
    let set = set(1);
    assert_eq!(proposer_order(Height(5), &set, &[header(&set, 4, 3, 0)]), [0]);
}

proptest! {
    #[test]
    fn each_position_stands_in_the_order_exactly_once(
        count in 1u8..40, first in 0u64..200, facts in prop::collection::vec((0u32..50, 0u16..40), 0..70),
    ) {
        let set = set(count);
        let headers: Vec<RecentHeader> = facts.iter().enumerate().map(|(index, (round, proposer))| {
            header(&set, first + index as u64, *round, proposer % u16::from(count))
        }).collect();
        let mut order = proposer_order(Height(first + headers.len() as u64), &set, &headers);
        order.sort_unstable();
        prop_assert!(order.into_iter().eq(0..u16::from(count)));
    }
}
