//! Writes: what was voted is what is written (S2). When a leg is applied, its Submit's writes are in that block, each with
//! the value that the call names; counters change by the sum of all amounts of the block; a key of a business ledger that
//! nobody wrote in a block does not change in it, least of all those of a leg that is released. The root of a YES vote
//! stands in the leg's record and in its Outcome.
//!
//! The writes come from the Submit as the relay ordered it and from the block's own transactions, never from what the
//! subchain staged. A block with an operation that writes otherwise (declarations) is not asked for unexplained changes.

use super::{Fact, Observation, Property, reading};
use crate::failure::Contradiction;
use crate::world::ChainIndex;
use chain_engine::{ChainReader, PublishedBlock};
use chain_state::{BlockState, Place};
use ledger_protocol::chain::Input;
use ledger_protocol::codec::decode;
use ledger_protocol::interchain::{MessageContent, OutcomeResult, Verdict};
use ledger_protocol::proposal::{Call, LockKey, MAX_LEG_BYTES};
use ledger_protocol::transaction::{ChangeKind, LedgerOperation, Operation, Operations, StateContent, StateValue};
use ledger_protocol::{ChainId, Code, Hash, Height, LedgerId, ProposalId, Suite, SuiteHash, Version};
use std::collections::{BTreeMap, BTreeSet};
use subchain::participant::LegId;
use subchain::participant::table::LegState;

/// What a leg has said and where it stands, with the height of its chain since when.
#[derive(Debug, Clone, Copy)]
struct Seen {
    state: Option<LegState>,
    voted: Option<SuiteHash>,
    since: Height,
}

/// What a block must write.
#[derive(Debug, Default)]
struct Expected {
    /// Hashes of values, as changes hold them.
    sets: BTreeMap<LockKey, Vec<Hash>>,
    amounts: BTreeMap<LockKey, Vec<i64>>,
    /// Something wrote that is not modelled here.
    is_open: bool,
}

/// The writes of one relay's subchains.
#[derive(Debug)]
pub struct Writes {
    relay: ChainIndex,
    calls: BTreeMap<(ProposalId, ChainId), Vec<LedgerOperation>>,
    legs: BTreeMap<(ChainIndex, LegId), Seen>,
    /// Values of counters that some leg names.
    counters: BTreeMap<(ChainIndex, LockKey), i64>,
    applied: u64,
    released: u64,
    compared: u64,
    amounts: u64,
}

type Outcome = Result<(), Contradiction>;

impl Expected {
    fn take(&mut self, suite: Suite, operations: &[LedgerOperation]) {
        for LedgerOperation { ledger, operation } in operations.iter().filter(|one| one.ledger != LedgerId::SYSTEM) {
            let key = |account: &_, key: &_| LockKey {
                ledger: *ledger,
                account: Clone::clone(account),
                key: Clone::clone(key),
            };
            match operation {
                Operation::SetKey(set) => {
                    let content = StateContent::Plain(set.value.clone());
                    let hash = StateValue { version: Version(0), content }.value_hash(suite);
                    self.sets.entry(key(&set.account, &set.key)).or_default().push(hash);
                }
                Operation::DeleteKey(delete) => {
                    self.sets.entry(key(&delete.account, &delete.key)).or_default().push(Hash::ZERO);
                }
                Operation::AddToCounter(add) => {
                    self.amounts.entry(key(&add.account, &add.key)).or_default().push(add.amount);
                }
                Operation::PublishEvent(_) => {}
                _ => self.is_open = true,
            }
        }
    }

    fn names(&self, key: &LockKey) -> bool {
        self.sets.contains_key(key) || self.amounts.contains_key(key)
    }
}

fn said(key: &LockKey) -> String {
    format!("{}/{}", key.account.as_str(), String::from_utf8_lossy(&key.key))
}

fn counter(state: &BlockState<'_>, key: &LockKey) -> Option<i64> {
    match state.live(&Place::from_lock_key(key)).ok().flatten()?.content {
        StateContent::Counter { value, .. } => Some(value),
        _ => None,
    }
}

impl Writes {
    /// Watches all subchains of a relay.
    pub const fn new(relay: ChainIndex) -> Self {
        Self {
            relay,
            calls: BTreeMap::new(),
            legs: BTreeMap::new(),
            counters: BTreeMap::new(),
            applied: 0,
            released: 0,
            compared: 0,
            amounts: 0,
        }
    }

    fn ordered(&mut self, observation: &Observation<'_>) -> Outcome {
        for submit in reading::submits(observation)? {
            let id = submit.body.id();
            for leg in submit.body.legs.iter() {
                let Call::Plain(bytes) = &leg.call else { continue };
                let Ok(operations) = decode::<Operations>(bytes, MAX_LEG_BYTES) else { continue };
                self.calls.insert((id, leg.chain), operations.into_vec());
            }
        }
        Ok(())
    }

    fn seen(&mut self, index: ChainIndex, leg: LegId, height: Height) -> &mut Seen {
        let seen = self.legs.entry((index, leg)).or_insert(Seen { state: None, voted: None, since: height });
        seen.since = height;
        seen
    }

    fn call(&self, observation: &Observation<'_>, leg: &LegId) -> Vec<LedgerOperation> {
        self.calls.get(&(leg.id, observation.chain)).cloned().unwrap_or_default()
    }

    /// Takes the block's answers in: every YES; an Outcome names the root that was voted. The NOTIFY legs that ran.
    fn answers(&mut self, observation: &Observation<'_>, height: Height) -> Result<BTreeSet<LegId>, Contradiction> {
        let index = observation.index;
        let mut ran = BTreeSet::new();
        for leaf in reading::outbox(observation, height).iter().filter(|leaf| leaf.count > 0) {
            for message in reading::messages(observation, &leaf.peer, height)? {
                match MessageContent::of(&message) {
                    Some(MessageContent::Vote(vote)) => {
                        let leg = LegId { id: vote.id, started_at_on_relay: vote.started_at_on_relay };
                        if let Verdict::Yes { write_set_root, .. } = vote.verdict {
                            self.seen(index, leg, height).voted = Some(write_set_root);
                        }
                    }
                    Some(MessageContent::Outcome(outcome)) => {
                        let leg = LegId { id: outcome.id, started_at_on_relay: outcome.started_at_on_relay };
                        match outcome.result {
                            OutcomeResult::Applied { write_set_root } => {
                                self.same_root(index, leg, write_set_root, "its Outcome says that it applied")?;
                            }
                            OutcomeResult::Noted { code: Code::OK } => {
                                ran.insert(leg);
                            }
                            _ => {}
                        }
                    }
                    _ => {}
                }
            }
        }
        Ok(ran)
    }

    fn same_root(&self, index: ChainIndex, leg: LegId, root: SuiteHash, what: &str) -> Outcome {
        let voted = self.legs.get(&(index, leg)).and_then(|seen| seen.voted);
        if voted.is_none_or(|voted| voted == root) {
            return Ok(());
        }
        let id = leg.id;
        Err(Contradiction::new(
            format!("the leg of {id} on chain {} voted YES on the write set {voted:?}", index.0),
            format!("{what} {root:?}"),
        ))
    }

    fn block(&mut self, observation: &Observation<'_>, block: &PublishedBlock) -> Outcome {
        let (index, suite, height) = (observation.index, observation.chain.suite, block.header.height);
        let ran = self.answers(observation, height)?;
        let mut expected = Expected::default();
        let mut released: Vec<(LegId, Vec<LedgerOperation>)> = Vec::new();
        let mut locked = Vec::new();
        for (leg, record) in reading::legs(observation)? {
            let before = self.seen(index, leg, height).state.replace(record.state);
            if matches!(record.state, LegState::Locked | LegState::Applied) {
                self.same_root(index, leg, record.write_set_root, "its record holds")?;
            }
            if before == Some(record.state) {
                continue;
            }
            let call = self.call(observation, &leg);
            match record.state {
                LegState::Applied => {
                    self.applied += 1;
                    expected.take(suite, &call);
                }
                LegState::Noted if ran.contains(&leg) => expected.take(suite, &call),
                LegState::Released => {
                    self.released += 1;
                    released.push((leg, call));
                }
                LegState::Locked => locked.push(call),
                _ => {}
            }
        }
        for (input, receipt) in reading::inputs(observation)?.iter().zip(&block.receipts) {
            if let Input::Transaction(transaction) = input
                && receipt.codes.first() == Some(&Code::OK)
            {
                expected.take(suite, &transaction.body.operations);
            }
        }
        self.compare(observation, height, &expected, &released)?;
        self.count(observation, height, &expected, &locked)
    }

    /// Every change of the block is one that was to be made, and all that were to be made are there.
    fn compare(
        &mut self,
        observation: &Observation<'_>,
        height: Height,
        expected: &Expected,
        released: &[(LegId, Vec<LedgerOperation>)],
    ) -> Outcome {
        let mut written: BTreeMap<LockKey, Vec<Hash>> = BTreeMap::new();
        for change in reading::changes(observation)? {
            if change.ledger != LedgerId::SYSTEM && change.kind != ChangeKind::Prune {
                let key = LockKey { ledger: change.ledger, account: change.account.clone(), key: change.key.clone() };
                written.entry(key).or_default().push(change.value_hash);
            }
        }
        let place = format!("height {height} of chain {}", observation.index.0);
        for (key, values) in &expected.sets {
            self.compared += 1;
            let found = written.get(key).map_or(&[][..], Vec::as_slice);
            let (mut values, mut found) = (values.clone(), found.to_vec());
            values.sort_unstable();
            found.sort_unstable();
            if values != found && !expected.is_open {
                return Err(Contradiction::new(
                    format!("at {place} {} is written: {values:?}, by what was voted and by transactions", said(key)),
                    format!("what is written there is {found:?}"),
                ));
            }
        }
        let Some(key) = written.keys().find(|key| !expected.names(key)).filter(|_| !expected.is_open) else {
            return Ok(());
        };
        let is_named = |(_, call): &&(LegId, Vec<LedgerOperation>)| {
            let mut own = Expected::default();
            own.take(observation.chain.suite, call);
            own.names(key)
        };
        let by = released
            .iter()
            .find(is_named)
            .map_or_else(String::new, |(leg, _)| format!("; the leg of {} that names it was released there", leg.id));
        Err(Contradiction::new(
            format!("no applied leg and no transaction writes {} at {place}", said(key)),
            format!("it is written there{by}"),
        ))
    }

    /// Counters go by the sum of what was applied.
    fn count(
        &mut self,
        observation: &Observation<'_>,
        height: Height,
        expected: &Expected,
        locked: &[Vec<LedgerOperation>],
    ) -> Outcome {
        let index = observation.index;
        let tip = ChainReader::new(observation.store, observation.chain.suite).tip().ok().flatten();
        let state = reading::state(observation, height)?;
        if tip.is_none_or(|tip| tip.header.height != height) {
            // The store is ahead of this block, which nobody saw when it was made: values are taken anew.
            self.counters.retain(|(chain, _), _| *chain != index);
            return Ok(());
        }
        for ((_, key), value) in self.counters.iter_mut().filter(|((chain, _), _)| *chain == index) {
            let amounts = expected.amounts.get(key).map_or(&[][..], Vec::as_slice);
            let sum: i128 = amounts.iter().copied().map(i128::from).sum();
            let now = counter(&state, key);
            self.amounts += amounts.len() as u64;
            if now.map(i128::from) != Some(i128::from(*value) + sum) {
                return Err(Contradiction::new(
                    format!(
                        "{} of chain {} was {value} before height {height}, which adds {amounts:?}",
                        said(key),
                        index.0
                    ),
                    format!("it is {now:?} there"),
                ));
            }
            *value = now.unwrap_or(*value);
        }
        let mut named = Expected::default();
        locked.iter().for_each(|call| named.take(observation.chain.suite, call));
        for key in named.amounts.into_keys() {
            if let Some(value) = counter(&state, &key) {
                self.counters.entry((index, key)).or_insert(value);
            }
        }
        Ok(())
    }

    /// What was seen above the kept height is lost: legs and counters stand as the kept block has them.
    fn restored(&mut self, observation: &Observation<'_>, kept: Height) -> Outcome {
        let index = observation.index;
        let state = reading::state(observation, kept)?;
        for ((_, leg), seen) in self.legs.iter_mut().filter(|((chain, _), seen)| *chain == index && seen.since > kept) {
            let record = leg.record(&state).ok().flatten();
            let voted = record.as_ref().filter(|record| record.state == LegState::Locked);
            let voted = voted.map(|record| record.write_set_root);
            *seen = Seen { state: record.map(|record| record.state), voted, since: kept };
        }
        self.counters
            .retain(|(chain, key), value| *chain != index || counter(&state, key).map(|now| *value = now).is_some());
        Ok(())
    }
}

impl Property for Writes {
    fn name(&self) -> &'static str {
        "what was voted is what is written"
    }

    fn report(&self) -> String {
        let Self { applied, released, compared, amounts, .. } = self;
        format!("{applied} legs applied, {released} released, {compared} values and {amounts} amounts compared")
    }

    fn observe(&mut self, observation: &Observation<'_>) -> Outcome {
        if observation.blame.is_bad_chain(observation.index) {
            return Ok(());
        }
        match observation.fact {
            Fact::Restored(restoration) if observation.index != self.relay => {
                self.restored(observation, restoration.kept)
            }
            Fact::Published { is_first: true, .. } if observation.index == self.relay => self.ordered(observation),
            Fact::Published { block, is_first: true } => self.block(observation, block),
            _ => Ok(()),
        }
    }
}
