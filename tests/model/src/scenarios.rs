//! The scenarios: `lit-*` and `mut-*` show what a careless reading breaks, `fix-*` the repaired rule, `ok-*`, `x-*` and
//! `y-*` are wide runs of the protocol as it is specified.

mod readings;
mod wide;

use crate::model::*;
fn a(k: usize, kind: Kind, d: i8) -> Acc {
    Acc { k, kind, d }
}
fn leg(c: usize, acc: Vec<Acc>) -> Leg {
    Leg { c, mode: Mode::Vote, acc }
}
fn note(c: usize, acc: Vec<Acc>) -> Leg {
    Leg { c, mode: Mode::Notify, acc }
}
fn p(legs: Vec<Leg>) -> Prop {
    Prop { legs }
}
/// Every scenario, in order of its first letters' history.
pub fn all() -> Vec<Cfg> {
    let mut v = readings::all();
    v.extend(wide::all());
    // Careless readings belong to a participant that remembers what it pruned; everything else runs the table exactly
    // as it is worded.
    for c in &mut v {
        c.no_ghost = !(c.name.starts_with("lit-") || c.name.starts_with("mut-"));
    }
    v
}
