//! The trace: one SHA-256 over every event and effect in order, and the last few of them in short for reports.
//!
//! Every part is hashed with its length, so that two different traces never hash alike by concatenation.

use ledger_protocol::suite::Digester;
use ledger_protocol::{Hash, Suite};
use std::collections::VecDeque;
use std::fmt;

/// How many events a report shows.
const RECENT: usize = 40;

/// An event or an effect in short.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceLine {
    /// Virtual time.
    pub at_ms: u64,
    /// Which process; none for the world itself.
    pub process: Option<usize>,
    /// Which chain.
    pub chain: Option<usize>,
    /// What.
    pub what: &'static str,
    /// A number that says more: height, peer, bytes.
    pub detail: u64,
}

impl fmt::Display for TraceLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>8} ms", self.at_ms)?;
        if let Some(process) = self.process {
            write!(f, "  process {process}")?;
        }
        if let Some(chain) = self.chain {
            write!(f, "  chain {chain}")?;
        }
        write!(f, "  {} {}", self.what, self.detail)
    }
}

/// Takes every line of a trace, as it happens.
pub type TraceSink = Box<dyn FnMut(&TraceLine)>;

/// The trace of a world.
#[derive(Debug, Clone)]
pub struct Trace {
    digest: Digester,
    recent: VecDeque<TraceLine>,
    count: u64,
}

impl Default for Trace {
    fn default() -> Self {
        Self { digest: Suite::Standard.digester(), recent: VecDeque::new(), count: 0 }
    }
}

impl Trace {
    /// Adds an event or an effect with the bytes it is about.
    pub fn record(&mut self, line: TraceLine, bytes: &[u8]) {
        self.count += 1;
        let place = |place: Option<usize>| place.map_or(u64::MAX, |place| place as u64);
        for number in [line.at_ms, place(line.process), place(line.chain), line.detail, bytes.len() as u64] {
            self.digest.update(&number.to_le_bytes());
        }
        self.digest.update(&(line.what.len() as u64).to_le_bytes());
        self.digest.update(line.what.as_bytes());
        self.digest.update(bytes);
        if self.recent.len() == RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back(line);
    }

    /// The hash of everything so far.
    pub fn hash(&self) -> Hash {
        self.digest.clone().finish()
    }

    /// How many entries there are.
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// The last few.
    pub fn recent(&self) -> impl Iterator<Item = &TraceLine> {
        self.recent.iter()
    }
}
