//! The state machine of a subchain whose validators all lie together: it votes as the real one does, and from a height
//! on what it says about the end of a leg is not true.
//!
//! A pure function of the block, as every state machine is, so that the liars agree with each other.

use chain_state::{BlockFacts, ExecuteError, Execution, GenesisState, Refusal, StateMachine, StoreReader};
use ledger_protocol::Height;
use ledger_protocol::chain::{Genesis, Input};
use ledger_protocol::codec::{BoundedBytes, encode};
use ledger_protocol::interchain::{Message, MessageContent, Outcome, OutcomeResult};
use ledger_protocol::merkle::Tree;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A subchain that lies.
pub(crate) struct LyingMachine {
    pub(crate) inner: Arc<dyn StateMachine>,
    pub(crate) from: Height,
    /// Says that what was committed was released; otherwise it says nothing that anybody could read.
    pub(crate) contradicts: bool,
    /// Lies told, by every validator that tells one.
    pub(crate) told: Arc<AtomicU64>,
}

impl LyingMachine {
    fn lie(&self, message: &mut Message) -> bool {
        let Some(MessageContent::Outcome(outcome)) = MessageContent::of(message) else { return false };
        if !matches!(outcome.result, OutcomeResult::Applied { .. }) {
            return false;
        }
        let payload = if self.contradicts {
            MessageContent::Outcome(Outcome { result: OutcomeResult::Released, ..outcome }).to_payload()
        } else {
            b"nothing".to_vec()
        };
        let Ok(payload) = BoundedBytes::new(payload) else { return false };
        message.payload = payload;
        true
    }
}

impl StateMachine for LyingMachine {
    fn genesis(&self, genesis: &Genesis) -> Result<GenesisState, Refusal> {
        self.inner.genesis(genesis)
    }

    fn admit(
        &self,
        reader: &dyn StoreReader,
        facts: &BlockFacts,
        input: &Input,
    ) -> Result<chain_state::Admission, ExecuteError> {
        self.inner.admit(reader, facts, input)
    }

    fn execute(
        &self,
        reader: &dyn StoreReader,
        facts: &BlockFacts,
        inputs: &[Input],
    ) -> Result<Execution, ExecuteError> {
        let mut execution = self.inner.execute(reader, facts, inputs)?;
        if facts.height < self.from {
            return Ok(execution);
        }
        for entry in &mut execution.outbox {
            let lies = entry.messages.iter_mut().filter_map(|message| self.lie(message).then_some(())).count();
            if lies > 0 {
                self.told.fetch_add(lies as u64, Ordering::Relaxed);
                let encoded: Vec<Vec<u8>> = entry.messages.iter().map(encode).collect();
                entry.leaf.messages_root = Tree::new(facts.chain.suite, &encoded).root();
            }
        }
        Ok(execution)
    }
}
