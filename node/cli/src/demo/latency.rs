//! Latencies in a histogram of bounded size.

use hdrhistogram::Histogram;
use std::time::Duration;

/// Latencies in microseconds, three significant digits.
pub(crate) struct Latencies(Histogram<u64>);

impl Default for Latencies {
    fn default() -> Self {
        // An hour is far above every deadline; three digits are always a valid precision.
        let hour_us = 3_600_000_000;
        Self(Histogram::new_with_max(hour_us, 3).unwrap_or_else(|_| unreachable!("3 significant digits are allowed")))
    }
}

impl Latencies {
    /// Adds one.
    pub(crate) fn add(&mut self, latency: Duration) {
        self.0.saturating_record(u64::try_from(latency.as_micros()).unwrap_or(u64::MAX));
    }

    /// The latency that this share of all stayed below, in milliseconds.
    pub(crate) fn quantile_ms(&self, share: f64) -> f64 {
        self.0.value_at_quantile(share) as f64 / 1_000.0
    }
}
