//! What must not begin.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use super::*;
use crate::property::samples::{chain_record, network, relay_inputs};
use ledger_protocol::chain::Input;
use ledger_protocol::transaction::Operation;

#[test]
fn every_reason_to_refuse_is_found() {
    let (world, network) = network();
    let inputs = relay_inputs(&world, &network).concat();
    let submit = inputs.iter().find_map(|input| match input {
        Input::Transaction(it) => it.body.operations.iter().find_map(|one| match &one.operation {
            Operation::SubmitProposal(submit) => Some(submit.clone()),
            _ => None,
        }),
        _ => None,
    });
    let submit = submit.unwrap();
    let fit = chain_record(&world, &network);
    let leg = submit.body.legs.iter().find(|leg| leg.chain == fit.chain).unwrap();
    let why = |record: ChainRecord, newest_ms: u64, in_flight: u32| {
        let one = Named { leg, record, newest_header_at: TimestampMs(newest_ms), in_flight, is_member: true };
        refused(&submit, &one, &[], TimestampMs(1_000_000))
    };
    assert_eq!(why(fit.clone(), 1_000_000, 1), None);
    let says = |why: Option<String>, words: &str| assert!(why.as_ref().is_some_and(|it| it.contains(words)), "{why:?}");
    says(why(ChainRecord { status: ChainStatus::Frozen, ..fit.clone() }, 1_000_000, 1), "Frozen");
    says(why(ChainRecord { lagging: true, ..fit.clone() }, 1_000_000, 1), "lagging: true");
    says(why(fit.clone(), 900_000, 1), "stale");
    says(why(ChainRecord { max_t_prep: 1, ..fit.clone() }, 1_000_000, 1), "t_prep");
    says(why(fit.clone(), 1_000_000, fit.limits.max_in_flight + 1), "in flight");
    says(why(ChainRecord { services: Default::default(), ..fit.clone() }, 1_000_000, 1), "does not open");
    let services: Vec<_> = fit
        .services
        .iter()
        .cloned()
        .map(|mut service| {
            service.demands_shared_control = true;
            service
        })
        .collect();
    let demanding = ChainRecord { services: ledger_protocol::codec::Bounded::new(services).unwrap(), ..fit.clone() };
    let other_leg = submit.body.legs.iter().find(|leg| leg.chain != fit.chain).unwrap();
    let other = Named {
        leg: other_leg,
        record: ChainRecord { controlled_by: ControlledBy::SingleOrganisation, ..fit },
        newest_header_at: TimestampMs(1_000_000),
        in_flight: 1,
        is_member: true,
    };
    let one = Named { leg, record: demanding, newest_header_at: TimestampMs(1_000_000), in_flight: 1, is_member: true };
    says(refused(&submit, &one, &[other], TimestampMs(1_000_000)), "shared control");
}
