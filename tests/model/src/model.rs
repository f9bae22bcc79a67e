//! Explicit-state search of the proposal protocol: every interleaving of a small world, breadth first.
//!
//! The network is a monotone set: what was emitted stays deliverable for ever, in any order, any number of times.
//! Hence every progress step is monotone, the graph is acyclic, and A5 is "every state where no fair step (delivery,
//! relay block, header advance) changes anything is good".
//! Bounds: [`P`] proposals of [`G`] legs over [`C`] chains with [`K`] keys, [`L`] local transactions, and `Cfg::limit`
//! states; a search that reaches the limit says so.

mod config;
mod faults;
mod promises;
mod relay;
mod search;
mod state;
mod steps;
mod subchain;
mod world;

pub use config::{Acc, Cfg, Kind, Leg, Local, Mode, Prop, Prune, Rel};
pub use search::{Report, Violation, run};
pub use state::{A, AD, AG, AP, CD, CG, DI, LK, LO, NONE, PR, QU, R, RE, RF, RJ, St, TB, UN};
pub use world::M;

pub const P: usize = 3;
pub const G: usize = 3;
pub const C: usize = 3;
pub const K: usize = 2;
pub const L: usize = 2;
