//! The relay's blocks: proposals that clients submit, and what the subchains answer.
//!
//! Section by section as the relay's machine does it: what a full block postponed, Advances as far as bytes and changes
//! go, Submits, then the queue starts what has a place on each of its chains.

use super::{Arrival, IDLE_US, Message, Model, Next, Say, micros, take};
use ledger_protocol::chain::Parameters;
use relay::coordinator::{STALE_FLOOR_MS, STALE_HEARTBEATS};

/// How long a client waits that was told BUSY.
const BUSY_US: u64 = 1_000_000;

impl Model<'_> {
    pub(super) fn admit_submit(&mut self, id: usize, now_us: u64) {
        let admit_us = self.profile.relay.proposal_admit * self.plan.relay_slowness;
        self.spend_on_relay(now_us, admit_us, 0.0);
        let admitted_us = self.relay.core.works(now_us, admit_us / self.plan.relay_cores);
        self.relay.submits.push_back((admitted_us, id));
    }

    /// The courier sends all that is undelivered with every new block, so every list costs an admission even when one
    /// Advance brings several.
    pub(super) fn admit_at_relay(&mut self, place: usize, now_us: u64, list: Vec<Message>) {
        let admit_us = self.profile.relay.advance_admit * self.plan.relay_slowness;
        self.spend_on_relay(now_us, admit_us, admit_us);
        let admitted_us = self.relay.core.works(now_us, admit_us / self.plan.relay_cores);
        if let Some(chain) = self.chains.get_mut(place) {
            chain.on_relay.push_back((admitted_us, list));
        }
    }

    pub(super) fn relay_turn(&mut self, now_us: u64) {
        let (limits, timing) = (&self.plan.limits, &self.plan.timing);
        let mut bytes_left = limits.relay_interchain_bytes;
        let mut bytes_taken = 0.0;
        let (mut advances, mut empty_advances) = (0.0, 0.0);
        let mut messages: Vec<Message> = self.relay.postponed.drain(..).collect();
        let carried_over = messages.len();
        // Sources take turns at the front, as in the pool.
        let count = self.chains.len();
        let turn = (now_us / 1_000) as usize;
        for place in (0..count).map(|place| (place + turn) % count.max(1)) {
            let Some(chain) = self.chains.get_mut(place) else { continue };
            let size = |list: usize| timing.advance_bytes + list as f64 * timing.message_bytes;
            let ready = chain.on_relay.front().filter(|(ready_us, _)| *ready_us <= now_us).map(|(_, list)| list.len());
            let fits = ready.is_some_and(|list| advances == 0.0 || size(list) <= bytes_left);
            if fits {
                let most = limits
                    .list_messages
                    .min(((bytes_left - size(0)).max(0.0) / timing.message_bytes.max(1.0)) as usize);
                let taken = take(&mut chain.on_relay, now_us, most);
                bytes_left -= size(taken.len());
                bytes_taken += size(taken.len());
                advances += 1.0;
                chain.heard_us = now_us;
                messages.extend(taken);
            } else if ready.is_none() && now_us >= chain.heard_us + empty_step_us() {
                // An Advance without a list, so that the relay does not take the chain for dead.
                bytes_left -= size(0);
                bytes_taken += size(0);
                empty_advances += 1.0;
                chain.heard_us = now_us;
            }
        }
        let room = ((limits.relay_bytes - bytes_taken) / timing.proposal_bytes.max(1.0)) as usize;
        let most = limits.relay_inputs.min(room);
        let ready = self.relay.submits.iter().take(most).take_while(|(ready_us, _)| *ready_us <= now_us).count();
        let submits: Vec<usize> = self.relay.submits.drain(..ready).map(|(_, id)| id).collect();
        let is_idle = messages.is_empty() && submits.is_empty() && self.proposals.is_empty();
        if is_idle && empty_advances == 0.0 {
            // It rests until its heartbeat, or until something comes.
            let rests = if self.plan.cross_percent == 0 {
                u64::from(Parameters::relay().heartbeat_ms) * 1_000
            } else {
                IDLE_US
            };
            return self.at(now_us + rests, Next::Relay);
        }
        let handled = messages.len().min((limits.relay_changes / timing.message_changes.max(1e-3)) as usize);
        self.relay.postponed.extend(messages.drain(handled..));
        let contents = (advances + empty_advances, messages.len() as f64, submits.len() as f64);
        let cost = self.relay_cost(contents, carried_over);
        let votes_us = micros(timing.votes_ms * 1_000.0);
        let after_us = cost.after_us / self.plan.relay_cores;
        let (executed_us, rounds) = self.relay.core.executes(now_us, cost.execute_us, after_us, votes_us);
        self.spend_on_relay(now_us, f64::from(rounds) * cost.execute_us + cost.after_us, cost.on_advances_us);
        let published_us = executed_us + votes_us;
        for message in messages {
            self.hear(message, published_us);
        }
        if !submits.is_empty() {
            self.at(published_us, Next::Ordered(submits.len()));
        }
        self.order(submits, published_us);
        self.start_ready();
        for place in 0..count {
            let Some(waiting) = self.relay.outbox.get_mut(place) else { continue };
            let sends = waiting.len().min(self.plan.limits.list_messages);
            if sends > 0 {
                let list = waiting.drain(..sends).collect();
                let after_ms = self.plan.timing.to_subchain_ms;
                self.send(published_us, after_ms, Arrival::AtSubchain(place, list));
            }
        }
        self.admit_again(published_us);
        if self.is_counted(now_us) {
            self.relay_blocks += 1.0;
        }
        // Of a block that begins before the measured time, or ends after it, what lies within it.
        let end_us = self.warm_us + self.plan.measured_ms * 1_000;
        self.relay_worked_us += published_us.min(end_us).saturating_sub(now_us.max(self.warm_us));
        self.at(published_us.max(now_us + self.plan.relay_interval_ms * 1_000), Next::Relay);
    }

    /// After a block what waits in the pools is judged once more.
    fn admit_again(&mut self, published_us: u64) {
        let waiting = self.chains.iter().filter(|chain| !chain.on_relay.is_empty()).count();
        let admit_us = waiting as f64 * self.profile.relay.advance_admit * self.plan.relay_slowness;
        self.spend_on_relay(published_us, admit_us, admit_us);
        self.relay.core.also_works(admit_us / self.plan.relay_cores);
    }

    fn relay_cost(&self, (advances, messages, submits): (f64, f64, f64), carried_over: usize) -> Cost {
        let (costs, slowness) = (&self.profile.relay, self.plan.relay_slowness);
        let on_advances_us = advances * costs.advance_execute * slowness;
        let execute_us = slowness
            * (self.profile.block.relay_execute + messages * costs.message_execute + submits * costs.proposal_execute)
            + on_advances_us;
        // What was postponed has been carried already.
        let carried = advances + (messages - carried_over as f64).max(0.0) + submits;
        let after_us = slowness * (self.overhead_us() + carried * self.profile.transaction.carried());
        Cost { execute_us, after_us, on_advances_us }
    }

    /// Submits stand in a block: they wait in the queue, or are told BUSY and sent again.
    fn order(&mut self, submits: Vec<usize>, published_us: u64) {
        for id in submits {
            if self.relay.queue.len() >= self.plan.limits.queued {
                self.send(published_us + BUSY_US, self.plan.timing.submit_ms, Arrival::Submitted(id));
            } else {
                self.relay.queue.push_back(id);
            }
        }
    }

    /// What waits in the queue begins in order of arrival if each of its chains has a place.
    fn start_ready(&mut self) {
        let mut waiting = std::mem::take(&mut self.relay.queue);
        let most = self.plan.limits.in_flight;
        waiting.retain(|id| {
            let Some(proposal) = self.proposals.get(id) else { return false };
            let is_full = |leg: &usize| self.chains.get(*leg).is_none_or(|chain| chain.in_flight >= most);
            if proposal.legs.iter().any(is_full) {
                return true;
            }
            for leg in &proposal.legs {
                if let (Some(chain), Some(outbox)) = (self.chains.get_mut(*leg), self.relay.outbox.get_mut(*leg)) {
                    chain.in_flight += 1;
                    outbox.push_back((*id, Say::Prepare));
                }
            }
            false
        });
        self.relay.queue = waiting;
    }

    fn hear(&mut self, (id, say): Message, published_us: u64) {
        let Some(proposal) = self.proposals.get_mut(&id) else { return };
        if say == Say::Vote {
            proposal.votes += 1;
            if proposal.votes == proposal.legs.len() {
                for leg in &proposal.legs {
                    if let Some(outbox) = self.relay.outbox.get_mut(*leg) {
                        outbox.push_back((id, Say::Decision));
                    }
                }
            }
            return;
        }
        proposal.outcomes += 1;
        if proposal.outcomes < proposal.legs.len() {
            return;
        }
        let Some(proposal) = self.proposals.remove(&id) else { return };
        for leg in &proposal.legs {
            if let Some(chain) = self.chains.get_mut(*leg) {
                chain.in_flight -= 1;
            }
        }
        self.at(published_us, Next::Ended(proposal.home, [0, 1]));
        if self.is_counted(published_us) {
            self.done.push(published_us - proposal.born_us);
        }
    }
}

struct Cost {
    execute_us: f64,
    after_us: f64,
    on_advances_us: f64,
}

/// From so long after the last one on, an Advance without a list is worth sending.
fn empty_step_us() -> u64 {
    let heartbeat_ms = u64::from(Parameters::subchain().heartbeat_ms);
    (STALE_HEARTBEATS * heartbeat_ms).max(STALE_FLOOR_MS) / 2 * 1_000
}
