//! The way of an input into the pool: form, signatures, admission, gossip.
//!
//! Two bounded queues, before the signatures and before the state machine; one job of each kind is under way, and
//! what arrives meanwhile, or within a window when many arrive (`gather`), makes the next batch. A local input is
//! answered exactly once.

use super::gather::Gather;
use super::{Alarm, Effects, Purpose, Replica, Step};
use crate::assemble::{facts_on, leaf_hash};
use crate::job::Job;
use crate::mempool::{PoolEntry, PoolRefusal};
use crate::port::{Lane, Mark, Peer, Phase, ReplicaEffect, ReplyToken, SubmitResult};
use crate::replay::check_window;
use crate::wire::{Gossip, MAX_GOSSIP_BYTES, MAX_GOSSIP_INPUTS};
use chain_state::{Admission, BlockFacts, Refusal};
use ledger_protocol::chain::{Input, InputLeaf, ValidatorSet};
use ledger_protocol::codec::{decode, encode};
use ledger_protocol::transaction::{Transaction, check_signature_form, signature_items};
use ledger_protocol::{Address, Code, Hash, TimestampMs};
use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

/// Most inputs of one verification job.
const VERIFY_BATCH: usize = 2_048;
/// Most inputs of one admission job.
const ADMIT_BATCH: usize = 1_024;

/// Who brought an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    Local(ReplyToken),
    Peer(Peer),
}

/// An input on its way into the pool.
#[derive(Debug)]
pub(super) struct Arrival {
    input: Arc<Input>,
    leaf: InputLeaf,
    hash: Hash,
    bytes: usize,
    origin: Origin,
}

/// The queues before the pool.
#[derive(Debug, Default)]
pub(super) struct Ingress {
    to_verify: VecDeque<Arrival>,
    to_admit: VecDeque<Arrival>,
    verifying: bool,
    admitting: bool,
    under_way: BTreeSet<Hash>,
    bytes: usize,
    gather: Gather,
}

impl Replica {
    pub(super) fn submit(&mut self, input: Input, reply: ReplyToken, effects: &mut Effects) -> Step {
        self.arrive(input, Origin::Local(reply), effects);
        self.flush_ingress(effects);
        Ok(())
    }

    pub(super) fn gossip_message(&mut self, from: Peer, bytes: &[u8], effects: &mut Effects) -> Step {
        let limit = (self.tip.next_parameters.max_block_bytes as usize).saturating_add(MAX_GOSSIP_BYTES);
        match decode::<Gossip>(bytes, limit) {
            Ok(inputs) => {
                for input in inputs {
                    self.arrive(input, Origin::Peer(from), effects);
                }
                self.flush_ingress(effects);
            }
            Err(_) => effects.push(ReplicaEffect::Misbehaved { peer: from, reason: "inputs that do not decode" }),
        }
        Ok(())
    }

    fn arrive(&mut self, input: Input, origin: Origin, effects: &mut Effects) {
        let leaf = input.leaf(self.chain.suite);
        let hash = leaf_hash(&leaf);
        if self.pool.contains(&hash) {
            // The same input again: for its sender nothing is different.
            if let Origin::Local(reply) = origin {
                effects.push(ReplicaEffect::Reply { reply, result: SubmitResult::Accepted { input: hash } });
            }
            return;
        }
        let bytes = encode(&input).len();
        let arrival = Arrival { input: Arc::new(input), leaf, hash, bytes, origin };
        if let Err((code, reason, retry)) = self.check_arrival(&arrival) {
            self.refuse(&arrival, code, reason, retry, effects);
            return;
        }
        self.ingress.bytes += bytes;
        self.ingress.under_way.insert(hash);
        self.ingress.gather.arrived(self.now);
        if self.verified.contains(self.chain.suite, &arrival.leaf) {
            self.ingress.to_admit.push_back(arrival);
        } else {
            self.ingress.to_verify.push_back(arrival);
        }
    }

    fn check_arrival(&self, arrival: &Arrival) -> Result<(), (Code, String, bool)> {
        let parameters = &self.tip.next_parameters;
        if self.ingress.under_way.contains(&arrival.hash) {
            return Err((Code::KNOWN, "the input is being admitted already".into(), true));
        }
        let largest = parameters.max_block_bytes as usize / 2;
        if arrival.bytes > largest {
            return Err((Code::TOO_LARGE, format!("{} bytes, at most {largest} are accepted", arrival.bytes), false));
        }
        let queued = self.ingress.under_way.len();
        if queued >= self.limits.ingress_count || self.ingress.bytes + arrival.bytes > self.limits.ingress_bytes {
            return Err((Code::POOL_FULL, "too many inputs wait for admission".into(), true));
        }
        if let Input::Transaction(transaction) = &*arrival.input {
            self.check_transaction(transaction, &arrival.leaf)?;
        }
        Ok(())
    }

    fn check_transaction(&self, transaction: &Transaction, leaf: &InputLeaf) -> Result<(), (Code, String, bool)> {
        let (next, parameters) = (self.next_height(), &self.tip.next_parameters);
        let is_foreign = transaction.body.chain != self.chain;
        #[cfg(feature = "planted-bugs")]
        let is_foreign = is_foreign && !planted::is(planted::Plant::ForeignTransactionAccepted);
        if is_foreign {
            return Err((Code::FOREIGN, "the transaction is for another chain".into(), false));
        }
        check_signature_form(transaction).map_err(|error| (Code::BAD_SIGNATURE, error.to_string(), false))?;
        if let InputLeaf::Signed { id, .. } = leaf
            && self.replay.contains(id, next, parameters)
        {
            return Err((Code::REPLAYED, "the transaction is in a block already; ask for its receipt".into(), false));
        }
        check_window(&transaction.body.replay, next, parameters).map_err(|(code, reason)| (code, reason, false))
    }

    fn refuse(&self, arrival: &Arrival, code: Code, reason: String, retry: bool, effects: &mut Effects) {
        if code == Code::POOL_FULL {
            effects.push(ReplicaEffect::Observe(Mark::Refused { count: 1 }));
        }
        match arrival.origin {
            Origin::Local(reply) => {
                let retry_after_ms = retry.then(|| u64::from(self.tip.next_parameters.min_block_interval_ms));
                let result = SubmitResult::Refused { code, reason, retry_after_ms };
                effects.push(ReplicaEffect::Reply { reply, result });
            }
            Origin::Peer(peer) if code == Code::BAD_SIGNATURE || code == Code::FOREIGN => {
                effects.push(ReplicaEffect::Misbehaved { peer, reason: "a transaction that no honest pool passes on" });
            }
            Origin::Peer(_) => {}
        }
    }

    fn leave_ingress(&mut self, arrival: &Arrival) {
        self.ingress.bytes -= arrival.bytes;
        self.ingress.under_way.remove(&arrival.hash);
    }

    /// The next block's facts as far as they are known before it is built.
    pub(super) fn expected_facts(&self) -> BlockFacts {
        let after_parent = self.tip.header.timestamp_ms.saturating_add(1);
        let timestamp_ms = TimestampMs(self.now.0.max(after_parent.0));
        let nobody = Address { suite: self.chain.suite, hash: Hash::ZERO };
        facts_on(&self.tip, self.chain, timestamp_ms, self.own_address.unwrap_or(nobody))
    }

    pub(super) fn flush_ingress(&mut self, effects: &mut Effects) {
        if !self.ingress.verifying && !self.ingress.to_verify.is_empty() && self.has_gathered(effects) {
            let count = self.ingress.to_verify.len().min(VERIFY_BATCH);
            let batch: Vec<Arrival> = self.ingress.to_verify.drain(..count).collect();
            let groups = batch.iter().map(|arrival| match &*arrival.input {
                Input::Transaction(transaction) => signature_items(transaction),
                _ => Vec::new(),
            });
            let groups = groups.collect();
            self.ingress.verifying = true;
            self.work(Purpose::VerifyIngress(batch), Some(Phase::Verify), Job::Verify { groups }, effects);
        }
        // While a genesis or a commit is under way the next block's parent is not known: inputs wait.
        if !self.ingress.admitting && !self.ingress.to_admit.is_empty() && self.committing.is_none() {
            let count = self.ingress.to_admit.len().min(ADMIT_BATCH);
            let batch: Vec<Arrival> = self.ingress.to_admit.drain(..count).collect();
            let inputs = batch.iter().map(|arrival| Arc::clone(&arrival.input)).collect();
            let facts = Box::new(self.expected_facts());
            self.ingress.admitting = true;
            self.work(Purpose::AdmitIngress(batch), Some(Phase::Admit), Job::Admit { facts, inputs }, effects);
        }
    }

    /// Whether the batch before the signatures begins now; otherwise an alarm is set for when it does.
    fn has_gathered(&mut self, effects: &mut Effects) -> bool {
        match self.ingress.gather.wait_ms(self.now, self.ingress.to_verify.len()) {
            None => {
                self.clear_alarm(Alarm::Gather, effects);
                true
            }
            Some(wait_ms) => {
                if !self.alarms.contains_key(&Alarm::Gather) {
                    self.set_alarm(Alarm::Gather, wait_ms, effects);
                }
                false
            }
        }
    }

    pub(super) fn ingress_verified(
        &mut self,
        arrivals: Vec<Arrival>,
        verdicts: &[bool],
        effects: &mut Effects,
    ) -> Step {
        self.ingress.verifying = false;
        self.ended(Phase::Verify, arrivals.len(), effects);
        for (index, arrival) in arrivals.into_iter().enumerate() {
            if verdicts.get(index).copied().unwrap_or(false) {
                self.verified.insert(self.chain.suite, &arrival.leaf);
                self.ingress.to_admit.push_back(arrival);
            } else {
                self.leave_ingress(&arrival);
                self.refuse(&arrival, Code::BAD_SIGNATURE, "a signature is not valid".into(), false, effects);
            }
        }
        self.flush_ingress(effects);
        Ok(())
    }

    pub(super) fn ingress_admitted(
        &mut self,
        arrivals: Vec<Arrival>,
        answers: Vec<Result<Admission, Refusal>>,
        effects: &mut Effects,
    ) -> Step {
        self.ingress.admitting = false;
        self.ended(Phase::Admit, arrivals.len(), effects);
        let mut gossip = Vec::new();
        for (arrival, answer) in arrivals.into_iter().zip(answers) {
            self.leave_ingress(&arrival);
            // A block may have been committed meanwhile.
            let checked = self.check_arrival(&arrival);
            let admitted = match (checked, answer) {
                (Err((code, reason, retry)), _) => Err(PoolRefusal { code, reason, retry }),
                (Ok(()), Err(Refusal { code, reason })) => Err(PoolRefusal { code, reason, retry: false }),
                (Ok(()), Ok(admission)) => self.pool.insert(PoolEntry {
                    input: Arc::clone(&arrival.input),
                    leaf: arrival.leaf.clone(),
                    hash: arrival.hash,
                    bytes: arrival.bytes,
                    admission,
                }),
            };
            match admitted {
                Ok(evicted) => {
                    self.dropped(evicted, Code::POOL_FULL, "it had to make room in the pool", effects);
                    if let Origin::Local(reply) = arrival.origin {
                        let result = SubmitResult::Accepted { input: arrival.hash };
                        effects.push(ReplicaEffect::Reply { reply, result });
                    }
                    #[cfg(feature = "planted-bugs")]
                    if self.forgets_accepted(&arrival.hash) {
                        continue;
                    }
                    let from_validator = matches!(arrival.origin, Origin::Peer(peer) if self.is_validator(&peer));
                    if !from_validator {
                        gossip.push((arrival.bytes, arrival.input));
                    }
                }
                Err(PoolRefusal { code, reason, retry }) => self.refuse(&arrival, code, reason, retry, effects),
            }
        }
        self.gossip(&self.validators(), gossip, effects);
        self.observe_pool(effects);
        self.flush_ingress(effects);
        self.work_arrived(effects)
    }

    /// Every tenth input, not the same one everywhere.
    #[cfg(feature = "planted-bugs")]
    fn forgets_accepted(&mut self, hash: &Hash) -> bool {
        let number = |bytes: &[u8]| bytes.first().copied().map_or(0, u16::from);
        let drawn = number(hash.as_bytes()) + number(self.own_peer.0.as_bytes());
        let forgets = planted::is(planted::Plant::PoolDropsAccepted) && drawn % 10 == 0;
        if forgets {
            self.pool.remove(hash);
        }
        forgets
    }

    /// After a hand-off: validators that were none before hear of the transactions that wait. Those who took them may all
    /// be retired now, and would never propose them. System inputs are the couriers' to bring again.
    pub(super) fn pass_on(&self, before: &ValidatorSet, effects: &mut Effects) {
        let was = |peer: &Peer| before.validators().iter().any(|validator| validator.network_key_hash == peer.0);
        let to: Vec<Peer> = self.validators().into_iter().filter(|peer| !was(peer)).collect();
        if !to.is_empty() {
            let waiting = self.pool.transactions().map(|entry| (entry.bytes, Arc::clone(&entry.input))).collect();
            self.gossip(&to, waiting, effects);
        }
    }

    /// Passes inputs on to validators.
    fn gossip(&self, to: &[Peer], inputs: Vec<(usize, Arc<Input>)>, effects: &mut Effects) {
        for is_transaction in [true, false] {
            let lane = if is_transaction { Lane::Transactions } else { Lane::Courier };
            let mut message = GossipMessage::default();
            for (bytes, input) in &inputs {
                if matches!(**input, Input::Transaction(_)) != is_transaction {
                    continue;
                }
                if message.count >= MAX_GOSSIP_INPUTS || (message.count > 0 && message.bytes + bytes > MAX_GOSSIP_BYTES)
                {
                    self.send(to.to_vec(), lane, std::mem::take(&mut message).finish(), effects);
                }
                message.push(*bytes, input);
            }
            if message.count > 0 {
                self.send(to.to_vec(), lane, message.finish(), effects);
            }
        }
    }

    pub(super) fn dropped(&self, entries: Vec<PoolEntry>, code: Code, reason: &str, effects: &mut Effects) {
        if entries.is_empty() {
            return;
        }
        effects.push(ReplicaEffect::Observe(Mark::Dropped { count: entries.len() as u64 }));
        for entry in entries {
            effects.push(ReplicaEffect::Dropped { input: entry.hash, code, reason: reason.into() });
        }
    }

    pub(super) fn observe_pool(&self, effects: &mut Effects) {
        let (count, bytes) = (self.pool.len() as u64, self.pool.bytes() as u64);
        effects.push(ReplicaEffect::Observe(Mark::Pool { count, bytes }));
    }

    /// After a commit: what the block holds and what expired leaves; what may have become stale is judged again.
    pub(super) fn refresh_pool(&mut self, committed: &[Hash], effects: &mut Effects) {
        for hash in committed {
            self.pool.remove(hash);
        }
        let expired = self.pool.expire(self.next_height());
        self.dropped(expired, Code::WINDOW, "its validity window ended before it was in a block", effects);
        self.observe_pool(effects);
        let (hashes, inputs): (Vec<Hash>, Vec<Arc<Input>>) =
            self.pool.revocable().take(ADMIT_BATCH).map(|entry| (entry.hash, Arc::clone(&entry.input))).unzip();
        if !hashes.is_empty() {
            let facts = Box::new(self.expected_facts());
            self.work(Purpose::Readmit(hashes), Some(Phase::Admit), Job::Admit { facts, inputs }, effects);
        }
        self.flush_ingress(effects);
    }

    pub(super) fn readmitted(
        &mut self,
        hashes: &[Hash],
        answers: Vec<Result<Admission, Refusal>>,
        effects: &mut Effects,
    ) {
        self.ended(Phase::Admit, hashes.len(), effects);
        for (hash, answer) in hashes.iter().zip(answers) {
            let Some(held) = self.pool.remove(hash) else { continue };
            match answer {
                Ok(admission) => {
                    let rivals = self.pool.insert(PoolEntry { admission, ..held.clone() });
                    match rivals {
                        Ok(outranked) => self.dropped(outranked, Code::KNOWN, "one of greater rank came", effects),
                        Err(refused) => self.dropped(vec![held], refused.code, &refused.reason, effects),
                    }
                }
                Err(refusal) => self.dropped(vec![held], refusal.code, &refusal.reason, effects),
            }
        }
    }
}

/// A [`Gossip`] under construction: borsh writes a list as its count and its elements.
#[derive(Default)]
struct GossipMessage {
    count: usize,
    bytes: usize,
    body: Vec<u8>,
}

impl GossipMessage {
    fn push(&mut self, bytes: usize, input: &Input) {
        self.count += 1;
        self.bytes += bytes;
        self.body.extend(encode(input));
    }

    fn finish(self) -> Vec<u8> {
        // At most 1,024 inputs.
        let mut message = encode(&u32::try_from(self.count).unwrap_or(u32::MAX));
        message.extend(self.body);
        message
    }
}
