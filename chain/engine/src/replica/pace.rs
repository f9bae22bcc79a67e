//! When the next height begins: at the chain's pace while there is work, at its heartbeat when there is none.
//!
//! The wait stands between two heights, before consensus starts its timers, so that an idle chain times nothing out.

use super::{Alarm, Effects, Replica, Standing, Step};
use crate::port::{Lane, Mark, Peer, Phase, ReplicaEffect, ReplicaHalt};
use crate::wire::SyncMessage;
use chain_consensus::{Event, HeightSettings};
use ledger_protocol::TimestampMs;
use ledger_protocol::chain::Parameters;
use ledger_protocol::codec::encode;

/// A height that runs for so long makes the replica ask how far the others are.
pub(super) const STUCK_MS: u64 = 1_000;
/// The longest time between two such questions.
const STUCK_MS_MAX: u64 = 8_000;

impl Replica {
    /// Plans the next height after a start or a commit.
    pub(super) fn schedule(&mut self, effects: &mut Effects) -> Step {
        let version = self.tip.next_parameters.protocol_version;
        if version != Parameters::PROTOCOL_VERSION {
            return Err(ReplicaHalt::ProtocolVersion {
                height: self.next_height(),
                version,
                spoken: Parameters::PROTOCOL_VERSION,
            });
        }
        let parameters = &self.tip.next_parameters;
        // A parent whose time is ahead of this clock does not slow the pace down.
        let base = self.tip_at.0.min(self.tip.header.timestamp_ms.0.max(1));
        let base = if self.tip.header.height.0 == 0 { self.tip_at.0 } else { base };
        let earliest = TimestampMs(base.saturating_add(parameters.min_block_interval_ms.into()));
        let latest = TimestampMs(base.saturating_add(parameters.heartbeat_ms.into()));
        self.standing = Standing::Waiting { earliest, latest };
        if self.log.as_ref().is_some_and(|log| !log.is_empty()) {
            return self.start_height(effects);
        }
        self.pace(effects)
    }

    fn has_reason(&self) -> bool {
        let has_due_work = self.tip.has_due_work;
        #[cfg(feature = "planted-bugs")]
        let has_due_work = has_due_work && !planted::is(planted::Plant::DueWorkIgnored);
        self.pool.has_work()
            || has_due_work
            || !self.ahead.is_empty()
            || !self.candidates.of_height(self.next_height()).is_empty()
    }

    /// Starts the next height if it is time; otherwise sets the alarm for when it is.
    pub(super) fn pace(&mut self, effects: &mut Effects) -> Step {
        let Standing::Waiting { earliest, latest } = self.standing else { return Ok(()) };
        let due = if self.has_reason() { earliest } else { latest };
        let is_synced = self.sync.current.as_ref().is_some_and(|current| current.certified);
        if is_synced {
            return self.start_height(effects);
        }
        if self.must_ask(effects) {
            return Ok(());
        }
        if self.now >= due {
            return self.start_height(effects);
        }
        self.set_alarm(Alarm::Pace, due.0.saturating_sub(self.now.0), effects);
        Ok(())
    }

    /// A new reason to make a block ends an idle wait.
    pub(super) fn work_arrived(&mut self, effects: &mut Effects) -> Step {
        if self.pool.has_work() { self.pace(effects) } else { Ok(()) }
    }

    fn start_height(&mut self, effects: &mut Effects) -> Step {
        self.clear_alarm(Alarm::Pace, effects);
        self.standing = Standing::Running;
        let height = self.next_height();
        effects.push(ReplicaEffect::Observe(Mark::Begin { phase: Phase::Consensus, height, count: 0 }));
        self.stuck_count = 0;
        self.set_alarm(Alarm::Stuck, STUCK_MS, effects);
        self.send(self.validators(), Lane::Sync, self.status(), effects);
        let settings = HeightSettings {
            height,
            validators: self.tip.next_validators.clone(),
            proposer_order: self.tip.proposer_order.clone(),
            signs: self.may_sign(),
            forgot: self.may_have_forgotten(),
        };
        let replay = self.log.take().unwrap_or_default();
        self.tell(Event::Start { settings, replay }, effects)?;
        for hash in self.candidates.of_height(height) {
            self.advance(&hash, effects)?;
        }
        Ok(())
    }

    /// How far this replica is, encoded.
    pub(super) fn status(&self) -> Vec<u8> {
        let height = self.tip.header.height;
        let working_on = if self.standing == Standing::Running { self.next_height() } else { height };
        encode(&SyncMessage::Status { height, working_on })
    }

    /// A height takes long: perhaps the others are further.
    pub(super) fn stuck(&mut self, effects: &mut Effects) {
        if self.standing != Standing::Running {
            return;
        }
        self.stuck_count = self.stuck_count.saturating_add(1);
        let after_ms = STUCK_MS.saturating_mul(1 << self.stuck_count.min(3)).min(STUCK_MS_MAX);
        self.set_alarm(Alarm::Stuck, after_ms, effects);
        let peers: Vec<Peer> = self.sync.peers.keys().copied().collect();
        self.send(peers, Lane::Sync, self.status(), effects);
    }
}
