//! What a validator with an empty disk must find out before it signs: is the chain new, or has its disk been lost?
//!
//! Both look the same from inside. So it first hears how far the others are, until those and itself are a quorum, and
//! then signs nothing at the heights that were final by their word: it no longer knows what it signed there. Nothing is
//! lost by waiting, because without a quorum there is no new block anyway. A height counts as final when validators say
//! so that are more than may be faulty together: one liar cannot silence it.
//!
//! It is told what it must not sign, not what it might have signed at the height that was under way when its disk was
//! lost: there it counts as one of the faults that the chain tolerates. What others show it that
//! it signed there it says again, and nothing else in its place
//! ([`HeightSettings::forgot`](chain_consensus::HeightSettings)). A second start before it has caught up no longer finds
//! an empty disk and does not ask again.

use super::pace::STUCK_MS;
use super::{Alarm, Effects, Replica, Step};
use crate::port::{Lane, Peer};
use ledger_protocol::Height;
use ledger_protocol::chain::quorum;
use std::collections::BTreeMap;

/// What this replica must not sign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Doubt {
    /// Its disk held the chain: its log holds what it signed.
    None,
    /// Its disk was empty; validators and the heights they said.
    Asking(BTreeMap<Peer, Height>),
    /// Its disk was empty; nothing up to this height.
    Through(Height),
}

impl Replica {
    /// Whether this replica may sign at the next height.
    pub(super) fn may_sign(&self) -> bool {
        match &self.doubt {
            Doubt::None => true,
            Doubt::Asking(_) => false,
            Doubt::Through(height) => self.next_height() > *height,
        }
    }

    /// Whether this replica may have signed at the next height and no longer know of it. At the first height of a chain
    /// nobody has lost anything, and a message of its own that it does not know is another process with its key.
    pub(super) fn may_have_forgotten(&self) -> bool {
        matches!(&self.doubt, Doubt::Through(height) if *height > Height::ZERO)
    }

    /// Whether the next height must wait for the others' word. Asks for it.
    pub(super) fn must_ask(&mut self, effects: &mut Effects) -> bool {
        // Also after a start on its own: a single validator is a quorum.
        self.conclude();
        let is_asking = matches!(self.doubt, Doubt::Asking(_));
        if is_asking && !self.alarms.contains_key(&Alarm::Pace) {
            // Those that are as new as we are do not answer, they ask as well.
            self.set_alarm(Alarm::Pace, STUCK_MS, effects);
            self.send(self.validators(), Lane::Sync, self.status(), effects);
        }
        is_asking
    }

    /// A validator says how far it is.
    pub(super) fn heard(&mut self, from: Peer, height: Height, effects: &mut Effects) -> Step {
        if !self.is_validator(&from) {
            return Ok(());
        }
        let Doubt::Asking(heard) = &mut self.doubt else { return Ok(()) };
        heard.insert(from, height);
        self.conclude();
        if matches!(self.doubt, Doubt::Asking(_)) {
            return Ok(());
        }
        self.clear_alarm(Alarm::Pace, effects);
        self.pace(effects)
    }

    fn conclude(&mut self) {
        let Doubt::Asking(heard) = &self.doubt else { return };
        let set = &self.tip.next_validators;
        let own = self.own_address.and_then(|own| set.by_address(&own)).map_or(0, |(_, validator)| validator.power);
        let mut said: Vec<(Height, u64)> = set
            .validators()
            .iter()
            .filter_map(|it| Some((*heard.get(&Peer(it.network_key_hash))?, it.power)))
            .collect();
        let total = set.total_power();
        let needed = quorum(self.kind, total);
        let heard_power: u64 = said.iter().map(|(_, power)| *power).sum();
        if heard_power.saturating_add(own) < needed {
            return;
        }
        said.sort_unstable_by(|one, other| other.cmp(one));
        let faulty = total.saturating_sub(needed);
        let mut power = 0u64;
        let through = said.iter().find_map(|(height, weight)| {
            power = power.saturating_add(*weight);
            (power > faulty).then_some(*height)
        });
        self.doubt = Doubt::Through(through.unwrap_or_default());
    }
}
