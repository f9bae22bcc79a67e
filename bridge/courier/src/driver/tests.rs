//! When a driver wakes by itself.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use super::*;
use ledger_protocol::{Hash, Height, Sequence, Suite};

const PEER: Peer = Peer(Hash([7; 32]));

/// A driver that brought something out at 0 ms, asked again at 5,000 ms and has not been answered.
fn unanswered() -> CourierDriver {
    let own = ChainId { suite: Suite::Standard, hash: Hash([1; 32]) };
    let relay = ChainId { suite: Suite::Standard, hash: Hash([2; 32]) };
    let address = Address { suite: Suite::Standard, hash: Hash([3; 32]) };
    let mut driver = CourierDriver::new(own, address, relay);
    driver.chosen = Some(PEER);
    assert!(driver.outgoing.act(0, (Height(1), Sequence(1)), 9, true, true));
    driver.asked_at_ms = Some(5_000);
    driver
}

fn alarms(driver: &mut CourierDriver, now_ms: u64) -> Vec<u64> {
    let mut effects = Vec::new();
    driver.set_alarm(now_ms, &mut effects);
    let alarms = effects.iter().map(|effect| match effect {
        CourierEffect::SetAlarm { after_ms, .. } => *after_ms,
        other => panic!("not an alarm: {other:?}"),
    });
    alarms.collect()
}

#[test]
fn without_the_relays_word_a_turn_that_is_due_does_not_ring_every_millisecond() {
    let mut driver = unanswered();
    assert!(driver.outgoing.due_ms().unwrap() < 5_001);
    assert_eq!(alarms(&mut driver, 5_001), vec![POLL_OPEN_MS - 1]);
    // What rings already is left as it is.
    assert_eq!(alarms(&mut driver, 5_002), Vec::<u64>::new());
}
