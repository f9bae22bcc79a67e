//! Running: one event after the other until a moment, a condition or a contradiction.
//!
//! Bound: [`MAX_EVENTS_AT_ONCE`], whoever runs the world; then the property *time passes* is broken.

use super::{ChainIndex, World};
use crate::assertion::{self, ASSERTION};
use crate::failure::{Contradiction, Failure};
use crate::property::Fact;

/// A condition does not come to hold in time.
pub(crate) const LIVENESS: &str = "liveness";
/// Most events at one moment: more means that something answers itself without end.
pub(super) const MAX_EVENTS_AT_ONCE: u64 = 200_000;

impl World {
    /// Runs the next event, if it is due by `limit_ms`; `false` when there is none.
    fn step(&mut self, limit_ms: u64) -> bool {
        let Some(entry) = self.queue.first_entry() else { return false };
        let (at_ms, _) = *entry.key();
        if at_ms > limit_ms {
            return false;
        }
        let happening = entry.remove();
        self.at_once = if at_ms == self.now_ms { self.at_once + 1 } else { 0 };
        self.now_ms = at_ms;
        // What an assertion left half done is not run on: the failure stops the world.
        if let Err(contradiction) = assertion::catch(|| self.happen(happening)) {
            self.fail(ASSERTION, contradiction);
        }
        if self.at_once > MAX_EVENTS_AT_ONCE {
            let fact = format!("more than {MAX_EVENTS_AT_ONCE} events at one moment");
            self.fail("time passes", Contradiction::new("a moment ends", fact));
        }
        true
    }

    fn check(&self) -> Result<(), Box<Failure>> {
        self.failure.as_ref().map_or(Ok(()), |failure| Err(failure.clone()))
    }

    /// Runs until the condition holds.
    ///
    /// # Errors
    /// [`Failure`]: a property does not hold, or the condition still does not when `within_ms` have passed.
    pub fn run_until(&mut self, condition: impl Fn(&Self) -> bool, within_ms: u64) -> Result<(), Box<Failure>> {
        let limit_ms = self.now_ms + within_ms;
        loop {
            self.check()?;
            if condition(self) {
                return Ok(());
            }
            if !self.step(limit_ms) {
                break;
            }
        }
        self.check()?;
        self.now_ms = limit_ms;
        let heights: Vec<String> = (0..self.chains.len())
            .map(ChainIndex)
            .map(|chain| {
                format!("{}: {}..{}", chain.0, self.least_height(chain).unwrap_or_default(), self.best_height(chain))
            })
            .collect();
        self.fail(
            LIVENESS,
            Contradiction::new(
                format!("the condition holds within {within_ms} ms"),
                format!("it does not; chains stand at heights {}", heights.join(", ")),
            ),
        );
        self.check()
    }

    /// Runs for a span of virtual time.
    ///
    /// # Errors
    /// [`Failure`]: a property does not hold, or time stands still.
    pub fn run_for(&mut self, span_ms: u64) -> Result<(), Box<Failure>> {
        let limit_ms = self.now_ms + span_ms;
        while self.failure.is_none() && self.step(limit_ms) {}
        self.check()?;
        self.now_ms = limit_ms;
        Ok(())
    }

    /// Asks every property what must have happened now that nothing is under way any more.
    ///
    /// # Errors
    /// [`Failure`]: something promised is missing.
    pub fn check_at_rest(&mut self) -> Result<(), Box<Failure>> {
        for chain in (0..self.chains.len()).map(ChainIndex) {
            for process in self.seats(chain) {
                if let Some(height) = self.height(process, chain) {
                    self.observe(process, chain, &Fact::AtRest { height });
                }
            }
        }
        self.check()?;
        let mut properties = std::mem::take(&mut self.properties);
        for property in &mut properties {
            if let Err(contradiction) = property.at_rest() {
                self.fail(property.name(), contradiction);
                break;
            }
        }
        self.properties = properties;
        self.check()
    }
}
