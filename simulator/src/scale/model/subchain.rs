//! A subchain's blocks: transactions of its own clients, and what the relay brings.

use super::{Arrival, Chain, IDLE_US, Message, Model, Next, Say, micros, take};

impl Model<'_> {
    pub(super) fn subchain_turn(&mut self, place: usize, now_us: u64) {
        let limits = &self.plan.limits;
        let Some(chain) = self.chains.get_mut(place) else { return };
        let messages = take(&mut chain.from_relay, now_us, limits.list_messages);
        let local = ready_locals(chain, now_us, limits.subchain_inputs);
        if messages.is_empty() && local == 0 && chain.to_relay.is_empty() {
            return self.at(now_us + IDLE_US, Next::Subchain(place));
        }
        for (id, say) in &messages {
            let answer = if *say == Say::Prepare { Say::Vote } else { Say::Outcome };
            chain.to_relay.push_back((*id, answer));
        }
        let sends = chain.to_relay.len().min(limits.list_messages);
        let list: Vec<Message> = chain.to_relay.drain(..sends).collect();
        let (tx, costs) = (&self.profile.transaction, &self.profile.subchain);
        let advances = if messages.is_empty() { 0.0 } else { 1.0 };
        let (count, slowness) = (messages.len() as f64, self.plan.subchain_slowness);
        let execute_us = slowness
            * (self.profile.block.subchain_execute
                + local as f64 * tx.executed()
                + advances * costs.advance_execute
                + count * costs.message_execute);
        let after_us = slowness
            * (self.overhead_us() + local as f64 * tx.consensus + (local as f64 + advances + count) * tx.carried());
        let Some(chain) = self.chains.get_mut(place) else { return };
        let votes_us = micros(self.plan.timing.votes_ms * 1_000.0);
        let (executed_us, rounds) =
            chain.core.executes(now_us, execute_us, after_us / self.plan.subchain_cores, votes_us);
        self.spend_on_subchain(now_us, f64::from(rounds) * execute_us + after_us);
        let published_us = executed_us + votes_us;
        if self.is_counted(published_us) {
            self.locals += local;
        }
        if local > 0 {
            self.at(published_us, Next::Ended(place, [local, 0]));
        }
        if !list.is_empty() {
            let after_ms = self.plan.timing.to_relay_ms;
            self.send(published_us, after_ms, Arrival::AtRelay(place, list));
        }
        self.at(published_us.max(now_us + self.plan.subchain_interval_ms * 1_000), Next::Subchain(place));
    }

    pub(super) fn admit_locals(&mut self, place: usize, now_us: u64, count: u64) {
        let verify_us = count as f64 * self.profile.transaction.verify * self.plan.subchain_slowness;
        self.spend_on_subchain(now_us, verify_us);
        if let Some(chain) = self.chains.get_mut(place) {
            let admitted_us = chain.core.works(now_us, verify_us / self.plan.subchain_cores);
            chain.local.push_back((admitted_us, count));
        }
    }

    pub(super) fn admit_at_subchain(&mut self, place: usize, now_us: u64, list: Vec<Message>) {
        let admit_us = self.profile.subchain.advance_admit * self.plan.subchain_slowness;
        self.spend_on_subchain(now_us, admit_us);
        if let Some(chain) = self.chains.get_mut(place) {
            let admitted_us = chain.core.works(now_us, admit_us / self.plan.subchain_cores);
            chain.from_relay.push_back((admitted_us, list));
        }
    }
}

/// Takes the transactions that are in the pool, up to a block's limit.
fn ready_locals(chain: &mut Chain, now_us: u64, most: u64) -> u64 {
    let mut taken = 0;
    while let Some((ready_us, count)) = chain.local.front_mut().filter(|_| taken < most) {
        if *ready_us > now_us {
            break;
        }
        let some = (*count).min(most - taken);
        taken += some;
        *count -= some;
        if *count == 0 {
            chain.local.pop_front();
        }
    }
    taken
}
