//! Two connections between the same peers: the rule, and nodes that dial each other at once.

use super::*;
use crate::links::{Candidate, Choice, Dialling, choose};
use std::time::Instant as StdInstant;

#[test]
fn both_ends_keep_the_connection_that_the_smaller_key_dialled() {
    let (small, large) = if key(1) < key(2) { (key(1), key(2)) } else { (key(2), key(1)) };
    let old_at = StdInstant::now();
    let new_at = old_at + Duration::from_millis(30);
    let old = |dialled_here| Candidate { dialled_here, established: old_at };
    let new = |dialled_here| Candidate { dialled_here, established: new_at };
    // The smaller key dialled the new one.
    assert_eq!(choose(small, large, old(false), new(true)), Choice::RetireOld);
    assert_eq!(choose(large, small, old(true), new(false)), Choice::RetireOld);
    // The larger key dialled the new one.
    assert_eq!(choose(small, large, old(true), new(false)), Choice::RetireNew);
    assert_eq!(choose(large, small, old(false), new(true)), Choice::RetireNew);
    // The same end dialled again, or the old one is not young: the peer has lost it.
    assert_eq!(choose(small, large, old(false), new(false)), Choice::CloseOld);
    let late = Candidate { dialled_here: false, established: old_at + Duration::from_secs(11) };
    assert_eq!(choose(small, large, old(true), late), Choice::CloseOld);
}

#[test]
fn the_pause_before_dialling_doubles_to_five_seconds_and_starts_anew() {
    let start = StdInstant::now();
    let (small, large) = if key(1) < key(2) { (key(1), key(2)) } else { (key(2), key(1)) };
    let mut dialling = Dialling::new(small, large, any_port(), start);
    assert_eq!(dialling.next_dial, start);
    let mut pauses_ms = Vec::new();
    for _ in 0..8 {
        dialling.failed(start);
        pauses_ms.push(dialling.next_dial.duration_since(start).as_millis());
    }
    assert_eq!(pauses_ms, [100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000]);
    dialling.ended(Duration::from_secs(1), start);
    assert_eq!(dialling.next_dial, start + Duration::from_secs(5));
    dialling.ended(Duration::from_secs(60), start);
    assert_eq!(dialling.next_dial, start + Duration::from_millis(100));
    // The larger key lets the smaller one try first.
    assert_eq!(Dialling::new(large, small, any_port(), start).next_dial, start + Duration::from_millis(250));
}

/// Both nodes know each other's address from the start, and start at the same moment, again and again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_that_dial_each_other_at_once_settle_on_one_connection_without_loss() {
    for _ in 0..5 {
        let mut nodes = full_mesh(2).await;
        let mut second = nodes.pop().unwrap();
        let mut first = nodes.pop().unwrap();
        for number in 0..500 {
            first.handle.send(key(2), numbered(Lane::Transactions, number)).unwrap();
            second.handle.send(key(1), numbered(Lane::Transactions, number)).unwrap();
            if number % 50 == 0 {
                tokio::task::yield_now().await;
            }
        }
        for number in 0..500 {
            assert_eq!(second.next_frame().await.1, numbered(Lane::Transactions, number));
            assert_eq!(first.next_frame().await.1, numbered(Lane::Transactions, number));
        }
    }
}

/// The smaller key starts to dial just when the larger one's patience ends, so that some rounds see two connections.
/// Both ends send all the while; nothing may be lost or overtaken when one connection gives way to the other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn frames_survive_the_choice_between_two_connections() {
    let (small, large) = if key(1) < key(2) { (1, 2) } else { (2, 1) };
    let mut pairs = Vec::new();
    let mut rounds_with_two = 0;
    for round in 0..10 {
        let mut first = Node::start(small, |_| {}).await;
        let mut second = Node::start(large, |config| config.known = [key(small)].into()).await;
        first.handle.set_known([key(large)].into());
        second.handle.set_peer(first.as_peer()).unwrap();
        let dialled = Instant::now();
        tokio::time::sleep_until(dialled + Duration::from_micros(249_000 + round * 400)).await;
        first.handle.set_peer(second.as_peer()).unwrap();
        first.until_connected(key(large)).await;
        second.until_connected(key(small)).await;
        let started = Instant::now();
        let mut sent = 0;
        while started.elapsed() < Duration::from_millis(50) || sent < 200 {
            first.handle.send(key(large), numbered(Lane::Transactions, sent)).unwrap();
            second.handle.send(key(small), numbered(Lane::Transactions, sent)).unwrap();
            sent += 1;
            if sent % 16 == 0 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
        for number in 0..sent {
            assert_eq!(second.next_frame().await.1, numbered(Lane::Transactions, number), "round {round}");
            assert_eq!(first.next_frame().await.1, numbered(Lane::Transactions, number), "round {round}");
        }
        rounds_with_two += usize::from(first.handle.gauges().connections == 2);
        pairs.push([first, second]);
    }
    println!("two connections in {rounds_with_two} of 10 rounds");
    // The one that was given up is closed, and nobody was told of a loss.
    for node in pairs.iter_mut().flatten() {
        until(|| node.handle.gauges().connections == 1).await;
        assert_eq!(node.handle.connected_peers().len(), 1);
        assert_eq!(node.inbound.try_recv(), None);
    }
}
