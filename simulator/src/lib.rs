//! Whole networks in one thread of virtual time, over a simulated network and disk, from one seed.
//!
//! [`World`] hosts the replicas, couriers and courier servers of any number of processes: the very code that the real
//! node runs, driven through the same ports. The seed fixes latencies, losses, crashes and the order of everything;
//! one seed run twice gives one [`World::trace_hash`].
//!
//! Invariants: nothing here reads a clock, spawns a thread or asks the machine for randomness; time moves only from
//! one event to the next; every [`Property`] sees every fact before the next event happens; the first contradiction
//! stops the world and is reported with the line that replays it.

mod actors;
pub mod assertion;
pub mod disk;
pub mod failure;
pub mod fixture;
pub mod network;
pub mod property;
mod random;
pub mod replay;
pub mod scale;
pub mod scenario;
#[cfg(feature = "planted-bugs")]
pub mod self_test;
pub mod shrink;
mod signer;
pub mod trace;
pub mod trial;
pub mod world;

pub use actors::Blame;
pub use disk::Tail;
pub use failure::{Contradiction, Failure};
pub use network::NetworkConfig;
pub use property::{Fact, Observation, Property};
pub use random::{Random, Seed, seeds};
pub use world::{ChainIndex, ChainSpec, Charge, Costs, Fault, ProcessId, Reply, Step, StepKind, World, WorldConfig};
