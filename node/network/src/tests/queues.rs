//! The receiver's queue alone: fairness between peers and lanes, waiting readers, events.

use super::*;
use crate::inbound::InboundQueue;
use std::sync::Arc;

fn queue(frames: usize) -> (Arc<InboundQueue>, InboundReceiver) {
    let queue = Arc::new(InboundQueue::new(QueueBounds::uniform(LaneBounds { frames, bytes: 1 << 20 })));
    (queue.clone(), InboundReceiver::new(queue))
}

fn sender_of(item: Option<Inbound>) -> PeerKey {
    match item {
        Some(Inbound::Frame { from, .. }) => from,
        other => panic!("no frame: {other:?}"),
    }
}

#[tokio::test]
async fn a_flooding_peer_does_not_push_another_back() {
    let (queue, mut receiver) = queue(1_000);
    for number in 0..1_000 {
        queue.push(key(1), true, numbered(Lane::Sync, number)).await;
    }
    queue.push(key(2), true, numbered(Lane::Sync, 0)).await;
    let first_two = [sender_of(receiver.try_recv()), sender_of(receiver.try_recv())];
    assert!(first_two.contains(&key(2)));
}

#[tokio::test]
async fn every_lane_gets_its_turns() {
    let (queue, mut receiver) = queue(1_000);
    for number in 0..100 {
        for lane in Lane::ALL {
            queue.push(key(1), true, numbered(lane, number)).await;
        }
    }
    let mut counts = [0; 5];
    for _ in 0..100 {
        if let Some(Inbound::Frame { frame, .. }) = receiver.try_recv() {
            counts[frame.lane.index()] += 1;
        }
    }
    assert_eq!(counts, [50, 20, 10, 10, 10]);
}

#[tokio::test]
async fn a_reader_waits_while_its_share_is_full_and_loses_nothing() {
    let (queue, mut receiver) = queue(2);
    let filling = tokio::spawn({
        let queue = queue.clone();
        async move {
            for number in 0..50 {
                queue.push(key(1), true, numbered(Lane::Block, number)).await;
            }
        }
    });
    until(|| queue.depth().0 == 2).await;
    // Another lane of the same peer, and another peer, are not held up.
    timeout(DEADLINE, queue.push(key(1), true, numbered(Lane::Sync, 0))).await.unwrap();
    timeout(DEADLINE, queue.push(key(2), true, numbered(Lane::Block, 0))).await.unwrap();
    let mut blocks = Vec::new();
    while blocks.len() < 50 {
        let item = timeout(DEADLINE, receiver.recv()).await.unwrap();
        if let Some(Inbound::Frame { from, frame }) = item
            && (from, frame.lane) == (key(1), Lane::Block)
        {
            blocks.push(frame);
        }
    }
    let expected: Vec<Frame> = (0..50).map(|number| numbered(Lane::Block, number)).collect();
    assert_eq!(blocks, expected);
    filling.await.unwrap();
    let (frames, bytes, received) = queue.depth();
    assert_eq!((frames, bytes, received), (0, 0, 52));
}

#[tokio::test]
async fn dropping_the_receiver_frees_waiting_readers() {
    let (queue, receiver) = queue(1);
    queue.push(key(1), true, numbered(Lane::Block, 0)).await;
    let waiting = tokio::spawn({
        let queue = queue.clone();
        async move { queue.push(key(1), true, numbered(Lane::Block, 1)).await }
    });
    tokio::task::yield_now().await;
    drop(receiver);
    timeout(DEADLINE, waiting).await.unwrap().unwrap();
}

#[tokio::test]
async fn events_that_cancel_out_are_not_told_and_never_pile_up() {
    let (queue, mut receiver) = queue(1);
    let connected = || Inbound::Connected { peer: key(1), known: true };
    let disconnected = || Inbound::Disconnected { peer: key(1), reason: CloseReason::Silent };
    for _ in 0..100 {
        queue.tell(connected());
        queue.tell(disconnected());
    }
    assert_eq!(receiver.try_recv(), None);
    queue.tell(connected());
    assert_eq!(receiver.try_recv(), Some(connected()));
    for _ in 0..100 {
        queue.tell(disconnected());
        queue.tell(connected());
    }
    assert_eq!(receiver.try_recv(), Some(disconnected()));
    assert_eq!(receiver.try_recv(), Some(connected()));
    assert_eq!(receiver.try_recv(), None);
    queue.close();
    assert_eq!(receiver.recv().await, None);
}

#[test]
fn a_writer_of_an_ended_connection_gets_nothing_that_is_queued_later() {
    use crate::outbound::{Outbound, WriterId};
    let outbound = Outbound::new(QueueBounds::outbound(), DEADLINE);
    let (old, new) = (WriterId(1), WriterId(2));
    let taken_by = |writer| {
        let mut batch = Vec::new();
        outbound.take(writer, Lane::Consensus, usize::MAX, &mut batch);
        batch.len()
    };
    outbound.open_for(old);
    outbound.close_for(old);
    outbound.push(numbered(Lane::Consensus, 1)).unwrap();
    assert_eq!(taken_by(old), 0);
    outbound.open_for(new);
    outbound.close_for(old);
    assert_eq!((taken_by(old), taken_by(new)), (0, 1));
}
