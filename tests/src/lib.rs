//! End-to-end, port-conformance and golden-vector tests.

pub mod store_conformance;
