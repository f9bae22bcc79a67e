//! What an event does: it reaches a replica that is still alive, or nobody.

use super::{ChainIndex, Happening, ProcessId, World};
use chain_engine::ReplicaEvent;

impl World {
    pub(super) fn happen(&mut self, happening: Happening) {
        self.events += 1;
        match happening {
            Happening::Start(process) => self.start(process),
            Happening::Connect { pair, lives } => self.connect(pair, lives),
            Happening::Notice { pair, epoch } => self.notice(pair, epoch),
            Happening::Deliver { to, from, epoch, chain, lane, bytes } => {
                if self.link_epoch(from, to) != Some(epoch) {
                    return;
                }
                self.record(Some(to), Some(chain), "receives from", from.0 as u64, &bytes);
                let from = self.processes[from.0].peer;
                self.tell(to, chain, ReplicaEvent::Message { from, lane, bytes: bytes.to_vec() });
            }
            Happening::Timer { process, life, chain, id } => {
                if !self.lives(process, life) {
                    return;
                }
                if let Some(running) = self.processes[process.0].running.get_mut(&chain) {
                    running.timers.remove(&id);
                }
                self.record(Some(process), Some(chain), "timer", 0, format!("{id:?}").as_bytes());
                self.tell(process, chain, ReplicaEvent::Timer(id));
            }
            Happening::Persisted { process, life, chain, token, point } => {
                if !self.lives(process, life) {
                    return;
                }
                if !self.config.disks_lie {
                    self.processes[process.0].disk.synced(point);
                }
                self.record(Some(process), Some(chain), "persisted", token.0, &[]);
                self.tell(process, chain, ReplicaEvent::Persisted { token });
            }
            Happening::Done { process, life, chain, token, result } => {
                if !self.lives(process, life) {
                    return;
                }
                self.record(Some(process), Some(chain), "done", token.0, &[]);
                self.tell(process, chain, ReplicaEvent::Done { token, result: *result });
            }
            Happening::Submit { process, chain, input, reply } => {
                if !self.is_up(process) {
                    return;
                }
                self.record(Some(process), Some(chain), "submitted", reply.0, &ledger_protocol::codec::encode(&input));
                self.tell(process, chain, ReplicaEvent::Submit { input, reply });
            }
            Happening::Courier(happening) => self.courier_happens(happening),
            Happening::Act(role) => self.act(role),
            Happening::Report { relay, input, left } => self.show(relay, &input, left),
        }
    }

    pub(super) fn lives(&self, process: ProcessId, life: u64) -> bool {
        let here = &self.processes[process.0];
        here.is_up && here.life == life
    }

    /// Hands an event to a replica, if it runs, and carries out what it asks for.
    pub(super) fn tell(&mut self, process: ProcessId, chain: ChainIndex, event: ReplicaEvent) {
        let now = self.reading(process);
        let step = super::Step::of_event(chain, &event);
        let (told, _) = self.charged(process, &step, |world, _| {
            let running = world.processes[process.0].running.get_mut(&chain)?;
            let mut effects = Vec::new();
            let result = running.replica.on(now, event, &mut effects);
            Some((result, effects))
        });
        let Some((result, effects)) = told else { return };
        self.perform(process, chain, effects);
        if let Err(halt) = result
            && self.processes[process.0].running.contains_key(&chain)
        {
            self.halted(process, chain, &halt.to_string());
        }
    }
}
