//! The `crosstie` binary.

fn main() {}
