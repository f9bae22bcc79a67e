//! The host: what happens to a validator, and what the effects of its consensus do.

use super::node::{Block, Happening, Op, Place, Says, body, header_of};
use super::{Crash, Host, Key, World, config, said};
use crate::bft::BftConsensus;
use crate::bft::encoding::decode_entry;
use crate::port::{Consensus, Effect, Event, HeightSettings};
use crate::proposer_order::{RecentHeader, proposer_order};
use ledger_protocol::{Height, TimestampMs};
use std::sync::Arc;

impl World {
    pub(super) fn settings(&self, node: usize, height: Height) -> HeightSettings {
        let disk = &self.nodes[node].disk;
        let recent: Vec<RecentHeader> = (1..height.0)
            .map(|height| {
                let (hash, _) = disk.commit(Height(height)).unwrap();
                let (height, round, builder) = header_of(&disk.body(&hash).unwrap());
                let proposer = self.nodes[builder].address;
                RecentHeader { height, round, proposer }
            })
            .collect();
        let proposer_order = proposer_order(height, &self.set, &recent);
        HeightSettings { height, validators: self.set.clone(), proposer_order, signs: true, forgot: false }
    }

    pub(super) fn happen(&mut self, node: usize, happening: Happening) -> Result<(), Crash> {
        match happening {
            Happening::Restart => {
                let key = Key(self.nodes[node].key.clone());
                let instance = BftConsensus::new(config(self.scenario.suite), Box::new(key)).unwrap();
                self.nodes[node].instance = Some(instance);
                self.outcome.restarts += u64::from(self.nodes[node].process > 0);
                let height = Height(self.nodes[node].disk.height() + 1);
                let replay = match self.scenario.host {
                    Host::NoReplay => Vec::new(),
                    Host::Good | Host::LyingDisk => self.nodes[node].disk.entries(height),
                };
                self.outcome.replayed += replay.len() as u64;
                let settings = self.settings(node, height);
                let poll_us = 100_000 + self.draw(300_000);
                self.own(poll_us, node, Happening::Poll);
                self.tell(node, Event::Start { settings, replay })
            }
            Happening::Begin(height) => {
                let settings = self.settings(node, height);
                self.tell(node, Event::Start { settings, replay: Vec::new() })?;
                let (now, later) =
                    std::mem::take(&mut self.nodes[node].early).into_iter().partition(|block| block.height <= height);
                self.nodes[node].early = later;
                let now: Vec<Block> = now;
                for block in now {
                    self.block(node, block)?;
                }
                Ok(())
            }
            Happening::Tell(event) => self.tell(node, event),
            Happening::Timer(id) => {
                if self.nodes[node].timers.remove(&id) {
                    return self.tell(node, Event::Timer(id));
                }
                Ok(())
            }
            Happening::Persist(id, length) => {
                self.point()?;
                if self.scenario.host != Host::LyingDisk {
                    self.sync(node, length);
                }
                self.point()?;
                self.tell(node, Event::Persisted(id))
            }
            Happening::Build(height, round) => {
                if self.nodes[node].disk.height() + 1 != height.0 {
                    return Ok(());
                }
                self.serial += 1;
                let body = Arc::new(body(height, round, node, self.serial));
                let header_hash = self.scenario.suite.hash_parts(&[&body]);
                self.nodes[node].disk.log.push(Op::Body(header_hash, body));
                self.tell(node, Event::Built { height, round, header_hash })
            }
            Happening::Block(block) => self.block(node, block),
            Happening::Want(height, hash) => {
                if self.nodes[node].disk.height() >= height.0 {
                    return Ok(());
                }
                if let Some(body) = self.nodes[node].disk.body(&hash) {
                    let (_, round, _) = header_of(&body);
                    return self.block(node, Block { height, round, valid_round: None, body });
                }
                let peer = self.other(node);
                self.send(peer, Happening::Request(node, height, hash));
                self.own(100_000, node, Happening::Want(height, hash));
                Ok(())
            }
            Happening::Request(from, height, hash) => {
                if let Some(body) = self.nodes[node].disk.body(&hash) {
                    let (_, round, _) = header_of(&body);
                    self.send(from, Happening::Block(Block { height, round, valid_round: None, body }));
                }
                Ok(())
            }
            Happening::Poll => {
                let height = Height(self.nodes[node].disk.height() + 1);
                let peer = self.other(node);
                self.send(peer, Happening::SyncRequest(node, height));
                self.own(400_000, node, Happening::Poll);
                Ok(())
            }
            Happening::SyncRequest(from, height) => {
                if let Some((hash, certificate)) = self.nodes[node].disk.commit(height) {
                    let body = self.nodes[node].disk.body(&hash).unwrap();
                    self.send(from, Happening::SyncAnswer(height, body, certificate));
                }
                Ok(())
            }
            Happening::SyncAnswer(height, body, certificate) => {
                if self.nodes[node].disk.height() + 1 != height.0 {
                    return Ok(());
                }
                let header_hash = self.scenario.suite.hash_parts(&[&body]);
                if self.nodes[node].disk.body(&header_hash).is_none() {
                    self.nodes[node].disk.log.push(Op::Body(header_hash, body));
                }
                self.outcome.synced += 1;
                self.tell(node, Event::Synced { header_hash, certificate })?;
                // Catching up goes on without waiting for the next poll.
                let peer = self.other(node);
                let height = Height(self.nodes[node].disk.height() + 1);
                self.send(peer, Happening::SyncRequest(node, height));
                Ok(())
            }
        }
    }

    pub(super) fn other(&mut self, node: usize) -> usize {
        let peers = self.peers(node);
        if peers.is_empty() { node } else { peers[self.draw(peers.len() as u64) as usize] }
    }

    pub(super) fn block(&mut self, node: usize, block: Block) -> Result<(), Crash> {
        let current = self.nodes[node].disk.height() + 1;
        if block.height.0 > current {
            self.nodes[node].early.push(block);
            return Ok(());
        }
        if block.height.0 < current {
            return Ok(());
        }
        let (_, _, builder) = header_of(&block.body);
        let header_hash = self.scenario.suite.hash_parts(&[&block.body]);
        if self.nodes[node].disk.body(&header_hash).is_none() {
            self.nodes[node].disk.log.push(Op::Body(header_hash, block.body));
        }
        let (height, round, valid_round) = (block.height, block.round, block.valid_round);
        let proposer = self.nodes[builder].address;
        let valid = self.scenario.refuses != Some(node) || builder == node;
        self.tell(node, Event::Judged { height, round, valid_round, proposer, header_hash, valid })
    }

    pub(super) fn sync(&mut self, node: usize, length: usize) {
        let (address, from) = (self.nodes[node].address, self.nodes[node].disk.durable);
        if length <= from {
            return;
        }
        self.nodes[node].disk.barriers += 1;
        self.nodes[node].disk.durable = length;
        let own: Vec<(Place, Says)> = self.nodes[node].disk.log[from..length]
            .iter()
            .filter_map(|op| match op {
                Op::Entry(height, bytes) => said(node, &address, &decode_entry(*height, bytes).unwrap()),
                _ => None,
            })
            .collect();
        for (place, says) in &own {
            self.signed.entry(*place).or_default().insert(*says);
        }
        self.nodes[node].signed_durably.extend(own);
    }

    pub(super) fn tell(&mut self, node: usize, event: Event) -> Result<(), Crash> {
        let mut effects = Vec::new();
        let now = TimestampMs(self.now_us / 1_000);
        let result = self.nodes[node].instance.as_mut().unwrap().on(now, event, &mut effects);
        for effect in effects {
            self.trace.update(format!("{} {node} {effect:?}\n", self.now_us).as_bytes());
            self.point()?;
            self.effect(node, effect)?;
        }
        if let Err(halt) = result {
            self.nodes[node].halt = Some(halt);
        }
        Ok(())
    }

    pub(super) fn effect(&mut self, node: usize, effect: Effect) -> Result<(), Crash> {
        match effect {
            Effect::Broadcast { bytes } => {
                self.check_published(node, &bytes);
                for peer in self.peers(node) {
                    self.point()?;
                    self.send(peer, Happening::Tell(Event::Message { bytes: bytes.clone() }));
                }
            }
            Effect::SetTimer { id, after_ms } => {
                self.nodes[node].timers.insert(id);
                self.own(after_ms * 1_000, node, Happening::Timer(id));
            }
            Effect::CancelTimer(id) => {
                self.nodes[node].timers.remove(&id);
            }
            Effect::Build { height, round } => self.own(2_000, node, Happening::Build(height, round)),
            Effect::SendBlock { height, round, valid_round, header_hash } => {
                self.outcome.reproposals += u64::from(valid_round.is_some());
                match self.nodes[node].disk.body(&header_hash) {
                    None => self.fault(format!("validator {node} is to send a block it does not have")),
                    Some(body) => {
                        for peer in self.peers(node) {
                            self.point()?;
                            self.send(peer, Happening::Block(Block { height, round, valid_round, body: body.clone() }));
                        }
                    }
                }
            }
            Effect::NeedBlock { height, header_hash } => self.own(30_000, node, Happening::Want(height, header_hash)),
            Effect::Append { height, entry } => {
                let input = decode_entry(height, &entry).expect("an entry decodes");
                if let Some((place, says)) = said(node, &self.nodes[node].address, &input) {
                    self.made.entry(place).or_default().insert(says);
                }
                self.nodes[node].disk.log.push(Op::Entry(height, entry));
            }
            Effect::Barrier(id) => {
                let (length, delay_us) = (self.nodes[node].disk.log.len(), 200 + self.draw(2_000));
                self.own(delay_us, node, Happening::Persist(id, length));
            }
            Effect::Commit { height, header_hash, certificate } => {
                self.check_commit(node, height, header_hash, &certificate);
                self.nodes[node].disk.log.push(Op::Commit(height, header_hash, certificate));
                let length = self.nodes[node].disk.log.len();
                self.sync(node, length);
                self.point()?;
                let delay_us = self.draw(2_000);
                self.own(delay_us, node, Happening::Begin(Height(height.0 + 1)));
            }
            Effect::Equivocation(equivocation) => {
                self.fault(format!("an honest validator is said to contradict itself: {equivocation:?}"));
            }
        }
        Ok(())
    }
}
