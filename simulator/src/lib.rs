//! Whole networks in one thread of virtual time, over a simulated network and disk, from one seed.
