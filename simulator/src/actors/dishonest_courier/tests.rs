//! What counts as a misdeed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use super::*;
use crate::actors::{Pairs, Role};
use crate::fixture::{Network, NetworkPlan, header_zero};
use crate::random::{Random, Seed};
use crate::scenario::ActorKind;
use crate::world::{ProcessId, World, WorldConfig};
use ledger_protocol::chain::CertificateKind;
use ledger_protocol::interchain::{HistoryPath, LeafPath, OutboxLeaf};
use relay::RelayMachine;
use std::collections::{BTreeMap, VecDeque};

/// An Advance whose newest block has no message: nothing can be cut from its list.
#[test]
fn what_is_carried_as_it_was_is_no_misdeed() {
    let mut world = World::new(Seed(1), WorldConfig::smooth("couriers"));
    let network = Network::build(&mut world, &NetworkPlan::new(Vec::new()));
    let (relay, id) = (network.relay, network.relay_id);
    let header = header_zero(world.genesis(relay), &RelayMachine).unwrap();
    let leaf = LeafPath { leaf: OutboxLeaf::of_header_zero(&header, id), index: 0, path: HistoryPath::default() };
    let messages = Bounded::new(Vec::new()).unwrap();
    let advance = Advance {
        source: id,
        head: Head::Known { header },
        leaf,
        blocks: Bounded::new(vec![DeliveredBlock::Head { messages }]).unwrap(),
    };
    let mut role = Role {
        kind: ActorKind::DishonestCourier,
        process: ProcessId(0),
        chain: relay,
        id,
        certified_by: CertificateKind::Bft,
        keys: Vec::new(),
        ways: vec!["cut"],
        from_ms: 0,
        until_ms: u64::MAX,
        chance_per_mille: 1_000,
        last_vote: None,
        mood: None,
        held: Vec::new(),
    };
    let mut misdeeds = BTreeMap::new();
    let mut stage = Stage {
        role: &mut role,
        random: &mut Random::new(Seed(1), 1),
        recorded: &VecDeque::new(),
        misdeeds: &mut misdeeds,
        pairs: &mut Pairs::default(),
        others: Vec::new(),
        told_otherwise: Vec::new(),
        names: Vec::new(),
        forged: Vec::new(),
    };
    let inputs = vec![Input::Advance(Box::new(advance))];
    assert_eq!(DishonestCourier.brings(&mut stage, inputs.clone()), inputs);
    assert!(misdeeds.is_empty(), "{misdeeds:?}");
}
