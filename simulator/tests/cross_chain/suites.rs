//! A guomi subchain and a standard one in one proposal, under a relay of either suite: every signature is real, and
//! what each chain says is checked again from its headers and certificates alone.

use crate::proposals::{network, ok, settle, transfer};
use chain_engine::ChainReader;
use ledger_protocol::chain::CertificateKind;
use ledger_protocol::interchain::{MessageContent, OutcomeResult, Verdict};
use ledger_protocol::merkle::{LeafHash, verify_inclusion};
use ledger_protocol::system::{LegPhase, ProposalState};
use ledger_protocol::{Height, ProposalId, Suite};
use simulator::fixture::{Member, Network};
use simulator::{World, WorldConfig, seeds};

/// Votes and Outcomes of a subchain about a proposal, each under a header whose certificate verifies by its own set.
fn proven_words(world: &World, network: &Network, position: usize, id: &ProposalId) -> Vec<MessageContent> {
    let member = Member::Subchain(position);
    let (chain, relay) = (network.id(member), network.relay_id);
    let reader = ChainReader::new(world.best_store(network.index(member)).unwrap(), chain.suite);
    let mut words = Vec::new();
    for height in (1..=world.best_height(network.index(member)).0).map(Height) {
        let list = reader.messages(&relay, height).unwrap();
        if list.is_empty() {
            continue;
        }
        let header = reader.header(height).unwrap().unwrap();
        let set = reader.validators(&header.validators_hash).unwrap().unwrap();
        assert!(set.validators().iter().all(|validator| validator.public_key.suite() == chain.suite));
        assert_eq!(set.hash(chain.suite), header.validators_hash);
        let certificate = reader.certificate(height).unwrap().unwrap();
        let _verified = certificate.verify(&header, &set, CertificateKind::Bft).unwrap();
        let leaf = reader.outbox_leaf(&relay, height).unwrap().unwrap();
        let bytes = ledger_protocol::codec::encode(&leaf.leaf);
        let leaf_hash = LeafHash::of(chain.suite, &bytes);
        let _verified =
            verify_inclusion(chain.suite, leaf_hash, leaf.index.into(), header.outbox.count.into(), &leaf.path)
                .and_then(|root| root.expect_root(&header.outbox.root))
                .unwrap();
        let of_it = |content: &MessageContent| match content {
            MessageContent::Vote(vote) => vote.id == *id,
            MessageContent::Outcome(outcome) => outcome.id == *id,
            _ => false,
        };
        words.extend(list.iter().filter_map(MessageContent::of).filter(of_it));
    }
    words
}

fn committed_under(relay: Suite, name: &str) {
    for seed in seeds(2) {
        let (mut world, mut network) = network(seed, WorldConfig::smooth(name), [relay, Suite::Guomi, Suite::Standard]);
        let id = network.propose(&mut world, &transfer(1, 300), 50);
        settle(&mut world, &network, &[id], 30_000);
        let record = network.proposal(&world, &id).unwrap();
        assert_eq!(record.state, ProposalState::Committed);
        assert_eq!(network.counter(&world, 0, "balance"), Some(700));
        assert_eq!(network.counter(&world, 1, "balance"), Some(1_300));
        assert_eq!(network.relay_id.suite, relay);
        for (position, suite) in [Suite::Guomi, Suite::Standard].into_iter().enumerate() {
            assert_eq!(network.subchains[position].id.suite, suite);
            let words = proven_words(&world, &network, position, &id);
            let [MessageContent::Vote(vote), MessageContent::Outcome(outcome)] = words.as_slice() else {
                panic!("{words:?}")
            };
            let Verdict::Yes { write_set_root, .. } = vote.verdict else { panic!("{vote:?}") };
            // An object is hashed by the suite of the chain that makes it, and says so.
            assert_eq!(write_set_root.suite, suite);
            assert_eq!(outcome.result, OutcomeResult::Applied { write_set_root });
            let leg = record.legs.iter().find(|leg| leg.chain.suite == suite).unwrap();
            assert!(matches!(leg.phase, LegPhase::ClosedByOutcome { .. }), "{leg:?}");
        }
        ok(world.run_for(1_000));
    }
}

#[test]
fn a_guomi_and_a_standard_subchain_commit_under_a_standard_relay() {
    committed_under(Suite::Standard, "a_guomi_and_a_standard_subchain_commit_under_a_standard_relay");
}

#[test]
fn a_guomi_and_a_standard_subchain_commit_under_a_guomi_relay() {
    committed_under(Suite::Guomi, "a_guomi_and_a_standard_subchain_commit_under_a_guomi_relay");
}
