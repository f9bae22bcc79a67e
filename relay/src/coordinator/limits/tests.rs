#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use super::back_off::{BackOff, FIRST_BLOCKS, LONGEST_BLOCKS};
use super::usage::{ChainUse, Flight, Load, Window};
use ledger_protocol::{Height, LedgerId};
use proptest::prelude::*;
use std::collections::BTreeSet;

const WINDOW: u32 = 10;

fn vain_until_barred(back_off: &mut BackOff, height: &mut u64, max_vain: u32) -> u64 {
    for _ in 0..max_vain {
        assert!(back_off.until.0 <= *height);
        back_off.count(Height(*height), max_vain, WINDOW);
    }
    back_off.until.0 - *height
}

#[test]
fn a_window_opens_with_the_first_and_ends_after_its_blocks() {
    let mut window = Window::default();
    assert_eq!(window.count_at(Height(5)), 0);
    window.add(Height(5), WINDOW);
    window.add(Height(14), WINDOW);
    assert_eq!((window.count_at(Height(14)), window.count_at(Height(15))), (2, 0));
    window.add(Height(15), WINDOW);
    assert_eq!(window, Window { ends: Height(25), count: 1 });
    window.tidy(Height(24));
    assert_eq!(window.count, 1);
    window.tidy(Height(25));
    assert_eq!(window, Window::default());
}

#[test]
fn back_off_doubles_up_to_a_bound_and_is_forgotten_long_after() {
    let (mut back_off, mut height) = (BackOff::default(), 100);
    let mut lengths = Vec::new();
    for _ in 0..11 {
        let blocks = vain_until_barred(&mut back_off, &mut height, 3);
        lengths.push(blocks);
        // While it lasts nothing counts: a crowd that ends together is one step.
        let before = back_off;
        for _ in 0..50 {
            back_off.count(Height(height), 3, WINDOW);
        }
        assert_eq!(back_off, before);
        height += blocks;
        back_off.tidy(Height(height));
    }
    let expected: Vec<u64> = (0..11).map(|step: u32| (FIRST_BLOCKS << step).min(LONGEST_BLOCKS)).collect();
    assert_eq!(lengths, expected);
    back_off.tidy(Height(height + LONGEST_BLOCKS - 1));
    assert_ne!(back_off, BackOff::default());
    height += LONGEST_BLOCKS;
    back_off.tidy(Height(height));
    assert_eq!(back_off, BackOff::default());
    assert_eq!(vain_until_barred(&mut back_off, &mut height, 3), FIRST_BLOCKS);
}

#[test]
fn what_ended_in_vain_long_ago_does_not_count() {
    let mut back_off = BackOff::default();
    for step in 0..20 {
        back_off.count(Height(100 + 10 * step), 2, WINDOW);
        assert_eq!(back_off.until, Height::ZERO, "one in every window");
    }
}

proptest! {
    #[test]
    fn everything_taken_and_given_back_is_nothing(
        shares in proptest::collection::vec((0..3u32, 0..u64::from(u32::MAX), 0..u64::from(u32::MAX), 1..8u32), 0..40),
        order in any::<u64>(),
    ) {
        let mut usage = ChainUse::default();
        let mut load = Load::default();
        let ledgers = |mask: u32| -> BTreeSet<LedgerId> {
            (0..3).filter(|bit| mask & (1 << bit) != 0).map(|bit| LedgerId(bit + 1)).collect()
        };
        let flight = |(legs, bytes, key_blocks, _): &(u32, u64, u64, u32)| Flight {
            legs: *legs, bytes: *bytes, key_blocks: *key_blocks,
        };
        for share in &shares {
            usage.flight = usage.flight.plus(flight(share));
            load = load.plus(Load { legs: share.0, bytes: share.1 });
            usage.enter_services(&ledgers(share.3)).unwrap();
        }
        for ledger in 1..=3 {
            let expected = shares.iter().filter(|share| share.3 & (1 << (ledger - 1)) != 0).count();
            prop_assert_eq!(usage.of_service(LedgerId(ledger)) as usize, expected);
        }
        let mut left = shares.clone();
        while !left.is_empty() {
            let share = left.remove((order % left.len() as u64) as usize);
            usage.flight = usage.flight.minus(flight(&share));
            load = load.minus(Load { legs: share.0, bytes: share.1 });
            usage.leave_services(&ledgers(share.3));
        }
        prop_assert_eq!(usage, ChainUse::default());
        prop_assert_eq!(load, Load::default());
    }

    #[test]
    fn a_back_off_is_never_longer_than_the_longest(
        steps in proptest::collection::vec((0..50u64, 1..4u32), 1..400),
    ) {
        let (mut back_off, mut height) = (BackOff::default(), 1);
        for (blocks, max_vain) in steps {
            height += blocks;
            back_off.tidy(Height(height));
            back_off.count(Height(height), max_vain, WINDOW);
            prop_assert!(back_off.until.0 <= height + LONGEST_BLOCKS);
            prop_assert!(back_off.until == Height::ZERO || back_off.until.0 > height);
        }
    }
}
