//! The courier driver: one per validator of a subchain, between its chain and the relay, both ways.
//!
//! Sans-I/O: [`CourierDriver::on`] takes an event and the own chain's durable store, and appends effects; the relay is
//! reached by messages to [`CourierServer`]s, which run beside relay replicas. The simulator and the node host the same
//! code.
//!
//! - subchain → relay: the driver assembles what the relay lacks from its own chain and sends it as `Deliver`;
//! - relay → subchain: the driver asks with `Pull`, saying what its chain has, and submits the answer to its own pool.
//!
//! Invariants: nothing here is a fact; every step is recomputed from the own store and the relay's last answer, and
//! losing the driver loses nothing. What a server says decides only what is sent, never what is true: the state
//! machines verify it all. One relay peer is asked at a time; one that brings no progress is left for the next.
//! Bounds: [`MAX_RELAY_PEERS`] peers, one question of each kind under way, one alarm.
//! Errors: [`CourierError`], after which the driver goes on with the next event.

mod message;
mod server;
mod sight;
mod turn;

pub use message::{ClientStatus, CourierMessage, DestinationStatus, MAX_COURIER_BYTES, Status};
pub use server::{CourierServer, MAX_SUBSCRIBERS, ServerEffect};
pub use sight::{OwnChain, STALE_FLOOR_MS, STALE_HEARTBEATS, StoreSource, relay_status, stale_ms};

use crate::assemble::{CourierError, CourierWork, pending};
use crate::turn::Place;
use chain_engine::Peer;
use ledger_protocol::chain::Input;
use ledger_protocol::{Address, ChainId};
use message::{Inputs, encode_message};
use sight::OwnSight;
use std::collections::BTreeSet;
use turn::Turn;

/// Relay peers remembered.
pub const MAX_RELAY_PEERS: usize = 256;
/// How often the relay is asked while something is open and no answer or notice came.
const POLL_OPEN_MS: u64 = 500;
/// How often the relay is asked while nothing is: it tells by itself when something comes.
const POLL_IDLE_MS: u64 = 5_000;
/// A relay peer that brings no answer or no progress for so long is left for the next.
const PATIENCE_MS: u64 = 2_000;

/// What happens to a driver.
#[derive(Debug)]
pub enum CourierEvent {
    /// Begin.
    Start,
    /// A relay replica is connected; the process's own one too, if it hosts one.
    RelayUp(Peer),
    /// A relay replica is gone.
    RelayDown(Peer),
    /// A message of a relay replica's server; anything may be in it.
    Message {
        /// Who sent it.
        from: Peer,
        /// The bytes.
        bytes: Vec<u8>,
    },
    /// The own chain published a block: the store has moved.
    OwnBlock,
    /// The alarm with this number rang.
    Alarm(u64),
}

/// What a driver asks of its host.
#[derive(Debug)]
pub enum CourierEffect {
    /// Send to a relay replica's server.
    Send {
        /// To whom.
        to: Peer,
        /// The message.
        bytes: Vec<u8>,
    },
    /// Submit to the own replica's pool. Refusals need no answer.
    Submit(Box<Input>),
    /// Wake the driver later; replaces every alarm before.
    SetAlarm {
        /// Its number.
        id: u64,
        /// When, from now.
        after_ms: u64,
    },
}

/// The relay's last word.
#[derive(Debug, Clone)]
struct Heard {
    status: Option<Status>,
    at_ms: u64,
}

/// One courier of one validator. Losing it loses nothing.
#[derive(Debug)]
pub struct CourierDriver {
    own: ChainId,
    own_address: Address,
    relay: ChainId,
    peers: BTreeSet<Peer>,
    chosen: Option<Peer>,
    rotation: usize,
    /// Since when the chosen peer owes something.
    owed_since_ms: Option<u64>,
    heard: Option<Heard>,
    asked_at_ms: Option<u64>,
    pulling: bool,
    outgoing: Turn,
    incoming: Turn,
    alarm: u64,
    alarm_at_ms: Option<u64>,
}

impl CourierDriver {
    /// The courier of one validator of `own` towards `relay`.
    pub fn new(own: ChainId, own_address: Address, relay: ChainId) -> Self {
        Self {
            own,
            own_address,
            relay,
            peers: BTreeSet::new(),
            chosen: None,
            rotation: 0,
            owed_since_ms: None,
            heard: None,
            asked_at_ms: None,
            pulling: false,
            outgoing: Turn::default(),
            incoming: Turn::default(),
            alarm: 0,
            alarm_at_ms: None,
        }
    }

    /// Takes one event. `now_ms` is a monotonic clock of the host.
    ///
    /// # Errors
    /// [`CourierError`]: nothing can be brought now; the driver goes on with the next event.
    pub fn on(
        &mut self,
        now_ms: u64,
        event: CourierEvent,
        own: &dyn OwnChain,
        effects: &mut Vec<CourierEffect>,
    ) -> Result<(), CourierError> {
        match event {
            CourierEvent::Start | CourierEvent::OwnBlock => {}
            CourierEvent::RelayUp(peer) => {
                if self.peers.len() < MAX_RELAY_PEERS {
                    self.peers.insert(peer);
                }
            }
            CourierEvent::RelayDown(peer) => {
                self.peers.remove(&peer);
                if self.chosen == Some(peer) {
                    self.leave();
                }
            }
            CourierEvent::Message { from, bytes } => self.hear(now_ms, from, &bytes, effects),
            CourierEvent::Alarm(id) if id == self.alarm => self.alarm_at_ms = None,
            CourierEvent::Alarm(_) => return Ok(()),
        }
        let result = self.consider(now_ms, own, effects);
        self.set_alarm(now_ms, effects);
        result
    }

    /// Takes an answer in; what others than the chosen peer say is not listened to.
    fn hear(&mut self, now_ms: u64, from: Peer, bytes: &[u8], effects: &mut Vec<CourierEffect>) {
        if self.chosen != Some(from) {
            return;
        }
        match message::decode_message(bytes) {
            Some(CourierMessage::Status(status)) if status.source == self.own && status.relay == self.relay => {
                self.heard = Some(Heard { status: Some(*status), at_ms: now_ms });
            }
            Some(CourierMessage::Unknown { source }) if source == self.own => {
                self.heard = Some(Heard { status: None, at_ms: now_ms });
            }
            Some(CourierMessage::Inputs(inputs)) if std::mem::take(&mut self.pulling) => {
                let brought = inputs.into_vec().into_iter();
                effects.extend(brought.filter(|it| self.is_of_relay(it)).map(|it| CourierEffect::Submit(Box::new(it))));
            }
            _ => {}
        }
    }

    fn is_of_relay(&self, input: &Input) -> bool {
        match input {
            Input::Handoff(handoff) => handoff.source == self.relay,
            Input::Advance(advance) => advance.source == self.relay,
            Input::Evidence(_) | Input::Transaction(_) => false,
        }
    }

    fn leave(&mut self) {
        self.chosen = None;
        self.heard = None;
        self.asked_at_ms = None;
        self.pulling = false;
        self.owed_since_ms = None;
        self.rotation = self.rotation.wrapping_add(1);
    }

    /// Couriers begin with different peers and move on in turn.
    fn choose(&mut self, place: Place) -> Option<Peer> {
        if self.chosen.is_none() {
            let turn = place.position.wrapping_add(self.rotation).checked_rem(self.peers.len())?;
            self.chosen = self.peers.iter().nth(turn).copied();
        }
        self.chosen
    }

    fn consider(
        &mut self,
        now_ms: u64,
        own: &dyn OwnChain,
        effects: &mut Vec<CourierEffect>,
    ) -> Result<(), CourierError> {
        if self.owed_since_ms.is_some_and(|since| now_ms.saturating_sub(since) >= PATIENCE_MS) && self.peers.len() > 1 {
            self.leave();
        }
        let Some(sight) = OwnSight::read(own, &self.own, &self.own_address, &self.relay)? else { return Ok(()) };
        let Some(peer) = self.choose(sight.place) else { return Ok(()) };
        let answered = match self.heard.clone() {
            Some(Heard { status: Some(status), .. }) => {
                let brought = self.bring_out(now_ms, peer, &sight, &status, own, effects);
                self.pull_in(now_ms, peer, &sight, &status, effects);
                brought
            }
            _ => Ok(()),
        };
        self.ask(now_ms, peer, effects);
        answered
    }

    fn is_open(&self) -> bool {
        self.outgoing.is_open() || self.incoming.is_open()
    }

    fn ask_due_ms(&self) -> u64 {
        let asked = self.asked_at_ms.unwrap_or(0);
        let heard = self.heard.as_ref().map_or(0, |heard| heard.at_ms);
        let wait_ms = if self.is_open() || self.heard.is_none() { POLL_OPEN_MS } else { POLL_IDLE_MS };
        asked.max(heard).saturating_add(wait_ms)
    }

    fn ask(&mut self, now_ms: u64, peer: Peer, effects: &mut Vec<CourierEffect>) {
        let is_owed = self.heard.is_none() || self.is_open();
        if !is_owed {
            self.owed_since_ms = None;
        }
        if self.asked_at_ms.is_some() && now_ms < self.ask_due_ms() {
            return;
        }
        self.asked_at_ms = Some(now_ms);
        if is_owed {
            self.owed_since_ms.get_or_insert(now_ms);
        }
        let bytes = encode_message(&CourierMessage::AskStatus { source: self.own });
        effects.push(CourierEffect::Send { to: peer, bytes });
    }

    /// Subchain → relay.
    fn bring_out(
        &mut self,
        now_ms: u64,
        peer: Peer,
        sight: &OwnSight,
        status: &Status,
        own: &dyn OwnChain,
        effects: &mut Vec<CourierEffect>,
    ) -> Result<(), CourierError> {
        let open = sight.relay_lacks(status, own.store())?;
        let progress = (status.client.height_on_source, status.received);
        if self.outgoing.has_moved(progress) {
            self.owed_since_ms = None;
        }
        let leads = sight.place.leads(status.client.height_on_source);
        if !self.outgoing.act(now_ms, progress, sight.sent.0, open, leads) {
            return Ok(());
        }
        let source = StoreSource::new(self.own, own.store());
        let work = pending(&source, &status.as_destination())?;
        let inputs: Vec<Input> = work.into_iter().map(into_input).collect();
        if !inputs.is_empty() {
            let bytes = encode_message(&CourierMessage::Deliver(Inputs::new(inputs).unwrap_or_default()));
            effects.push(CourierEffect::Send { to: peer, bytes });
        }
        Ok(())
    }

    /// Relay → subchain.
    fn pull_in(
        &mut self,
        now_ms: u64,
        peer: Peer,
        sight: &OwnSight,
        status: &Status,
        effects: &mut Vec<CourierEffect>,
    ) {
        let open = sight.lacks(status);
        let progress = (sight.client.height_on_source, sight.received);
        if self.incoming.has_moved(progress) {
            self.owed_since_ms = None;
        }
        let leads = sight.place.leads(sight.client.height_on_source);
        if self.incoming.act(now_ms, progress, status.sent.0, open, leads) {
            self.pulling = true;
            let bytes = encode_message(&CourierMessage::Pull(Box::new(sight.as_destination(self.own))));
            effects.push(CourierEffect::Send { to: peer, bytes });
        }
    }

    fn set_alarm(&mut self, now_ms: u64, effects: &mut Vec<CourierEffect>) {
        if self.chosen.is_none() {
            return;
        }
        // Before the relay's word came there is nothing to decide a turn by, however long it has been due.
        let has_status = self.heard.as_ref().is_some_and(|heard| heard.status.is_some());
        let turns = if has_status { [self.outgoing.due_ms(), self.incoming.due_ms()] } else { [None, None] };
        let due = turns.into_iter().chain([Some(self.ask_due_ms())]);
        let Some(at_ms) = due.flatten().min() else { return };
        if self.alarm_at_ms.is_some_and(|set| set <= at_ms && set > now_ms) {
            return;
        }
        self.alarm = self.alarm.wrapping_add(1);
        let after_ms = at_ms.saturating_sub(now_ms).max(1);
        self.alarm_at_ms = Some(now_ms.saturating_add(after_ms));
        effects.push(CourierEffect::SetAlarm { id: self.alarm, after_ms });
    }
}

fn into_input(work: CourierWork) -> Input {
    match work {
        CourierWork::Handoff(handoff) => Input::Handoff(handoff),
        CourierWork::Advance(advance) => Input::Advance(advance),
    }
}

#[cfg(test)]
mod tests;
