//! Properties: what must hold in every run, checked at every fact before the next event happens.
//!
//! A property keeps what it has seen and compares; it never changes the world. [`standard`] lists those that hold for
//! every chain whatever its state machine is.

mod accusations;
mod admission;
mod agreement;
mod answers;
mod certificates;
mod clients;
mod delivery;
mod holds;
mod known_height;
mod monotone;
mod once;
mod open_legs;
mod order;
mod pace;
mod pending;
mod presence;
mod proposals;
mod pruning;
pub(crate) mod reading;
#[cfg(test)]
mod samples;
mod scopes;
mod shares;
mod signing;
mod votes;
mod writes;

pub use accusations::Accusations;
pub use admission::Admission;
pub use agreement::Agreement;
pub use answers::Answers;
pub use certificates::Certificates;
pub use clients::Clients;
pub use delivery::Delivery;
pub use holds::Holds;
pub use known_height::KnownHeights;
pub use monotone::Monotone;
pub use once::AtMostOnce;
pub use order::Order;
pub use pace::Pace;
pub use pending::Pending;
pub use presence::Presence;
pub use proposals::{Proposals, Tally};
pub use pruning::Pruning;
pub use scopes::Scopes;
pub use shares::Shares;
pub use signing::OneSignature;
pub use votes::OrderedVotes;
pub use writes::Writes;

use crate::actors::Blame;
use crate::failure::Contradiction;
use crate::signer::SignedMessage;
use crate::world::{BackupId, ChainIndex, ProcessId};
use chain_engine::PublishedBlock;
use chain_state::{MemoryStore, WriteBatch};
use ledger_protocol::chain::Genesis;
use ledger_protocol::{ChainId, Height};
use std::collections::BTreeMap;

/// Something that happened in a world.
#[derive(Debug)]
pub enum Fact<'a> {
    /// A chain was added.
    Created(&'a Genesis),
    /// A process, and with it its replica of the chain, came up; `wiped` when its disk is empty.
    Opened {
        /// Height of the tip it found on its disk, but no more than anybody has published: the blocks above that follow
        /// as [`Fact::Published`].
        height: Height,
        /// Whether its disk was wiped since it was last up.
        wiped: bool,
    },
    /// A replica writes the batch of a block.
    Committing {
        /// The block's height.
        height: Height,
        /// The batch.
        batch: &'a WriteBatch,
    },
    /// A replica published a block: it is final and durable there, and the store shows it.
    Published {
        /// The block.
        block: &'a PublishedBlock,
        /// Whether this replica is the first to publish this height.
        is_first: bool,
    },
    /// All disks of a chain were copied at one moment.
    BackedUp(BackupId),
    /// All disks of a chain went back to what they were: seen at the replica that is furthest now.
    Restored(&'a Restoration),
    /// The world has come to rest, and this replica is up and stands at this height.
    AtRest {
        /// Of its newest durable block.
        height: Height,
    },
    /// A signature left its process.
    SignatureLeft(&'a SignedMessage),
    /// A replica begins to agree on the block of this height.
    HeightBegun {
        /// The height.
        height: Height,
    },
    /// The clock of a process jumped, stopped or goes on: what it waits for takes another virtual time.
    ClockMoved {
        /// Whether it stands still now.
        stopped: bool,
    },
}

/// A chain went back to a backup: it lost the blocks above `kept`, and what it signed since.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restoration {
    /// The backup.
    pub backup: BackupId,
    /// The height of the replica that is furthest.
    pub kept: Height,
    /// The height of each.
    pub heights: BTreeMap<ProcessId, Height>,
}

/// A fact with where and when it happened.
#[derive(Debug)]
pub struct Observation<'a> {
    /// Virtual time.
    pub now_ms: u64,
    /// Where.
    pub process: ProcessId,
    /// On which chain of the world.
    pub index: ChainIndex,
    /// On which chain.
    pub chain: ChainId,
    /// The replica's store as it is now.
    pub store: &'a MemoryStore,
    /// Of whom nothing is asked.
    pub blame: &'a Blame,
    /// What its block holds, once somebody has asked.
    pub contents: reading::Contents,
    /// What.
    pub fact: &'a Fact<'a>,
}

/// Something that must hold in every run.
pub trait Property {
    /// Its name in reports.
    fn name(&self) -> &'static str;

    /// Takes a fact in.
    ///
    /// # Errors
    /// [`Contradiction`] with what was seen before and what contradicts it.
    fn observe(&mut self, observation: &Observation<'_>) -> Result<(), Contradiction>;

    /// Asked when the scenario says that the world has come to rest: what must have happened by then.
    ///
    /// # Errors
    /// [`Contradiction`] with what is promised and what is missing.
    fn at_rest(&mut self) -> Result<(), Contradiction> {
        Ok(())
    }

    /// Whether it only watches, for a report or a measurement, and never fails: then it is not listed as a property.
    fn only_watches(&self) -> bool {
        false
    }

    /// How much it has seen, so that a test can tell that it looked at all.
    fn report(&self) -> String;

    /// Its lines in a report: its name and how much it has seen, and the same of every rule that it names by itself.
    fn reports(&self) -> Vec<String> {
        vec![format!("{}: {}", self.name(), self.report())]
    }
}

/// The name in a line of a report.
pub fn name_in(line: &str) -> &str {
    line.split_once(": ").map_or(line, |(name, _)| name)
}

/// The properties of every chain.
pub fn standard() -> Vec<Box<dyn Property>> {
    vec![
        Box::new(Agreement::default()),
        Box::new(OneSignature::default()),
        Box::new(Certificates::default()),
        Box::new(AtMostOnce::default()),
        Box::new(Monotone::default()),
        Box::new(Order::default()),
        Box::new(Presence::default()),
    ]
}

/// What holds beside that in a network of honest chains. One that went back to a backup is excused for what it lost, and
/// for nothing else.
pub fn of_network(relay: ChainIndex) -> Vec<Box<dyn Property>> {
    vec![
        Box::new(Delivery::default()),
        Box::new(Clients::default()),
        Box::new(Holds::new(relay)),
        Box::new(Scopes::new(relay)),
        Box::new(Shares::new(relay)),
        Box::new(OrderedVotes::new(relay)),
        Box::new(Admission::new(relay)),
        Box::new(Accusations::new(relay)),
        Box::new(Answers::new(relay)),
        Box::new(KnownHeights::new(relay)),
        Box::new(Pruning::new(relay)),
        Box::new(Writes::new(relay)),
        Box::new(Pending::new(relay)),
        Box::new(Pace::new(relay)),
    ]
}
