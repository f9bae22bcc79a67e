//! Judges blocks of others: form, signatures, execution, comparison; and tells consensus the verdict.
//!
//! Validity is a pure function of the parent's state and the block, found once per header hash. Whether a proposal of
//! it may be prevoted in a given round is told apart: round and time count only for a first proposal.

use super::{Effects, Purpose, Replica, Step};
use crate::assemble::{BlockInputs, Executed, facts_on};
use crate::candidates::{Candidate, ProposedIn, Work};
use crate::job::Job;
use crate::port::{Peer, Phase, ReplicaEffect, ReplicaHalt};
use crate::validity::{InvalidBlock, check_block, check_fresh, compare_headers, proposer_of};
use crate::wire::{BlockMessage, MAX_MESSAGE_BYTES};
use chain_consensus::Event;
use chain_state::ExecuteError;
use ledger_protocol::Hash;
use ledger_protocol::chain::{Block, Input};
use ledger_protocol::codec::decode;
use ledger_protocol::transaction::signature_items;
use std::sync::Arc;

/// Different blocks of one round that are looked at; an honest proposer makes one.
const RIVALS_PER_ROUND: usize = 2;
/// Rounds of the height after the next one whose blocks are kept until it begins.
const EARLY_ROUNDS: u32 = 4;

impl Replica {
    pub(super) fn block_message(&mut self, from: Peer, bytes: &[u8], effects: &mut Effects) -> Step {
        // Blocks are large: what nobody asked for is not even decoded.
        if bytes.first() != Some(&2) && !self.is_validator(&from) {
            return Ok(());
        }
        let misbehaved = |reason, effects: &mut Effects| effects.push(ReplicaEffect::Misbehaved { peer: from, reason });
        match decode::<BlockMessage>(bytes, MAX_MESSAGE_BYTES) {
            Ok(BlockMessage::Proposed { round, valid_round, block }) => {
                let height = block.header.height;
                let is_next = height == self.next_height();
                // A proposer shows its own block. Whose turn a later height's round is, is not known yet.
                let by_proposer = if is_next {
                    proposer_of(&self.tip, round)
                        .and_then(|address| self.tip.next_validators.by_address(&address))
                        .is_some_and(|(_, validator)| validator.network_key_hash == from.0)
                } else {
                    round.0 < EARLY_ROUNDS
                };
                if !by_proposer || self.candidates.rivals(height, round) >= RIVALS_PER_ROUND {
                    return Ok(());
                }
                match self.take_block(*block) {
                    Ok(Some(hash)) => self.proposed(&hash, &[(round, valid_round)], effects),
                    Ok(None) => Ok(()),
                    Err(reason) => {
                        misbehaved(reason, effects);
                        Ok(())
                    }
                }
            }
            Ok(BlockMessage::Answer { proposals, block }) => {
                // Only what was asked for.
                let hash = block.header.hash();
                if !self.fetches.contains_key(&hash) {
                    return Ok(());
                }
                match self.take_block(*block) {
                    Ok(Some(hash)) => self.proposed(&hash, &proposals, effects),
                    Ok(None) => Ok(()),
                    Err(reason) => {
                        misbehaved(reason, effects);
                        Ok(())
                    }
                }
            }
            Ok(BlockMessage::Request { height, header_hash }) => {
                self.answer_block_request(from, height, &header_hash, effects);
                Ok(())
            }
            Err(_) => {
                misbehaved("a block message that does not decode", effects);
                Ok(())
            }
        }
    }

    /// Keeps a body of this height or the next; its hash when it is kept.
    pub(super) fn take_block(&mut self, block: Block) -> Result<Option<Hash>, &'static str> {
        let height = block.header.height;
        let next = self.next_height();
        if block.header.chain != self.chain {
            return Err("a block of another chain");
        }
        if height != next && Some(height) != next.next() {
            return Ok(None);
        }
        let hash = block.header.hash();
        if self.candidates.get(&hash).is_some() {
            return Ok(Some(hash));
        }
        let Some((header, inputs)) = BlockInputs::of_block(block) else {
            return Err("a block whose inputs are not those of its header");
        };
        let bytes = Arc::new(inputs.block_bytes(&header));
        let candidate = Candidate::new(header, Arc::new(inputs), bytes);
        Ok(self.candidates.insert(hash, candidate).then_some(hash))
    }

    fn proposed(&mut self, hash: &Hash, proposals: &[ProposedIn], effects: &mut Effects) -> Step {
        if let Some(candidate) = self.candidates.get_mut(hash) {
            for proposed in proposals {
                candidate.propose(*proposed);
            }
        }
        self.fetched(hash, effects);
        // Somebody is at work on the next height: an idle wait is over.
        self.pace(effects)?;
        self.advance(hash, effects)
    }

    /// Brings a candidate of the running height one step further, whatever that step is.
    pub(super) fn advance(&mut self, hash: &Hash, effects: &mut Effects) -> Step {
        let next = self.next_height();
        let is_decided = self.decided.as_ref().is_some_and(|decided| decided.header_hash == *hash);
        let Some(candidate) = self.candidates.get(hash) else { return Ok(()) };
        let is_open = self.standing == super::Standing::Running && self.committing.is_none();
        if candidate.header.height != next || candidate.work != Work::Idle || !is_open {
            return Ok(());
        }
        match &candidate.verdict {
            None => {
                let (header, inputs, length) = (&candidate.header, &candidate.inputs, candidate.bytes.len());
                match check_block(&self.chain, &self.tip, &self.replay, header, inputs, length) {
                    Ok(()) => self.verify_block(hash, effects),
                    Err(invalid) => self.judged(hash, Err(invalid), effects),
                }
            }
            Some(Ok(())) if is_decided && candidate.overlay.is_none() => self.execute_block(hash, effects),
            Some(_) => self.tell_verdicts(hash, effects),
        }
    }

    fn verify_block(&mut self, hash: &Hash, effects: &mut Effects) -> Step {
        let Some(candidate) = self.candidates.get_mut(hash) else { return Ok(()) };
        let suite = self.chain.suite;
        let unknown = candidate.inputs.inputs().iter().zip(candidate.inputs.leaves());
        let groups: Vec<_> = unknown
            .filter(|(_, leaf)| !self.verified.contains(suite, leaf))
            .filter_map(|(input, _)| match input {
                Input::Transaction(transaction) => Some(signature_items(transaction)),
                _ => None,
            })
            .collect();
        if groups.is_empty() {
            return self.execute_block(hash, effects);
        }
        candidate.work = Work::Verifying;
        self.work(Purpose::VerifyBlock(*hash), Some(Phase::Verify), Job::Verify { groups }, effects);
        Ok(())
    }

    pub(super) fn block_verified(&mut self, hash: &Hash, verdicts: &[bool], effects: &mut Effects) -> Step {
        self.ended(Phase::Verify, verdicts.len(), effects);
        let Some(candidate) = self.candidates.get_mut(hash) else { return Ok(()) };
        candidate.work = Work::Idle;
        if verdicts.iter().all(|good| *good) {
            for leaf in candidate.inputs.leaves() {
                self.verified.insert(self.chain.suite, leaf);
            }
            return self.execute_block(hash, effects);
        }
        let bad = verdicts.iter().filter(|good| !**good).count();
        let reason = format!("{bad} of its transactions have a signature that is not valid");
        self.judged(hash, Err(InvalidBlock::Input { index: 0, reason }), effects)
    }

    fn execute_block(&mut self, hash: &Hash, effects: &mut Effects) -> Step {
        let Some(candidate) = self.candidates.get_mut(hash) else { return Ok(()) };
        candidate.work = Work::Executing;
        let header = &candidate.header;
        let facts = facts_on(&self.tip, self.chain, header.timestamp_ms, header.proposer);
        let job = Job::Execute {
            parent: Arc::clone(&self.tip),
            facts: Box::new(facts),
            round: header.round,
            inputs: Arc::clone(&candidate.inputs),
        };
        self.work(Purpose::ExecuteBlock(*hash), Some(Phase::Execute), job, effects);
        Ok(())
    }

    pub(super) fn block_executed(
        &mut self,
        hash: &Hash,
        executed: Result<Box<Executed>, ExecuteError>,
        effects: &mut Effects,
    ) -> Step {
        let Some(candidate) = self.candidates.get_mut(hash) else { return Ok(()) };
        candidate.work = Work::Idle;
        let count = candidate.inputs.inputs().len();
        let verdict = match executed {
            Ok(executed) => match compare_headers(&executed.header, &candidate.header) {
                Ok(()) => {
                    self.store_overlay(hash, executed);
                    Ok(())
                }
                Err(invalid) => Err(invalid),
            },
            Err(ExecuteError::Fault(fault)) => return Err(fault.into()),
            Err(ExecuteError::Invalid { index, refusal }) => {
                Err(InvalidBlock::Input { index, reason: refusal.to_string() })
            }
        };
        self.ended(Phase::Execute, count, effects);
        self.judged(hash, verdict, effects)
    }

    pub(super) fn store_overlay(&mut self, hash: &Hash, executed: Box<Executed>) {
        let spared = self.decided.as_ref().map(|decided| decided.header_hash);
        self.candidates.set_overlay(hash, executed, spared);
    }

    fn judged(&mut self, hash: &Hash, verdict: Result<(), InvalidBlock>, effects: &mut Effects) -> Step {
        let is_decided = self.decided.as_ref().is_some_and(|decided| decided.header_hash == *hash);
        let Some(candidate) = self.candidates.get_mut(hash) else { return Ok(()) };
        if let Err(invalid) = &verdict
            && (candidate.certified || is_decided)
        {
            return Err(ReplicaHalt::Divergence {
                height: candidate.header.height,
                header_hash: *hash,
                reason: invalid.to_string(),
            });
        }
        candidate.verdict = Some(verdict);
        if is_decided {
            return self.try_commit(effects);
        }
        self.tell_verdicts(hash, effects)?;
        self.tell_synced(hash, effects)
    }

    /// Tells consensus of every proposal of a judged block that it was not told of.
    fn tell_verdicts(&mut self, hash: &Hash, effects: &mut Effects) -> Step {
        let Some(candidate) = self.candidates.get(hash) else { return Ok(()) };
        let Some(verdict) = &candidate.verdict else { return Ok(()) };
        let is_valid = verdict.is_ok();
        let (height, header) = (candidate.header.height, candidate.header.clone());
        let untold: Vec<ProposedIn> =
            candidate.proposals.iter().filter(|(_, told)| told.is_none()).map(|(proposed, _)| *proposed).collect();
        for proposed in untold {
            let (round, valid_round) = proposed;
            let Some(proposer) = proposer_of(&self.tip, round) else { continue };
            let fits = match valid_round {
                None => check_fresh(&self.tip, &header, round, self.now).is_ok(),
                Some(valid_round) => header.round <= valid_round && valid_round < round,
            };
            let valid = is_valid && fits;
            if is_valid {
                self.log_body(hash, proposed, effects);
            }
            if let Some(candidate) = self.candidates.get_mut(hash) {
                candidate.proposals.insert(proposed, Some(valid));
            }
            let judged = Event::Judged { height, round, valid_round, proposer, header_hash: *hash, valid };
            self.tell(judged, effects)?;
        }
        Ok(())
    }
}
