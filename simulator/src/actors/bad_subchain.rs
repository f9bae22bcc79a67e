//! More than a third of a subchain, or all of it, against the others. With a third and one of the keys it shows two
//! blocks and votes for both; with all of them its couriers bring the relay certified headers that are not its own.
//!
//! Whoever sees two certified headers of one height shows them to the relay, once.

use super::equivocating_proposer::EquivocatingProposer;
use super::{Actor, Frame, Stage};
use crate::fixture::certify;
use chain_engine::ChainReader;
use chain_state::StoreReader;
use ledger_protocol::TimestampMs;
use ledger_protocol::chain::{FinalityCertificate, Header, Input};
use ledger_protocol::interchain::{AccusedHeader, Evidence, Head};

#[derive(Debug)]
pub(crate) struct BadSubchain;

/// A header with a certificate over it.
#[derive(Debug, Clone)]
pub(crate) struct Certified {
    pub(crate) header: Header,
    pub(crate) certificate: FinalityCertificate,
}

impl Actor for BadSubchain {
    fn sends(&self, stage: &mut Stage<'_>, frame: Frame) -> Vec<Frame> {
        if stage.role.ways.as_slice() != ["split"] {
            return vec![frame];
        }
        EquivocatingProposer.sends(stage, frame)
    }

    fn brings(&self, stage: &mut Stage<'_>, inputs: Vec<Input>) -> Vec<Input> {
        if !stage.role.ways.contains(&"fork") {
            return inputs;
        }
        let mut brought = Vec::new();
        for mut input in inputs {
            if let Input::Advance(advance) = &mut input
                && advance.source == stage.role.id
                && let Head::New { header, certificate, .. } = &mut advance.head
                && stage.dares()
            {
                header.timestamp_ms = TimestampMs(header.timestamp_ms.0 + 1);
                *certificate = certify(header, &stage.role.keys);
                let forged = Certified { header: header.clone(), certificate: certificate.clone() };
                stage.did("fork");
                stage.forged.push(forged);
            }
            brought.push(input);
        }
        brought
    }
}

/// Two certified headers of one height, as evidence. `None` while the store does not name their set.
pub(crate) fn evidence(store: &dyn StoreReader, first: &Certified, second: &Certified) -> Option<Evidence> {
    let chain = first.header.chain;
    let reader = ChainReader::new(store, chain.suite);
    let accused = |one: &Certified| {
        let validators = reader.validators(&one.header.validators_hash).ok()??;
        Some(AccusedHeader { header: one.header.clone(), certificate: one.certificate.clone(), validators })
    };
    Some(Evidence::Equivocation { chain, first: accused(first)?, second: accused(second)? })
}
