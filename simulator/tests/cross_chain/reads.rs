//! Legs in mode READ: what they hold shared, and what they assert.

use crate::proposals::{STANDARD, network, ok, settle, state_of};
use ledger_protocol::interchain::DecisionVerdict;
use ledger_protocol::system::ProposalState;
use ledger_protocol::{Code, Version};
use simulator::fixture::{FixtureKind, LegDraft};
use simulator::{Tail, WorldConfig, seeds};

fn write(key: &str, value: &str) -> LegDraft {
    LegDraft { writes: vec![(key.into(), value.into())], ..LegDraft::default() }
}

fn read(key: &str, version: Option<Version>) -> LegDraft {
    LegDraft { reads: vec![(key.into(), version)], ..LegDraft::default() }
}

#[test]
fn a_read_that_asserts_an_old_version_is_refused_and_a_fresh_one_is_not() {
    for seed in seeds(2) {
        let config = WorldConfig::smooth("a_read_that_asserts_an_old_version_is_refused_and_a_fresh_one_is_not");
        let (mut world, mut network) = network(seed, config, STANDARD);
        let mut versions = Vec::new();
        for value in ["1.10", "1.20"] {
            let id = network.propose(&mut world, &[(0, write("rate", value))], 100);
            settle(&mut world, &network, &[id], 60_000);
            ok(world.run_for(2_000));
            versions.push(network.value(&world, 0, FixtureKind::Records, "rate").unwrap().version);
        }
        let [old, fresh] = versions.try_into().unwrap();
        assert!(old < fresh);
        let stale = network.propose(&mut world, &[(0, read("rate", Some(old))), (1, write("deal", "a"))], 100);
        settle(&mut world, &network, &[stale], 60_000);
        assert_eq!(state_of(&world, &network, &stale), ProposalState::Aborted);
        let verdict = *network.proposal(&world, &stale).unwrap().decision.as_option().unwrap();
        assert!(matches!(verdict, DecisionVerdict::Abort { code: Code::VERSION, .. }), "{verdict:?}");
        let good = network.propose(&mut world, &[(0, read("rate", Some(fresh))), (1, write("deal", "b"))], 100);
        settle(&mut world, &network, &[good], 60_000);
        assert_eq!(state_of(&world, &network, &good), ProposalState::Committed);
        assert_eq!(network.text(&world, 0, "rate").as_deref(), Some("1.20"), "a READ leg writes nothing");
        assert_eq!(network.text(&world, 1, "deal").as_deref(), Some("b"));
    }
}

#[test]
fn reads_of_one_key_run_side_by_side_and_who_writes_it_waits() {
    for seed in seeds(2) {
        let config = WorldConfig::smooth("reads_of_one_key_run_side_by_side_and_who_writes_it_waits");
        let (mut world, mut network) = network(seed, config, STANDARD);
        // Basalt is stopped: what names it stays open.
        let stopped = network.subchains[1].processes[..2].to_vec();
        for process in &stopped {
            world.crash(*process, Tail::Lost);
        }
        let scan = LegDraft { scans: vec![("ra".into(), None)], ..LegDraft::default() };
        let one = network.propose(&mut world, &[(0, read("rate", None)), (1, write("one", "x"))], 200);
        let other = network.propose(&mut world, &[(0, scan), (1, write("other", "x"))], 200);
        ok(world.run_for(3_000));
        let writer = network.propose(&mut world, &[(0, write("rate", "1.30"))], 200);
        ok(world.run_for(3_000));
        assert_eq!(state_of(&world, &network, &one), ProposalState::Preparing);
        assert_eq!(state_of(&world, &network, &other), ProposalState::Preparing);
        assert_eq!(state_of(&world, &network, &writer), ProposalState::Queued);
        for process in stopped {
            world.restart(process);
        }
        settle(&mut world, &network, &[one, other, writer], 60_000);
        for id in [one, other, writer] {
            assert_eq!(state_of(&world, &network, &id), ProposalState::Committed);
        }
    }
}
