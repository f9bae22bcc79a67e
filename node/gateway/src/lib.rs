//! The HTTP interface on loopback.
