//! One validator: its log with a durable prefix, its blocks, and what happens to it.

use crate::bft::BftConsensus;
use crate::port::{BarrierId, Event, Halt, TimerId};
use ledger_protocol::chain::FinalityCertificate;
use ledger_protocol::suite::SecretKey;
use ledger_protocol::{Address, Hash, Height, Round};
use std::collections::BTreeSet;
use std::sync::Arc;

#[derive(Clone)]
pub(super) struct Block {
    pub(super) height: Height,
    pub(super) round: Round,
    pub(super) valid_round: Option<Round>,
    pub(super) body: Arc<Vec<u8>>,
}

/// A body is a little header: height, round of its building, position of its builder, a serial number.
pub(super) fn body(height: Height, round: Round, builder: usize, serial: u64) -> Vec<u8> {
    [height.0.to_le_bytes(), u64::from(round.0).to_le_bytes(), (builder as u64).to_le_bytes(), serial.to_le_bytes()]
        .concat()
}

pub(super) fn header_of(body: &[u8]) -> (Height, Round, usize) {
    let number = |at: usize| u64::from_le_bytes(body[at * 8..at * 8 + 8].try_into().unwrap());
    (Height(number(0)), Round(number(1) as u32), number(2) as usize)
}

pub(super) enum Op {
    Body(Hash, Arc<Vec<u8>>),
    Entry(Height, Vec<u8>),
    Commit(Height, Hash, FinalityCertificate),
}

#[derive(Default)]
pub(super) struct Disk {
    pub(super) log: Vec<Op>,
    pub(super) durable: usize,
    pub(super) barriers: u64,
}

impl Disk {
    pub(super) fn height(&self) -> u64 {
        self.log.iter().filter(|op| matches!(op, Op::Commit(..))).count() as u64
    }

    pub(super) fn body(&self, hash: &Hash) -> Option<Arc<Vec<u8>>> {
        self.log.iter().find_map(|op| match op {
            Op::Body(of, body) if of == hash => Some(body.clone()),
            _ => None,
        })
    }

    pub(super) fn commit(&self, height: Height) -> Option<(Hash, FinalityCertificate)> {
        self.log.iter().find_map(|op| match op {
            Op::Commit(of, hash, certificate) if *of == height => Some((*hash, certificate.clone())),
            _ => None,
        })
    }

    pub(super) fn entries(&self, height: Height) -> Vec<Vec<u8>> {
        let entries = self.log.iter().filter_map(|op| match op {
            Op::Entry(of, bytes) if *of == height => Some(bytes.clone()),
            _ => None,
        });
        entries.collect()
    }
}

pub(super) enum Happening {
    Restart,
    Tell(Event),
    Timer(TimerId),
    Persist(BarrierId, usize),
    Begin(Height),
    Build(Height, Round),
    Block(Block),
    Want(Height, Hash),
    Request(usize, Height, Hash),
    Poll,
    SyncRequest(usize, Height),
    SyncAnswer(Height, Arc<Vec<u8>>, FinalityCertificate),
}

/// A message's place, and what it says there.
pub(super) type Place = (usize, u64, u32, u8);
pub(super) type Says = (Option<Hash>, Option<u32>);

pub(super) struct Node {
    pub(super) key: SecretKey,
    pub(super) address: Address,
    pub(super) instance: Option<BftConsensus>,
    pub(super) process: u64,
    pub(super) disk: Disk,
    pub(super) timers: BTreeSet<TimerId>,
    pub(super) early: Vec<Block>,
    /// Own messages that no power cut can take.
    pub(super) signed_durably: BTreeSet<(Place, Says)>,
    pub(super) halt: Option<Halt>,
}
