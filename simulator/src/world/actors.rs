//! Actors at work: what their replicas and couriers send is theirs to change, and now and then they act by themselves.
//!
//! An honest process never comes here but to compare the certified headers of a bad chain.

use super::{ChainIndex, Happening, ProcessId, World};
use crate::actors::{Blame, Certified, Deed, Frame, LyingMachine, Role, Stage, behaviour, evidence};
use crate::disk::Tail;
use bridge_courier::driver::{CourierEffect, CourierMessage};
use chain_engine::{Lane, Peer, PublishedBlock};
use chain_state::MemoryStore;
use ledger_protocol::chain::Input;
use ledger_protocol::codec::Bounded;
use ledger_protocol::suite::SecretKey;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// How often a fork is shown, because pools may die with it.
const REPORTS: u32 = 10;
/// The span between two of them.
const REPORT_AGAIN_MS: u64 = 2_000;
/// When a bad validator that noticed what it did comes back.
const BACK_AFTER_MS: u64 = 2_000;
/// Blocks that may be under way when a chain begins to lie.
const UNDER_WAY: u64 = 3;

impl World {
    /// Of whom nothing is asked; before the first event.
    pub(crate) fn blame(&mut self) -> &mut Blame {
        &mut self.cast.blame
    }

    /// Who is bad.
    pub(crate) const fn blamed(&self) -> &Blame {
        &self.cast.blame
    }

    /// What actors did, by kind.
    pub fn misdeeds(&self) -> &BTreeMap<String, u64> {
        &self.cast.misdeeds
    }

    /// Chains whose fork was shown to their relay.
    pub(crate) fn reported(&self) -> impl Iterator<Item = ChainIndex> + '_ {
        self.cast.reported.iter().copied()
    }

    /// As if two certified headers of a chain had been shown to the relay.
    #[cfg(test)]
    pub(crate) fn note_reported(&mut self, chain: ChainIndex) {
        self.cast.reported.insert(chain);
    }

    /// A validator's key, as the chain began.
    pub(crate) fn seat_key(&self, process: ProcessId, chain: ChainIndex) -> Option<SecretKey> {
        self.chain(chain).seats.get(&process)?.clone()
    }

    /// An actor takes its role.
    pub(crate) fn cast(&mut self, role: Role) {
        let number = self.cast.roles.len();
        let begins = role.from_ms.saturating_sub(self.now_ms);
        let acts = behaviour(role.kind).period_ms().is_some();
        self.record(Some(role.process), Some(role.chain), "takes a role", number as u64, role.kind.name().as_bytes());
        self.cast.roles.push(role);
        if acts {
            self.schedule(begins, Happening::Act(number));
        }
    }

    /// Forks of this chain are shown to its relay after a while.
    pub(crate) fn report_forks(&mut self, chain: ChainIndex, relay: ChainIndex, after_ms: u64) {
        self.cast.reports.insert(chain, (relay, after_ms));
    }

    /// From its next blocks on all validators of a chain lie about how legs ended; the count of the lies.
    pub(crate) fn lie(&mut self, chain: ChainIndex, contradicts: bool) -> Arc<AtomicU64> {
        let told = Arc::new(AtomicU64::new(0));
        let from = self.best_height(chain).saturating_add(UNDER_WAY);
        self.record(None, Some(chain), "begins to lie", from.0, &[]);
        let inner = Arc::clone(&self.chain(chain).machine);
        let machine = LyingMachine { inner, from, contradicts, told: Arc::clone(&told) };
        self.chains[chain.0].machine = Arc::new(machine);
        told
    }

    /// Counts lies that were told.
    pub(crate) fn count_lies(&mut self, way: &str, told: &AtomicU64) {
        let told = told.load(Ordering::Relaxed);
        if told > 0 {
            *self.cast.misdeeds.entry(way.to_owned()).or_default() += told;
        }
    }

    /// Counts what a client did.
    pub(crate) fn count_misdeed(&mut self, way: &str) {
        *self.cast.misdeeds.entry(way.to_owned()).or_default() += 1;
    }

    pub(super) fn is_acting(&self, process: ProcessId, chain: ChainIndex) -> bool {
        self.cast.roles.iter().any(|role| role.process == process && role.chain == chain && role.is_active(self.now_ms))
    }

    /// Whether a halt is nobody's fault but that of an actor who made its own replica a liar, or of those who broke the
    /// bound of its chain that way. It counts as a misdeed, and the replica is started again: it wants to go on.
    pub(super) fn excuses_halt(&mut self, process: ProcessId, chain: ChainIndex) -> bool {
        let breaks_chain = self.cast.blame.is_bad_chain(chain);
        let lies = |role: &&Role| {
            role.chain == chain
                && (role.process == process || breaks_chain)
                && role.kind.misleads_its_replica()
                && role.from_ms <= self.now_ms
        };
        let Some(kind) = self.cast.roles.iter().find(lies).map(|role| role.kind) else { return false };
        self.count_misdeed(&format!("{}: halted", kind.name()));
        self.crash(process, Tail::Kept);
        self.schedule(BACK_AFTER_MS, Happening::Start(process));
        true
    }

    /// Lets one role act on its stage.
    fn on_stage<T>(&mut self, number: usize, act: impl FnOnce(&mut Stage<'_>) -> T) -> Option<T> {
        let (process, chain) = self.cast.roles.get(number).map(|role| (role.process, role.chain))?;
        let peer = |process: &ProcessId| self.processes[process.0].peer;
        let seats = &self.chain(chain).seats;
        let others: Vec<Peer> = seats.keys().filter(|other| **other != process).map(peer).collect();
        let is_honest = |other: &&ProcessId| !self.cast.blame.seats().contains(&(**other, chain));
        let honest: Vec<Peer> = seats.keys().filter(is_honest).map(peer).collect();
        let told_otherwise = honest.iter().skip(honest.len() / 2).copied().collect();
        let names = seats.values().flatten().map(SecretKey::address).collect();
        let crate::actors::Cast { roles, random, recorded, misdeeds, pairs, .. } = &mut self.cast;
        let role = roles.get_mut(number)?;
        let forged = Vec::new();
        let mut stage = Stage { role, random, recorded, misdeeds, pairs, others, told_otherwise, names, forged };
        let result = act(&mut stage);
        let forged = stage.forged;
        for one in forged {
            self.certified(process, chain, one);
        }
        Some(result)
    }

    fn roles_of(&self, process: ProcessId, chain: ChainIndex) -> Vec<usize> {
        let roles = self.cast.roles.iter().enumerate();
        let own =
            roles.filter(|(_, role)| role.process == process && role.chain == chain && role.is_active(self.now_ms));
        own.map(|(number, _)| number).collect()
    }

    /// What an actor's replica sends, as the actor wants it.
    pub(super) fn send_otherwise(
        &mut self,
        process: ProcessId,
        chain: ChainIndex,
        to: &[Peer],
        lane: Lane,
        bytes: &Arc<[u8]>,
    ) {
        let mut frames = vec![Frame { to: to.to_vec(), lane, bytes: Arc::clone(bytes) }];
        for number in self.roles_of(process, chain) {
            let acted = self.on_stage(number, |stage| {
                let behaviour = behaviour(stage.role.kind);
                frames.drain(..).flat_map(|frame| behaviour.sends(stage, frame)).collect::<Vec<_>>()
            });
            frames = acted.unwrap_or_default();
        }
        for frame in frames {
            self.record(Some(process), Some(chain), "sends as an actor", frame.to.len() as u64, &frame.bytes);
            self.send_frame(process, chain, &frame.to, frame.lane, &frame.bytes);
        }
    }

    /// What an actor's courier brings, as the actor wants it.
    pub(super) fn bring_otherwise(
        &mut self,
        process: ProcessId,
        chain: ChainIndex,
        effects: Vec<CourierEffect>,
    ) -> Vec<CourierEffect> {
        if !self.is_acting(process, chain) {
            return effects;
        }
        let mut changed = Vec::new();
        for effect in effects {
            match effect {
                CourierEffect::Submit(input) => {
                    let brought = self.bring(process, chain, vec![*input]);
                    changed.extend(brought.into_iter().map(|input| CourierEffect::Submit(Box::new(input))));
                }
                CourierEffect::Send { to, bytes } => match CourierMessage::read(&bytes) {
                    Some(CourierMessage::Deliver(inputs)) => {
                        for input in self.bring(process, chain, inputs.into_vec()) {
                            let Ok(one) = Bounded::new(vec![input]) else { continue };
                            let bytes = CourierMessage::Deliver(one).bytes();
                            changed.push(CourierEffect::Send { to, bytes });
                        }
                    }
                    _ => changed.push(CourierEffect::Send { to, bytes }),
                },
                CourierEffect::SetAlarm { .. } => changed.push(effect),
            }
        }
        changed
    }

    fn bring(&mut self, process: ProcessId, chain: ChainIndex, inputs: Vec<Input>) -> Vec<Input> {
        let mut inputs = inputs;
        for number in self.roles_of(process, chain) {
            let brought = std::mem::take(&mut inputs);
            let acted = self.on_stage(number, |stage| behaviour(stage.role.kind).brings(stage, brought));
            inputs = acted.unwrap_or_default();
        }
        inputs
    }

    /// An actor does what it does by itself, and again after a while.
    pub(super) fn act(&mut self, number: usize) {
        let Some(role) = self.cast.roles.get(number) else { return };
        let (process, chain, until_ms) = (role.process, role.chain, role.until_ms);
        if self.now_ms >= until_ms {
            return;
        }
        let Some(span) = behaviour(role.kind).period_ms() else { return };
        let after_ms = self.cast.random.within(span);
        self.schedule(after_ms, Happening::Act(number));
        if !self.is_up(process) {
            return;
        }
        let deeds = self.on_stage(number, |stage| behaviour(stage.role.kind).acts(stage)).unwrap_or_default();
        for deed in deeds {
            match deed {
                Deed::Send(frame) => {
                    self.record(Some(process), Some(chain), "sends as an actor", frame.to.len() as u64, &frame.bytes);
                    self.send_frame(process, chain, &frame.to, frame.lane, &frame.bytes);
                }
                Deed::Ask(bytes) => self.ask_servers(process, chain, &bytes.into()),
                Deed::Forget { back_after_ms } => {
                    self.crash(process, Tail::Kept);
                    self.record(Some(process), Some(chain), "forgets its log", 0, &[]);
                    self.processes[process.0].disk.forget_log(chain);
                    self.schedule(back_after_ms, Happening::Start(process));
                }
            }
        }
    }

    /// Compares the headers that a bad chain published.
    pub(super) fn compare_certified(&mut self, process: ProcessId, chain: ChainIndex, block: &PublishedBlock) {
        if self.cast.reports.contains_key(&chain) {
            let (header, certificate) = (block.header.clone(), block.certificate.clone());
            self.certified(process, chain, Certified { header, certificate });
        }
    }

    /// A bad chain certified a header: if it certified another one of that height, somebody will say so.
    fn certified(&mut self, process: ProcessId, chain: ChainIndex, one: Certified) {
        let Some((relay, after_ms)) = self.cast.reports.get(&chain).copied() else { return };
        let place = (chain, one.header.height);
        let Some(before) = self.cast.certified.get(&place) else {
            self.cast.certified.insert(place, one);
            return;
        };
        if before.header.hash() == one.header.hash() || self.cast.reported.contains(&chain) {
            return;
        }
        let empty = MemoryStore::default();
        let store = self.processes[process.0].disk.store(chain).unwrap_or(&empty);
        let Some(evidence) = evidence(store, before, &one) else { return };
        self.record(Some(process), Some(chain), "is seen to fork at", one.header.height.0, &[]);
        self.cast.reported.insert(chain);
        let input = Box::new(Input::Evidence(Box::new(evidence)));
        self.schedule(after_ms, Happening::Report { relay, input, left: REPORTS });
    }

    /// Shows evidence to every replica of a relay that is up.
    pub(super) fn show(&mut self, relay: ChainIndex, input: &Input, left: u32) {
        for process in self.seats(relay) {
            if self.is_up(process) {
                self.submit_to(process, relay, input.clone());
            }
        }
        if left > 0 {
            let again = Happening::Report { relay, input: Box::new(input.clone()), left: left - 1 };
            self.schedule(REPORT_AGAIN_MS, again);
        }
    }
}
