//! Couriers and courier servers of the processes (placeholder until the driver compiles).
use super::{ChainIndex, ProcessId, World};
use crate::random::Seed;
use chain_engine::PublishedBlock;
use std::sync::Arc;

#[derive(Debug)]
pub(super) enum CourierHappening {}
#[derive(Debug)]
pub(super) struct Couriers;
impl Couriers {
    pub(super) fn new(_seed: Seed) -> Self { Self }
}
impl World {
    pub(super) fn courier_partners(&self, _process: ProcessId) -> Vec<ProcessId> { Vec::new() }
    pub(super) fn courier_link(&mut self, _here: ProcessId, _there: ProcessId, _up: bool) {}
    pub(super) fn couriers_crashed(&mut self, _process: ProcessId) {}
    pub(super) fn couriers_started(&mut self, _process: ProcessId) {}
    pub(super) fn courier_happens(&mut self, happening: CourierHappening) { match happening {} }
    pub(super) fn courier_published(&mut self, _process: ProcessId, _chain: ChainIndex, _block: &Arc<PublishedBlock>) {}
}
