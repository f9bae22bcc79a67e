//! The host: wires the pure floors to sockets, disks and clocks.
