//! Opening a replica on its store and log.

use super::doubt::Doubt;
use super::{Alarm, Committing, Effects, Replica, ReplicaSetup, Standing, Step, build, ingress};
use crate::assemble::{BlockInputs, counted_root};
use crate::candidates::{Candidate, Candidates};
use crate::commit::prepare_genesis;
use crate::mempool::Mempool;
use crate::port::{Mark, Phase, ReplicaEffect, ReplicaHalt, Token};
use crate::replay::ReplayWindow;
use crate::rows::{self, Tip};
use crate::sync::Sync;
use crate::verified::VerifiedSet;
use crate::wire::LogEntry;
use chain_state::StoreReader;
use ledger_protocol::chain::InputLeaf;
use ledger_protocol::codec::decode;
use ledger_protocol::{Height, TimestampMs};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

impl Replica {
    /// Opens a replica: on an empty store it executes the genesis; otherwise it reads the tip and the replay window.
    ///
    /// `log` holds the replica's living log entries with their heights, in order; dead ones are ignored.
    ///
    /// # Errors
    /// [`ReplicaHalt`]: the store failed or is damaged, holds another chain, or the genesis does not execute.
    pub fn open(
        setup: ReplicaSetup,
        reader: &dyn StoreReader,
        log: Vec<(Height, Vec<u8>)>,
    ) -> Result<Self, ReplicaHalt> {
        let ReplicaSetup { machine, consensus, genesis: object, own_address, own_peer, limits } = setup;
        let chain = object.chain_id();
        let stored: Option<Tip> = rows::read(reader, &rows::tip())?;
        let (tip, genesis) = match stored {
            Some(tip) if tip.header.chain != chain => return Err(ReplicaHalt::OtherChain),
            Some(tip) => (Arc::new(tip), None),
            None => {
                let state = machine.genesis(&object).map_err(|refusal| ReplicaHalt::Genesis(refusal.to_string()))?;
                let changes = counted_root(object.suite, &state.delta.changes);
                let ledgers = counted_root(object.suite, &state.delta.ledgers);
                let header = object.header(changes, ledgers);
                let prepared = prepare_genesis(&object, header, state.delta)?;
                (Arc::clone(&prepared.tip), Some(prepared))
            }
        };
        let doubt = match (&genesis, own_address) {
            (Some(_), Some(_)) => Doubt::Asking(BTreeMap::new()),
            _ => Doubt::None,
        };
        let mut replica = Self {
            machine,
            consensus,
            chain,
            kind: object.kind,
            own_address,
            own_peer,
            limits,
            now: TimestampMs::ZERO,
            #[cfg(feature = "planted-bugs")]
            was_down: tip.header.height > Height::ZERO,
            tip,
            genesis,
            doubt,
            standing: Standing::Idle,
            committing: None,
            decided: None,
            replay: ReplayWindow::default(),
            pool: Mempool::new(limits.pool),
            ingress: ingress::Ingress::default(),
            verified: VerifiedSet::new(limits.verified_count),
            candidates: Candidates::default(),
            build: None::<build::Build>,
            build_after_readmission: None,
            fetches: BTreeMap::new(),
            sync: Sync::default(),
            log: Some(Vec::new()),
            consensus_events: VecDeque::new(),
            driving: false,
            barriers: BTreeMap::new(),
            jobs: BTreeMap::new(),
            alarms: BTreeMap::new(),
            tip_at: TimestampMs::ZERO,
            ahead: BTreeSet::new(),
            stuck_count: 0,
            counter: 0,
        };
        replica.load_replay_window(reader)?;
        replica.load_log(log)?;
        Ok(replica)
    }

    fn load_replay_window(&mut self, reader: &dyn StoreReader) -> Step {
        #[cfg(feature = "planted-bugs")]
        if planted::is(planted::Plant::ReplayWindowForgotten) {
            return Ok(());
        }
        let first = ReplayWindow::first(self.next_height(), &self.tip.next_parameters);
        let mut start = rows::input_leaves(first.max(Height(1)));
        let end = rows::input_leaves(self.next_height());
        loop {
            let page = reader.scan(&start, &end, 64)?;
            let Some((last, _)) = page.last() else { return Ok(()) };
            start = last.clone();
            start.push(0);
            for (key, bytes) in &page {
                let leaves: Vec<InputLeaf> = decode(bytes, usize::MAX).map_err(|error| rows::damaged(key, &error))?;
                let height = key.get(2..).and_then(|tail| tail.try_into().ok()).map(u64::from_be_bytes);
                let height = height.ok_or_else(|| ReplicaHalt::Damaged("an input row has no height".into()))?;
                self.replay.insert(Height(height), &leaves);
            }
        }
    }

    fn load_log(&mut self, log: Vec<(Height, Vec<u8>)>) -> Step {
        let next = self.next_height();
        let mut consensus = Vec::new();
        for (_, bytes) in log.into_iter().filter(|(height, _)| *height == next) {
            let entry: LogEntry = decode(&bytes, usize::MAX)
                .map_err(|error| ReplicaHalt::Damaged(format!("a log entry of height {next}: {error}")))?;
            match entry {
                LogEntry::Consensus(entry) => consensus.push(entry.into_vec()),
                LogEntry::Proposed { header_hash, round, valid_round } => {
                    if let Some(candidate) = self.candidates.get_mut(&header_hash) {
                        candidate.propose((round, valid_round));
                    }
                }
                LogEntry::Body { built_here, round, valid_round, block } => {
                    let (header, inputs) = BlockInputs::of_block(*block)
                        .ok_or_else(|| ReplicaHalt::Damaged(format!("a logged block of height {next}")))?;
                    // A body is logged when it was found valid: its signatures were verified before.
                    for leaf in inputs.leaves() {
                        self.verified.insert(self.chain.suite, leaf);
                    }
                    let bytes = Arc::new(inputs.block_bytes(&header));
                    let mut candidate = Candidate::new(header, Arc::new(inputs), bytes);
                    candidate.logged = true;
                    candidate.built_here = built_here.then_some(round);
                    candidate.propose((round, valid_round));
                    let hash = candidate.header.hash();
                    self.candidates.insert(hash, candidate);
                }
            }
        }
        self.log = Some(consensus);
        Ok(())
    }

    /// The first event: writes the genesis, or goes on where the log ends.
    pub(super) fn begin(&mut self, effects: &mut Effects) -> Step {
        self.tip_at = self.now;
        let Some(prepared) = self.genesis.take() else { return self.schedule(effects) };
        let token = Token(self.next_number());
        let count = prepared.batch.len() as u64;
        effects.push(ReplicaEffect::Observe(Mark::Begin { phase: Phase::Store, height: Height::ZERO, count }));
        effects.push(ReplicaEffect::Commit { token, batch: prepared.batch, height: Height::ZERO });
        self.committing = Some(Committing { token, tip: prepared.tip, published: None, leaves: Vec::new() });
        self.clear_alarm(Alarm::Pace, effects);
        Ok(())
    }
}
