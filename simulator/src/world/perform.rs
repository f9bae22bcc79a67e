//! Carries out a replica's effects, in order; a planned crash cuts the row of effects anywhere.

use super::{ChainIndex, Happening, ProcessId, World};
use crate::property::Fact;
use crate::signer::SignedMessage;
use chain_engine::{Job, JobResult, Lane, Mark, Peer, Phase, PublishedBlock, ReplicaEffect, ReplicaTimer, Token};
use chain_state::{ExecuteError, MemoryStore};
use std::sync::{Arc, PoisonError};

/// Accusations that a process keeps whole.
const MAX_KEPT: usize = 1_024;

impl World {
    pub(super) fn perform(&mut self, process: ProcessId, chain: ChainIndex, effects: Vec<ReplicaEffect>) {
        let life = self.processes[process.0].life;
        for effect in effects {
            if self.finds_disk_full(process, &effect) {
                return;
            }
            if !matches!(effect, ReplicaEffect::Observe(_)) {
                self.strike();
                if !self.lives(process, life) {
                    return;
                }
                self.effects += 1;
            }
            self.carry_out(process, life, chain, effect);
            if self.failure.is_some() {
                return;
            }
        }
    }

    fn carry_out(&mut self, process: ProcessId, life: u64, chain: ChainIndex, effect: ReplicaEffect) {
        match effect {
            ReplicaEffect::Send { to, lane, bytes } => self.send(process, chain, &to, lane, &bytes.into()),
            ReplicaEffect::SetTimer { id, after_ms } => {
                self.record(Some(process), Some(chain), "sets timer", after_ms, &[]);
                let moment = self.schedule(after_ms, Happening::Timer { process, life, chain, id });
                self.replace_timer(process, chain, id, Some(moment));
            }
            ReplicaEffect::CancelTimer(id) => self.replace_timer(process, chain, id, None),
            ReplicaEffect::Work { token, job } => self.work(process, life, chain, token, job),
            ReplicaEffect::AppendLog { height, entry } => {
                self.record(Some(process), Some(chain), "appends", height.0, &entry);
                self.processes[process.0].disk.append(chain, height, entry);
            }
            ReplicaEffect::Barrier { token } => {
                self.record(Some(process), Some(chain), "barrier", token.0, &[]);
                let point = self.processes[process.0].disk.barrier();
                self.sync(process, life, chain, token, point);
            }
            ReplicaEffect::Commit { token, batch, height } => {
                self.record(Some(process), Some(chain), "commits", height.0, &[]);
                self.observe(process, chain, &Fact::Committing { height, batch: &batch });
                let point = self.processes[process.0].disk.commit(chain, batch, height);
                self.sync(process, life, chain, token, point);
            }
            ReplicaEffect::Published(block) => self.published(process, chain, &block),
            ReplicaEffect::Reply { reply, result } => {
                self.record(Some(process), Some(chain), "replies", reply.0, format!("{result:?}").as_bytes());
                if self.own_replies.remove(&reply.0) {
                    self.answered(process, chain, &result);
                    self.replies.insert(reply.0, result);
                }
            }
            ReplicaEffect::Dropped { input, code, .. } => {
                self.told_dropped(process, chain, &input);
                self.record(Some(process), Some(chain), "drops", code.0.into(), input.as_bytes());
            }
            ReplicaEffect::Equivocation(equivocation) => {
                let validator = equivocation.address();
                self.record(Some(process), Some(chain), "accuses", equivocation.height.0, validator.hash.as_bytes());
                *self.accusations.entry((chain, validator)).or_default() += 1;
                let kept = self.evidence.entry((process, chain)).or_default();
                if kept.len() < MAX_KEPT {
                    kept.push(*equivocation);
                }
            }
            ReplicaEffect::Misbehaved { reason, .. } => {
                self.record(Some(process), Some(chain), "distrusts", 0, reason.as_bytes());
            }
            ReplicaEffect::Observe(Mark::Begin { phase: Phase::Consensus, height, .. }) => {
                self.observe(process, chain, &Fact::HeightBegun { height });
            }
            ReplicaEffect::Observe(_) => {}
        }
    }

    fn replace_timer(
        &mut self,
        process: ProcessId,
        chain: ChainIndex,
        id: ReplicaTimer,
        moment: Option<super::Moment>,
    ) {
        let Some(running) = self.processes[process.0].running.get_mut(&chain) else { return };
        let before = match moment {
            Some(moment) => running.timers.insert(id, moment),
            None => running.timers.remove(&id),
        };
        if let Some(before) = before {
            self.queue.remove(&before);
        }
    }

    fn sync(&mut self, process: ProcessId, life: u64, chain: ChainIndex, token: Token, point: crate::disk::SyncPoint) {
        let takes_ms = self.on_disk.within(self.config.sync_ms);
        let disk = &mut self.processes[process.0].disk;
        let done_ms = disk.busy_until_ms.max(self.now_ms) + takes_ms + disk.slower_by_ms;
        disk.busy_until_ms = done_ms;
        let after_ms = done_ms - self.now_ms;
        self.schedule(after_ms, Happening::Persisted { process, life, chain, token, point });
    }

    /// Runs the job on the store as it is now, and answers when the seed says.
    fn work(&mut self, process: ProcessId, life: u64, chain: ChainIndex, token: Token, job: Job) {
        self.record(Some(process), Some(chain), "works on", token.0, &job.count().to_le_bytes());
        let step = super::Step::of_job(chain, &job);
        let (result, busy_ms) = self.charged(process, &step, |world, step| {
            let empty = MemoryStore::default();
            let disk = &world.processes[process.0].disk;
            let store = disk.reader(disk.store(chain).unwrap_or(&empty));
            let block = if let Job::Execute { inputs, .. } = &job { Some(Arc::clone(inputs)) } else { None };
            let result = job.run(&*world.chain(chain).machine, &store);
            if let (JobResult::Executed(Err(ExecuteError::Invalid { index, .. })), Some(block)) = (&result, block) {
                step.stopped_at(block.inputs(), *index);
            }
            Box::new(result)
        });
        let after_ms = self.on_work.within(self.config.work_ms).max(busy_ms);
        self.schedule(after_ms, Happening::Done { process, life, chain, token, result });
    }

    fn published(&mut self, process: ProcessId, chain: ChainIndex, block: &Arc<PublishedBlock>) {
        let height = block.header.height;
        self.record(Some(process), Some(chain), "publishes", height.0, block.header_hash.as_bytes());
        let here = &mut self.chains[chain.0];
        let is_first = height > here.published.0;
        if is_first {
            here.published = (height, block.header_hash);
            here.final_inputs += block.inputs.len() as u64;
        }
        self.became_final(process, chain, &block.inputs);
        self.observe(process, chain, &Fact::Published { block, is_first });
        self.compare_certified(process, chain, block);
        self.courier_published(process, chain, block);
    }

    fn send(&mut self, process: ProcessId, chain: ChainIndex, to: &[Peer], lane: Lane, bytes: &Arc<[u8]>) {
        self.record(Some(process), Some(chain), "sends", to.len() as u64, bytes);
        if self.cast.listens() {
            self.cast.hears(chain, lane, bytes);
        }
        // Before an actor's turn: the validator beside a dishonest courier is honest, and held to what it signs.
        if lane == Lane::Consensus {
            for message in self.signatures_in(process, chain, bytes) {
                self.observe(process, chain, &Fact::SignatureLeft(&message));
            }
        }
        if self.is_acting(process, chain) {
            return self.send_otherwise(process, chain, to, lane, bytes);
        }
        self.send_frame(process, chain, to, lane, bytes);
    }

    pub(super) fn send_frame(
        &mut self,
        process: ProcessId,
        chain: ChainIndex,
        to: &[Peer],
        lane: Lane,
        bytes: &Arc<[u8]>,
    ) {
        for peer in to {
            let receivers = self.processes.iter().enumerate().filter(|(_, other)| other.peer == *peer);
            let receivers: Vec<ProcessId> = receivers.map(|(number, _)| ProcessId(number)).collect();
            for receiver in receivers {
                self.send_to(process, chain, receiver, lane, bytes);
            }
        }
    }

    fn send_to(&mut self, from: ProcessId, chain: ChainIndex, to: ProcessId, lane: Lane, bytes: &Arc<[u8]>) {
        let Some(epoch) = self.link_epoch(from, to) else { return };
        let stream = (from, to, lane as u8, chain);
        for at_ms in self.network.arrivals(&mut self.on_network, self.now_ms, stream, bytes.len()) {
            let bytes = self.network.carried(&mut self.on_network, stream, bytes);
            let deliver = Happening::Deliver { to, from, epoch, chain, lane, bytes };
            self.schedule(at_ms - self.now_ms, deliver);
        }
    }

    /// The process's own signatures that stand in a message: from now on they bind it.
    fn signatures_in(&self, process: ProcessId, chain: ChainIndex, bytes: &[u8]) -> Vec<SignedMessage> {
        let Some(signed) = self.processes[process.0].signed.get(&chain) else { return Vec::new() };
        let signed = signed.lock().unwrap_or_else(PoisonError::into_inner);
        // A signature is found by its bytes, so that this does not depend on the messages' encoding.
        // The first byte is asked first: this looks at every byte of every consensus message.
        let stands_in = |signature: &[u8; 64]| {
            bytes.windows(64).any(|window| window.first() == signature.first() && window == signature)
        };
        let newest = signed.iter().filter(|(signature, _)| stands_in(signature));
        newest.map(|(_, message)| *message).collect()
    }
}
