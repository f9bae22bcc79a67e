//! Between the engine and its consensus instance: every effect of the one becomes an effect, or a duty, of the other.

use super::{Alarm, Effects, Replica, Step};
use crate::candidates::ProposedIn;
use crate::port::{Lane, Peer, ReplicaEffect, ReplicaHalt, ReplicaTimer, Token};
use crate::wire::{BlockMessage, LogEntry};
use borsh::BorshSerialize;
use chain_consensus::{Effect, Event};
use ledger_protocol::codec::{BoundedBytes, encode};
use ledger_protocol::{Hash, Height, Round};

/// How long an asked peer has to send a block before the next one is asked.
const FETCH_MS: u64 = 300;
/// Most blocks asked for at once.
const MAX_FETCHES: usize = 16;
/// Events that consensus and engine may exchange within one call before something is wrong.
const MAX_EXCHANGES: usize = 100_000;

impl Replica {
    pub(super) fn consensus_message(&mut self, from: Peer, bytes: Vec<u8>, effects: &mut Effects) -> Step {
        // Only validators take part; the instance verifies what they signed.
        if self.is_validator(&from) { self.tell(Event::Message { bytes }, effects) } else { Ok(()) }
    }

    /// Hands an event to consensus and carries its effects out. Events that arise meanwhile wait for their turn: an
    /// effect is never answered inside the call that made it.
    pub(super) fn tell(&mut self, event: Event, effects: &mut Effects) -> Step {
        self.consensus_events.push_back(event);
        if self.driving {
            return Ok(());
        }
        self.driving = true;
        for _ in 0..MAX_EXCHANGES {
            let Some(event) = self.consensus_events.pop_front() else {
                self.driving = false;
                return Ok(());
            };
            let mut asked = Vec::new();
            self.consensus.on(self.now, event, &mut asked)?;
            for effect in asked {
                self.carry_out(effect, effects)?;
            }
        }
        Err(ReplicaHalt::Invariant("consensus and engine come to rest within one call"))
    }

    fn carry_out(&mut self, effect: Effect, effects: &mut Effects) -> Step {
        match effect {
            Effect::Broadcast { bytes } => self.send(self.validators(), Lane::Consensus, bytes, effects),
            Effect::SetTimer { id, after_ms } => {
                effects.push(ReplicaEffect::SetTimer { id: ReplicaTimer::Consensus(id), after_ms });
            }
            Effect::CancelTimer(id) => effects.push(ReplicaEffect::CancelTimer(ReplicaTimer::Consensus(id))),
            Effect::Build { height, round } => return self.start_build(height, round, effects),
            Effect::SendBlock { height, round, valid_round, header_hash } => {
                self.send_block(height, (round, valid_round), &header_hash, effects);
            }
            Effect::NeedBlock { height, header_hash } => return self.need_block(height, header_hash, effects),
            Effect::Append { height, entry } => {
                let entry = BoundedBytes::new(entry)
                    .map_err(|_| ReplicaHalt::Invariant("a consensus log entry is below 4 MiB"))?;
                effects.push(ReplicaEffect::AppendLog { height, entry: encode(&LogEntry::Consensus(entry)) });
            }
            Effect::Barrier(barrier) => {
                let token = Token(self.next_number());
                self.barriers.insert(token, barrier);
                effects.push(ReplicaEffect::Barrier { token });
            }
            Effect::Commit { height, header_hash, certificate } => {
                return self.decide(height, header_hash, certificate, effects);
            }
            Effect::Equivocation(equivocation) => effects.push(ReplicaEffect::Equivocation(equivocation)),
        }
        Ok(())
    }

    fn send_block(&self, height: Height, (round, valid_round): ProposedIn, hash: &Hash, effects: &mut Effects) {
        let Some(candidate) = self.candidates.get(hash).filter(|candidate| candidate.header.height == height) else {
            return;
        };
        // The encoding of `BlockMessage::Proposed`, without decoding and copying the block.
        let mut bytes = encode(&(1u8, round, valid_round));
        bytes.extend_from_slice(&candidate.bytes);
        self.send(self.validators(), Lane::Block, bytes, effects);
    }

    /// Writes a body, or a new proposal of a logged one, into the log.
    pub(super) fn log_body(&mut self, hash: &Hash, proposed: ProposedIn, effects: &mut Effects) {
        let Some(candidate) = self.candidates.get_mut(hash) else { return };
        let height = candidate.header.height;
        let (round, valid_round) = proposed;
        let entry = if candidate.logged {
            encode(&LogEntry::Proposed { header_hash: *hash, round, valid_round })
        } else {
            candidate.logged = true;
            let mut bytes = encode(&(1u8, candidate.built_here.is_some(), round, valid_round));
            bytes.extend_from_slice(&candidate.bytes);
            bytes
        };
        effects.push(ReplicaEffect::AppendLog { height, entry });
    }

    fn need_block(&mut self, height: Height, hash: Hash, effects: &mut Effects) -> Step {
        if height != self.next_height() {
            return Ok(());
        }
        if self.candidates.get(&hash).is_some() {
            // It is here; what consensus lacks is a verdict for a proposal that it knows better than we do.
            return self.advance(&hash, effects);
        }
        self.fetch(hash, effects);
        Ok(())
    }

    /// Asks the next validator for a block under discussion.
    pub(super) fn fetch(&mut self, hash: Hash, effects: &mut Effects) {
        if self.candidates.get(&hash).is_some()
            || (self.fetches.len() >= MAX_FETCHES && !self.fetches.contains_key(&hash))
        {
            self.fetches.remove(&hash);
            return;
        }
        let asked = self.fetches.entry(hash).or_insert(0);
        let turn = *asked as usize;
        *asked = asked.wrapping_add(1);
        let peers = self.validators();
        let Some(place) = turn.checked_rem(peers.len()) else { return };
        if let Some(peer) = peers.get(place) {
            let request = BlockMessage::Request { height: self.next_height(), header_hash: hash };
            self.send(vec![*peer], Lane::Block, encode(&request), effects);
        }
        self.set_alarm(Alarm::Fetch(hash), FETCH_MS, effects);
    }

    /// A block of the next height is here: nobody needs to be asked any more.
    pub(super) fn fetched(&mut self, hash: &Hash, effects: &mut Effects) {
        if self.fetches.remove(hash).is_some() {
            self.clear_alarm(Alarm::Fetch(*hash), effects);
        }
    }

    /// Answers a peer that asks for a block under discussion.
    pub(super) fn answer_block_request(&self, from: Peer, height: Height, hash: &Hash, effects: &mut Effects) {
        match self.candidates.get(hash).filter(|candidate| candidate.header.height == height) {
            Some(candidate) => {
                let proposals: Vec<(Round, Option<Round>)> =
                    candidate.proposals.keys().rev().take(16).copied().collect();
                let mut bytes = encode_answer_head(&proposals);
                bytes.extend_from_slice(&candidate.bytes);
                self.send(vec![from], Lane::Block, bytes, effects);
            }
            // It is committed here: the peer catches up by sync.
            None if height <= self.tip.header.height => self.send(vec![from], Lane::Sync, self.status(), effects),
            None => {}
        }
    }
}

/// The encoding of `BlockMessage::Answer` up to its block.
fn encode_answer_head<T: BorshSerialize>(proposals: &[T]) -> Vec<u8> {
    let mut bytes = vec![3u8];
    bytes.extend(encode(proposals));
    bytes
}
