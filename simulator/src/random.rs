//! Seeded randomness: ChaCha8, one stream per purpose, no ambient source.
//!
//! Streams keep purposes apart: what the network draws does not shift what the disks draw.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use std::fmt;

/// What fixes a whole run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Seed(pub u64);

impl fmt::Display for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One stream of a seed.
#[derive(Debug, Clone)]
pub struct Random(ChaCha8Rng);

impl Random {
    /// A stream of a seed.
    pub fn new(seed: Seed, stream: u64) -> Self {
        let mut generator = ChaCha8Rng::seed_from_u64(seed.0);
        generator.set_stream(stream);
        Self(generator)
    }

    /// A number below `bound`; 0 when `bound` is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0.next_u64().checked_rem(bound).unwrap_or(0)
    }

    /// A number from `range.0` to `range.1`, both included.
    pub fn within(&mut self, range: (u64, u64)) -> u64 {
        range.0 + self.below(range.1.saturating_sub(range.0) + 1)
    }

    /// True in `per_mille` of thousand cases.
    pub fn chance(&mut self, per_mille: u32) -> bool {
        per_mille > 0 && self.below(1_000) < u64::from(per_mille)
    }
}

/// The seeds of a test: `count` of them from 1 on; the environment's `CROSSTIE_SEEDS` says how many more or fewer, and
/// `CROSSTIE_SEED` names a single one to replay.
pub fn seeds(count: u64) -> Vec<Seed> {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    if let Some(one) = number("CROSSTIE_SEED") {
        return vec![Seed(one)];
    }
    (1..=number("CROSSTIE_SEEDS").unwrap_or(count)).map(Seed).collect()
}
