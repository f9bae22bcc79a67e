//! Networks of real processes that are killed, wiped, suspended, restored from backups and started again.
//!
//! Every validator of every chain is a process of the real binary; it is stopped by its process id. Every wait has a
//! deadline. Nothing here depends on how fast the machine is, except that the deadlines are generous.
#![allow(missing_docs)]

#[path = "process_faults/all_killed.rs"]
mod all_killed;
#[path = "process_faults/reading.rs"]
mod reading;
#[path = "process_faults/relay_restored.rs"]
mod relay_restored;
#[path = "process_faults/restored.rs"]
mod restored;
#[path = "process_faults/running.rs"]
mod running;
#[path = "process_faults/stopping.rs"]
mod stopping;
#[path = "process_faults/suites.rs"]
mod suites;
#[path = "process_faults/two_of_four.rs"]
mod two_of_four;
#[path = "process_faults/wiped.rs"]
mod wiped;
