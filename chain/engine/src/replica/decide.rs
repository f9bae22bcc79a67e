//! From a decision to the disk, and from the disk to the next height.

use super::{Alarm, Committing, Decided, Effects, Replica, Standing, Step};
use crate::commit::prepare_block;
use crate::port::{Lane, Mark, Peer, Phase, ReplicaEffect, ReplicaHalt, Token};
use ledger_protocol::chain::FinalityCertificate;
use ledger_protocol::{Hash, Height};
use std::sync::Arc;

impl Replica {
    pub(super) fn decide(
        &mut self,
        height: Height,
        header_hash: Hash,
        certificate: FinalityCertificate,
        effects: &mut Effects,
    ) -> Step {
        if height != self.next_height() || self.decided.is_some() || self.committing.is_some() {
            return Err(ReplicaHalt::Invariant("consensus decides every height once, in order"));
        }
        self.decided = Some(Decided { height, header_hash, certificate });
        self.try_commit(effects)
    }

    /// Writes the decided block as soon as it is here and executed.
    pub(super) fn try_commit(&mut self, effects: &mut Effects) -> Step {
        let Some(decided) = &self.decided else { return Ok(()) };
        let hash = decided.header_hash;
        let Some(candidate) = self.candidates.get_mut(&hash) else {
            self.fetch(hash, effects);
            return Ok(());
        };
        if let Some(Err(invalid)) = &candidate.verdict {
            return Err(ReplicaHalt::Divergence {
                height: decided.height,
                header_hash: hash,
                reason: invalid.to_string(),
            });
        }
        candidate.certified = true;
        let Some(overlay) = candidate.overlay.take() else { return self.advance(&hash, effects) };
        let (inputs, bytes) = (Arc::clone(&candidate.inputs), Arc::clone(&candidate.bytes));
        let Some(decided) = self.decided.take() else { return Ok(()) };
        self.ended(Phase::Consensus, inputs.inputs().len(), effects);
        let prepared = prepare_block(&self.tip, *overlay, &inputs, &bytes, decided.certificate)?;
        let token = Token(self.next_number());
        let (height, count) = (decided.height, prepared.batch.len() as u64);
        effects.push(ReplicaEffect::Observe(Mark::Begin { phase: Phase::Store, height, count }));
        effects.push(ReplicaEffect::Commit { token, batch: prepared.batch, height });
        #[cfg(feature = "planted-bugs")]
        if planted::is(planted::Plant::PublishedBeforeDurable) {
            effects.extend(prepared.published.clone().map(ReplicaEffect::Published));
        }
        self.standing = Standing::Idle;
        self.clear_alarm(Alarm::Stuck, effects);
        self.committing = Some(Committing {
            token,
            tip: prepared.tip,
            published: prepared.published,
            leaves: inputs.leaves().to_vec(),
        });
        Ok(())
    }

    /// The commit is durable: only now anybody else may see it.
    pub(super) fn committed(&mut self, committing: Committing, effects: &mut Effects) -> Step {
        let Committing { tip, published, leaves, .. } = committing;
        let height = tip.header.height;
        effects.push(ReplicaEffect::Observe(Mark::End { phase: Phase::Store, height, count: leaves.len() as u64 }));
        let parent = std::mem::replace(&mut self.tip, tip);
        self.tip_at = self.now;
        self.replay.insert(height, &leaves);
        self.replay.prune(self.next_height(), &self.tip.next_parameters);
        self.candidates.committed(height);
        self.build = None;
        self.ahead.clear();
        for hash in std::mem::take(&mut self.fetches).into_keys() {
            self.clear_alarm(Alarm::Fetch(hash), effects);
        }
        let hashes: Vec<Hash> = published.as_ref().map_or_else(Vec::new, |block| block.inputs.clone());
        #[cfg(feature = "planted-bugs")]
        let published = published.filter(|_| !planted::is(planted::Plant::PublishedBeforeDurable));
        if let Some(published) = published {
            effects.push(ReplicaEffect::Published(published));
        }
        self.refresh_pool(&hashes, effects);
        if self.tip.header.is_handoff() {
            self.pass_on(&parent.next_validators, effects);
        }
        // Validators hear of it with the next height; the others now.
        self.standing = Standing::Idle;
        let watchers: Vec<Peer> = self.sync.peers.keys().filter(|peer| !self.is_validator(peer)).copied().collect();
        self.send(watchers, Lane::Sync, self.status(), effects);
        self.synced_on(effects);
        self.schedule(effects)?;
        // A validator that cannot tell the others with the next height's start, because it waits, tells them now.
        if matches!(self.standing, Standing::Waiting { .. }) {
            self.send(self.validators(), Lane::Sync, self.status(), effects);
        }
        Ok(())
    }
}
