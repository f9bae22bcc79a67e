//! What this replica takes in for heights it has not reached.
//!
//! The core keeps such messages until their height begins. It neither verifies nor counts them, so one peer could
//! fill its store and crowd out everybody else. Here every message for a later height must be near, new, and signed
//! by a validator of the current set, and each validator has a quota. What is refused comes again: peers repeat
//! their votes. A validator that joins with the next height is heard when that height begins.

use super::encoding::Message;
use ledger_protocol::{Address, Hash, Height};
use std::collections::{BTreeMap, BTreeSet};

/// How many heights ahead messages are kept; the core evicts the highest first.
pub(super) const HEIGHTS_AHEAD: u64 = 4;

/// How many rounds of a later height are kept: what the core itself would accept at its beginning.
const ROUNDS_AHEAD: u32 = 10;

/// Different messages of one validator for one height: three for each of those rounds.
const PER_VALIDATOR: usize = 3 * (ROUNDS_AHEAD as usize + 1);

/// Messages that the core keeps per height, verdicts of the host included.
pub(super) const PER_HEIGHT: usize = ledger_protocol::chain::MAX_VALIDATORS * PER_VALIDATOR + 64;

/// What makes a message of a validator new: type, round and hash.
type Place = (u8, u32, Option<Hash>);

/// The messages admitted for later heights.
#[derive(Debug, Default)]
pub(super) struct Ahead {
    admitted: BTreeMap<(u64, Address), BTreeSet<Place>>,
}

impl Ahead {
    /// Forgets heights up to the one that begins.
    pub(super) fn begin(&mut self, height: Height) {
        self.admitted.retain(|(of, _), _| *of > height.0);
    }

    /// Takes up a message for a height after `current`, if it is near, new and within its sender's quota; `verified`
    /// is asked last.
    pub(super) fn admit(&mut self, current: Height, message: &Message, verified: impl FnOnce() -> bool) -> bool {
        let (sender, place) = match message {
            Message::Vote(vote) => {
                let vote = &vote.message;
                (vote.validator.0, (vote.step as u8, vote.round.as_u32().unwrap_or(u32::MAX), vote.header_hash()))
            }
            Message::Proposal(proposal) => {
                let proposal = &proposal.message;
                (proposal.proposer.0, (2, proposal.round.as_u32().unwrap_or(u32::MAX), Some(proposal.value.0)))
            }
            // The core keeps no certificates for later.
            Message::Polka(_) | Message::Round(_) => return false,
        };
        let height = message.height();
        if height.0 > current.0.saturating_add(HEIGHTS_AHEAD) || place.1 > ROUNDS_AHEAD {
            return false;
        }
        let known = self.admitted.get(&(height.0, sender));
        if known.is_some_and(|places| places.len() >= PER_VALIDATOR || places.contains(&place)) || !verified() {
            return false;
        }
        self.admitted.entry((height.0, sender)).or_default().insert(place)
    }
}
