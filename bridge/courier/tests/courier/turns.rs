//! Whose turn it is.

use super::book::pair;
use super::rules::{RELAY, say};
use super::views::{View, destination};
use bridge_courier::{Courier, Place, RESEND_MS, TAKE_OVER_MS};
use ledger_protocol::{Height, Suite};

#[test]
fn exactly_one_of_n_leads_at_every_height() {
    for validators in 1..20 {
        for height in 0..60 {
            let leaders =
                (0..validators).filter(|position| Place { position: *position, validators }.leads(Height(height)));
            assert_eq!(leaders.count(), 1);
        }
    }
    assert!(Place { position: 0, validators: 0 }.leads(Height(3)));
}

#[test]
fn the_leader_delivers_at_once_and_the_others_take_over() {
    let (mut one, other) = pair(Suite::Standard, Suite::Standard);
    let tip = say(&mut one, 2, None);
    let view = destination(&other, &one.id(), RELAY);
    let leader = (tip.0 % 4) as usize;
    for position in 0..4 {
        let mut courier = Courier::new(Place { position, validators: 4 });
        let sent = |courier: &mut Courier, now| !courier.step(&View(&one), &view, now).unwrap().is_empty();
        assert_eq!(sent(&mut courier, 1_000), position == leader);
        assert!(!sent(&mut courier, 1_000 + TAKE_OVER_MS - 1));
        assert!(sent(&mut courier, 1_000 + TAKE_OVER_MS), "takes over, or sends again");
        assert!(!sent(&mut courier, 1_000 + TAKE_OVER_MS + RESEND_MS - 1));
        assert!(sent(&mut courier, 1_000 + TAKE_OVER_MS + RESEND_MS));
        assert_eq!(courier.due_at_ms(), Some(1_000 + TAKE_OVER_MS + 2 * RESEND_MS));
    }
}

#[test]
fn progress_by_anybody_starts_the_clock_anew() {
    let (mut one, other) = pair(Suite::Standard, Suite::Standard);
    let tip = say(&mut one, 2, None);
    let follower = (tip.0 as usize + 1) % 4;
    let mut courier = Courier::new(Place { position: follower, validators: 4 });
    let mut view = destination(&other, &one.id(), RELAY);
    assert!(courier.step(&View(&one), &view, 0).unwrap().is_empty());
    view.client = destination(&other, &one.id(), RELAY).client;
    view.client.height_on_source = Height(1);
    view.client.header_hash_on_source = one.archive.header(Height(1)).hash();
    assert!(courier.step(&View(&one), &view, TAKE_OVER_MS).unwrap().is_empty());
    assert!(!courier.step(&View(&one), &view, 2 * TAKE_OVER_MS).unwrap().is_empty());
}
