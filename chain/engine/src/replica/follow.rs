//! Block sync: serves committed blocks, and catches up from peers that are ahead.
//!
//! One request is under way at a time. A block of an answer is believed when its certificate verifies against the set
//! that this replica knows for its height; it is then executed and compared like any other, and committed through
//! consensus. A peer that lies or does not answer is not asked for a while and another one is.

use super::{Alarm, Effects, Purpose, Replica, Standing, Step};
use crate::job::{Job, StoredBlock};
use crate::port::{Lane, Mark, Peer, ReplicaEffect};
use crate::sync::{Asked, Current};
use crate::wire::{MAX_MESSAGE_BYTES, MAX_SYNC_BLOCKS, MAX_SYNC_BYTES, SyncMessage, SyncedBlock};
use chain_consensus::Event;
use ledger_protocol::codec::{decode, encode};
use ledger_protocol::{Hash, Height};

/// How long an asked peer has to answer.
const ANSWER_MS: u64 = 3_000;
/// How long a validator that is one block behind waits for consensus before it asks.
const GRACE_MS: u64 = 250;
/// Connected peers whose state is kept.
const MAX_PEERS: usize = 4_096;

impl Replica {
    pub(super) fn peer_up(&mut self, peer: Peer, effects: &mut Effects) -> Step {
        if peer != self.own_peer && self.sync.peers.len() < MAX_PEERS {
            self.sync.peers.entry(peer).or_default();
            self.send(vec![peer], Lane::Sync, self.status(), effects);
        }
        Ok(())
    }

    pub(super) fn peer_down(&mut self, peer: Peer, effects: &mut Effects) -> Step {
        self.sync.peers.remove(&peer);
        self.ahead.remove(&peer);
        if self.sync.asked.is_some_and(|asked| asked.peer == peer) {
            self.sync.asked = None;
            self.catch_up(effects);
        }
        Ok(())
    }

    pub(super) fn sync_message(&mut self, from: Peer, bytes: &[u8], effects: &mut Effects) -> Step {
        // Blocks are large: what was not asked for is not even decoded.
        if bytes.first() == Some(&3) && self.sync.asked.is_none_or(|asked| asked.peer != from) {
            return Ok(());
        }
        match decode::<SyncMessage>(bytes, MAX_MESSAGE_BYTES) {
            Ok(SyncMessage::Status { height, working_on }) => self.peer_status(from, height, working_on, effects),
            Ok(SyncMessage::Request { first, count }) => {
                self.serve(from, first, count, effects);
                Ok(())
            }
            Ok(SyncMessage::Blocks(blocks)) => self.synced_blocks(from, blocks.into_vec(), effects),
            Err(_) => {
                effects.push(ReplicaEffect::Misbehaved { peer: from, reason: "a sync message that does not decode" });
                Ok(())
            }
        }
    }

    fn peer_status(&mut self, from: Peer, height: Height, working_on: Height, effects: &mut Effects) -> Step {
        self.heard(from, height, effects)?;
        let tip = self.tip.header.height;
        if let Some(state) = self.sync.peers.get_mut(&from) {
            state.height = height;
        }
        if height < tip {
            if self.sync.may_tell(&from, self.now) {
                self.send(vec![from], Lane::Sync, self.status(), effects);
            }
            return Ok(());
        }
        if height > tip {
            effects.push(ReplicaEffect::Observe(Mark::Behind { blocks: height.0.saturating_sub(tip.0) }));
            let is_close = Some(height) == tip.next() && self.own_address.is_some();
            if is_close && self.standing == Standing::Running {
                if self.sync.asked.is_none() && !self.alarms.contains_key(&Alarm::Sync) {
                    self.set_alarm(Alarm::Sync, GRACE_MS, effects);
                }
                return Ok(());
            }
            self.catch_up(effects);
            return Ok(());
        }
        if working_on == self.next_height() && self.is_validator(&from) {
            self.ahead.insert(from);
            return self.pace(effects);
        }
        Ok(())
    }

    fn serve(&mut self, from: Peer, first: Height, count: u32, effects: &mut Effects) {
        // One answer per peer at a time: a peer that asks faster waits for its own sake.
        let Some(state) = self.sync.peers.get_mut(&from) else { return };
        if state.served || first.0 == 0 || count == 0 {
            return;
        }
        state.served = true;
        let count = count.min(u32::try_from(MAX_SYNC_BLOCKS).unwrap_or(u32::MAX));
        let job = Job::ReadBlocks { first, count, bytes: MAX_SYNC_BYTES };
        self.work(Purpose::ServeBlocks(from), None, job, effects);
    }

    pub(super) fn serve_blocks(&mut self, to: Peer, blocks: Vec<StoredBlock>, effects: &mut Effects) -> Step {
        if let Some(state) = self.sync.peers.get_mut(&to) {
            state.served = false;
        }
        // The encoding of `SyncMessage::Blocks` around blocks that are stored encoded.
        let mut bytes = encode(&(3u8, u32::try_from(blocks.len()).unwrap_or(u32::MAX)));
        for StoredBlock { block, certificate } in blocks {
            bytes.extend(block);
            bytes.extend(certificate);
        }
        self.send(vec![to], Lane::Sync, bytes, effects);
        Ok(())
    }

    /// Asks for the next blocks if a peer is ahead and nothing is under way.
    fn catch_up(&mut self, effects: &mut Effects) {
        let first = self.next_height();
        #[cfg(feature = "planted-bugs")]
        if planted::is(planted::Plant::SyncNeverEnds) && self.was_down {
            return;
        }
        if self.sync.asked.is_some() || !self.sync.queue.is_empty() || self.sync.best() < first {
            return;
        }
        if let Some(peer) = self.sync.choose(first, self.now) {
            self.sync.asked = Some(Asked { peer, first });
            let count = u32::try_from(MAX_SYNC_BLOCKS).unwrap_or(u32::MAX);
            self.send(vec![peer], Lane::Sync, encode(&SyncMessage::Request { first, count }), effects);
            self.set_alarm(Alarm::Sync, ANSWER_MS, effects);
        } else if let Some(wait_ms) = self.sync.next_chance(first, self.now) {
            self.set_alarm(Alarm::Sync, wait_ms.max(1), effects);
        }
    }

    pub(super) fn sync_alarm(&mut self, effects: &mut Effects) {
        if let Some(asked) = self.sync.asked.take() {
            self.sync.shun(&asked.peer, self.now);
        }
        self.catch_up(effects);
    }

    fn synced_blocks(&mut self, from: Peer, blocks: Vec<SyncedBlock>, effects: &mut Effects) -> Step {
        let Some(asked) = self.sync.asked.take_if(|asked| asked.peer == from) else { return Ok(()) };
        self.clear_alarm(Alarm::Sync, effects);
        let consecutive = (asked.first.0..).zip(&blocks).all(|(height, synced)| synced.block.header.height.0 == height);
        if blocks.is_empty() || !consecutive {
            self.distrust(from, "it promised blocks and sent others, or none", effects);
            return Ok(());
        }
        self.sync.queue = blocks.into();
        self.sync.source = Some(from);
        self.synced_on(effects);
        Ok(())
    }

    fn distrust(&mut self, peer: Peer, reason: &'static str, effects: &mut Effects) {
        self.sync.shun(&peer, self.now);
        effects.push(ReplicaEffect::Misbehaved { peer, reason });
        self.catch_up(effects);
    }

    /// Takes the next synced block in hand, or asks for more.
    pub(super) fn synced_on(&mut self, effects: &mut Effects) {
        let next = self.next_height();
        if self.committing.is_some() {
            return;
        }
        let is_stale = |hash: &Hash| self.candidates.get(hash).is_none_or(|held| held.header.height != next);
        if self.sync.current.as_ref().is_some_and(|current| !is_stale(&current.header_hash)) {
            return;
        }
        self.sync.current = None;
        while self.sync.queue.front().is_some_and(|synced| synced.block.header.height < next) {
            self.sync.queue.pop_front();
        }
        let Some(SyncedBlock { block, certificate }) = self.sync.queue.pop_front() else {
            self.sync.source = None;
            self.catch_up(effects);
            return;
        };
        let header = block.header.clone();
        // Its own copy of the header's hash is what the certificate is checked against.
        let Ok(Some(header_hash)) = self.take_block(block) else {
            self.distrust_source("a synced block that is no block of this chain and height", effects);
            return;
        };
        self.sync.current =
            Some(Current { header_hash, certificate: certificate.clone(), certified: false, told: false });
        let job = Job::Certificate {
            header: Box::new(header),
            certificate: Box::new(certificate),
            kind: self.kind,
            validators: Box::new(self.tip.next_validators.clone()),
        };
        self.work(Purpose::SyncedCertificate(header_hash), None, job, effects);
    }

    fn distrust_source(&mut self, reason: &'static str, effects: &mut Effects) {
        self.sync.current = None;
        match self.sync.source {
            Some(peer) => self.distrust(peer, reason, effects),
            None => self.sync.queue.clear(),
        }
    }

    pub(super) fn synced_certificate(&mut self, hash: &Hash, good: bool, effects: &mut Effects) -> Step {
        let Some(current) = self.sync.current.as_mut().filter(|current| current.header_hash == *hash) else {
            return Ok(());
        };
        if !good {
            self.distrust_source("a certificate that does not verify", effects);
            return Ok(());
        }
        current.certified = true;
        let Some(candidate) = self.candidates.get_mut(hash) else {
            self.sync.current = None;
            self.synced_on(effects);
            return Ok(());
        };
        candidate.certified = true;
        if let Some(Err(invalid)) = &candidate.verdict {
            return Err(crate::port::ReplicaHalt::Divergence {
                height: candidate.header.height,
                header_hash: *hash,
                reason: invalid.to_string(),
            });
        }
        self.pace(effects)?;
        self.advance(hash, effects)?;
        self.tell_synced(hash, effects)
    }

    /// Hands a certified and executed synced block to consensus, once.
    pub(super) fn tell_synced(&mut self, hash: &Hash, effects: &mut Effects) -> Step {
        let is_valid = self.candidates.get(hash).is_some_and(|candidate| candidate.verdict == Some(Ok(())));
        let is_running = self.standing == Standing::Running && self.decided.is_none();
        let Some(current) = self.sync.current.as_mut().filter(|current| current.header_hash == *hash) else {
            return Ok(());
        };
        if !is_valid || !is_running || !current.certified || current.told {
            return Ok(());
        }
        current.told = true;
        let certificate = current.certificate.clone();
        self.tell(Event::Synced { header_hash: *hash, certificate }, effects)
    }
}
