//! Mistakes that take more than a line; the simulator must find them (docs/adr/0011).

use ledger_protocol::proposal::{AccessKind, ScopeEntry};
use planted::Plant;

/// The scope without amounts on counters, when this mistake is planted.
pub(super) fn without_reserves(scope: &[ScopeEntry], plant: Plant) -> Vec<ScopeEntry> {
    let is_amount = |entry: &ScopeEntry| matches!(entry.access, AccessKind::Delta(_));
    scope.iter().filter(|entry| !planted::is(plant) || !is_amount(entry)).cloned().collect()
}
