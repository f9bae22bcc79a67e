//! The courier server: beside every relay replica, it answers couriers from the replica's durable store.
//!
//! Bounds: [`MAX_SUBSCRIBERS`] couriers are told of changes, each for [`SUBSCRIPTION_MS`] after it last asked. How often
//! one peer may ask is the host's affair: every answer costs a few reads, a `Pull` the proofs of one Advance.

use super::into_input;
use super::message::{CourierMessage, Inputs, decode_message, encode_message};
use super::sight::{StoreSource, relay_status};
use crate::assemble::{CourierError, pending};
use chain_engine::{ChainReader, Peer, PublishedBlock};
use chain_state::StoreReader;
use ledger_protocol::chain::Input;
use ledger_protocol::interchain::OutboxLeaf;
use ledger_protocol::{ChainId, Height, Sequence};
use std::collections::BTreeMap;

/// Couriers that are told of changes.
pub const MAX_SUBSCRIBERS: usize = 4_096;
/// How long after its last question a courier is told of changes.
const SUBSCRIPTION_MS: u64 = 30_000;

/// What a server asks of its host.
#[derive(Debug)]
pub enum ServerEffect {
    /// Send to these couriers.
    Send {
        /// The couriers' chain.
        chain: ChainId,
        /// To whom; never empty.
        to: Vec<Peer>,
        /// The message.
        bytes: Vec<u8>,
    },
    /// Submit to the relay replica's pool. Refusals need no answer.
    Submit(Box<Input>),
}

/// What a subscriber was told last.
type Told = (Sequence, Sequence, Height);

/// Answers couriers for one relay replica.
#[derive(Debug)]
pub struct CourierServer {
    relay: ChainId,
    subscribers: BTreeMap<(ChainId, Peer), u64>,
    told: BTreeMap<ChainId, Told>,
}

impl CourierServer {
    /// A server of the relay without subscribers.
    pub const fn new(relay: ChainId) -> Self {
        Self { relay, subscribers: BTreeMap::new(), told: BTreeMap::new() }
    }

    /// Answers one message; anything may be in it.
    ///
    /// # Errors
    /// [`CourierError`]: the store failed, or the courier's chain follows another history.
    pub fn on(
        &mut self,
        now_ms: u64,
        from: Peer,
        bytes: &[u8],
        store: &dyn StoreReader,
        effects: &mut Vec<ServerEffect>,
    ) -> Result<(), CourierError> {
        match decode_message(bytes) {
            Some(CourierMessage::AskStatus { source }) => {
                // A chain that is not registered yet is told when it is.
                self.subscribe(now_ms, source, from);
                let answer = match relay_status(store, &self.relay, &source)? {
                    Some(status) => CourierMessage::Status(Box::new(status)),
                    None => CourierMessage::Unknown { source },
                };
                effects.push(ServerEffect::Send { chain: source, to: vec![from], bytes: encode_message(&answer) });
            }
            Some(CourierMessage::Deliver(inputs)) => {
                let carried = inputs.into_vec().into_iter();
                let proofs = carried.filter(|input| matches!(input, Input::Handoff(_) | Input::Advance(_)));
                effects.extend(proofs.map(|input| ServerEffect::Submit(Box::new(input))));
            }
            Some(CourierMessage::Pull(destination)) => {
                let source = StoreSource::new(self.relay, store);
                let heartbeat_ms = source.heartbeat_ms()?;
                let work = pending(&source, &destination.as_destination(heartbeat_ms))?;
                let inputs = Inputs::new(work.into_iter().map(into_input).collect()).unwrap_or_default();
                let bytes = encode_message(&CourierMessage::Inputs(inputs));
                effects.push(ServerEffect::Send { chain: destination.chain, to: vec![from], bytes });
            }
            _ => {}
        }
        Ok(())
    }

    fn subscribe(&mut self, now_ms: u64, source: ChainId, peer: Peer) {
        if self.subscribers.len() >= MAX_SUBSCRIBERS && !self.subscribers.contains_key(&(source, peer)) {
            self.subscribers.retain(|_, until| *until > now_ms);
        }
        if self.subscribers.len() < MAX_SUBSCRIBERS || self.subscribers.contains_key(&(source, peer)) {
            self.subscribers.insert((source, peer), now_ms.saturating_add(SUBSCRIPTION_MS));
        }
    }

    /// A courier is gone.
    pub fn forget(&mut self, peer: &Peer) {
        self.subscribers.retain(|(_, subscriber), _| subscriber != peer);
    }

    /// The relay published a block: couriers of chains that it concerns are told.
    ///
    /// # Errors
    /// [`CourierError`]: the store failed.
    pub fn published(
        &mut self,
        now_ms: u64,
        block: &PublishedBlock,
        store: &dyn StoreReader,
        effects: &mut Vec<ServerEffect>,
    ) -> Result<(), CourierError> {
        for leaf in &block.outbox {
            let told = told(leaf);
            if self.told.insert(leaf.peer, told) == Some(told) && !block.header.is_handoff() {
                continue;
            }
            let from = (leaf.peer, Peer(ledger_protocol::Hash::ZERO));
            let own = self.subscribers.range(from..).take_while(|((chain, _), _)| *chain == leaf.peer);
            let to: Vec<Peer> = own.filter(|(_, until)| **until > now_ms).map(|((_, peer), _)| *peer).collect();
            if to.is_empty() {
                continue;
            }
            if let Some(status) = relay_status(store, &self.relay, &leaf.peer)? {
                let bytes = encode_message(&CourierMessage::Status(Box::new(status)));
                effects.push(ServerEffect::Send { chain: leaf.peer, to, bytes });
            }
        }
        self.told.retain(|chain, _| block.outbox.iter().any(|leaf| leaf.peer == *chain));
        Ok(())
    }
}

fn told(leaf: &OutboxLeaf) -> Told {
    (leaf.next_sequence().unwrap_or(leaf.first), leaf.received, leaf.follows.height_on_peer)
}

impl StoreSource<'_> {
    /// The chain's heartbeat now.
    fn heartbeat_ms(&self) -> Result<u64, CourierError> {
        let reader = ChainReader::new(self.store(), self.chain_id().suite);
        let tip = reader.tip().map_err(super::sight::view_fault)?;
        Ok(tip.map_or(0, |tip| u64::from(tip.next_parameters.heartbeat_ms)))
    }
}
