//! Figures: how many small frames four nodes of one process exchange, and what they cost.

use super::*;

/// CPU time of this process so far, user and system, in seconds.
fn cpu_seconds() -> f64 {
    const TICKS_PER_SECOND: f64 = 100.0;
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let ticks = |place: usize| after_name.split_whitespace().nth(place).and_then(|text| text.parse::<f64>().ok());
    (ticks(11).unwrap_or(0.0) + ticks(12).unwrap_or(0.0)) / TICKS_PER_SECOND
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_frames_from_one_to_one() {
    let mut nodes = full_mesh(2).await;
    let mut receiver = nodes.pop().unwrap();
    let sender = nodes.pop().unwrap();
    let (started, cpu) = (Instant::now(), cpu_seconds());
    let receiving = tokio::spawn(async move {
        let mut items = Vec::new();
        let mut frames = 0;
        while frames < 10_000 {
            items.clear();
            assert!(timeout(DEADLINE, receiver.inbound.recv_many(&mut items, 256)).await.unwrap() > 0);
            frames += items.iter().filter(|item| matches!(item, Inbound::Frame { .. })).count();
        }
    });
    for number in 0..10_000_u64 {
        let payload = Bytes::from([&number.to_be_bytes()[..], &[0; 192]].concat());
        while sender.handle.send(key(2), frame(Lane::Transactions, payload.clone())) == Err(SendError::Full) {
            tokio::task::yield_now().await;
        }
    }
    receiving.await.unwrap();
    let elapsed = started.elapsed().as_secs_f64();
    println!(
        "10,000 frames of 200 bytes: {:.0} frames/s, {:.1} us of CPU per frame",
        10_000.0 / elapsed,
        (cpu_seconds() - cpu) * 1e6 / 10_000.0
    );
}

/// 4 nodes, 18 replicas on each: votes go out one at a time at a steady pace, as consensus sends them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn four_nodes_exchange_twenty_thousand_votes_a_second() {
    const VOTES_PER_NODE: u64 = 3_334;
    const PACE_PER_SECOND: f64 = 1_667.0;
    let nodes = full_mesh(4).await;
    let keys: Vec<PeerKey> = nodes.iter().map(Node::key).collect();
    let (started, cpu) = (Instant::now(), cpu_seconds());
    let mut tasks = tokio::task::JoinSet::new();
    for mut node in nodes {
        let others: Vec<PeerKey> = keys.iter().filter(|key| **key != node.key()).copied().collect();
        let handle = node.handle.clone();
        tasks.spawn(async move {
            for number in 0..VOTES_PER_NODE {
                let due = started + Duration::from_secs_f64(number as f64 / PACE_PER_SECOND);
                tokio::time::sleep_until(due).await;
                let sent_at_ns = started.elapsed().as_nanos() as u64;
                let payload = [&sent_at_ns.to_be_bytes()[..], &[0; 142]].concat();
                assert_eq!(handle.broadcast(&others, frame(Lane::Consensus, payload)), vec![]);
            }
            Vec::new()
        });
        tasks.spawn(async move {
            let mut waits_us = Vec::new();
            let mut items = Vec::new();
            while waits_us.len() < VOTES_PER_NODE as usize * 3 {
                items.clear();
                assert!(timeout(DEADLINE, node.inbound.recv_many(&mut items, 256)).await.unwrap() > 0);
                let now_ns = started.elapsed().as_nanos() as u64;
                for item in &items {
                    if let Inbound::Frame { frame, .. } = item {
                        let sent_at_ns = u64::from_be_bytes(frame.payload[..8].try_into().unwrap());
                        waits_us.push((now_ns - sent_at_ns) / 1_000);
                    }
                }
            }
            // The endpoint lives until all have received.
            tokio::time::timeout(Duration::from_millis(1), std::future::pending::<()>()).await.ok();
            drop(node.handle);
            waits_us
        });
    }
    let mut waits_us: Vec<u64> = Vec::new();
    while let Some(more) = tasks.join_next().await {
        waits_us.extend(more.unwrap());
    }
    let elapsed = started.elapsed().as_secs_f64();
    waits_us.sort_unstable();
    let frames = waits_us.len() as f64;
    println!(
        "4 nodes, {:.0} votes/s: p50 {} us, p99 {} us, {:.1} us of CPU per vote, {:.0} % of a core",
        frames / elapsed,
        waits_us[waits_us.len() / 2],
        waits_us[waits_us.len() * 99 / 100],
        (cpu_seconds() - cpu) * 1e6 / frames,
        (cpu_seconds() - cpu) * 100.0 / elapsed
    );
}
