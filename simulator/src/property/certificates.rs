//! Certificates: every published block is certified by the set that the history before it names.
//!
//! The power behind a certificate is counted here once more: a verifier with a wrong quorum would agree with itself.

use super::{Fact, Observation, Property};
use crate::failure::Contradiction;
use crate::world::ChainIndex;
use chain_engine::rows;
use ledger_protocol::chain::{CertificateKind, FinalityCertificate, ValidatorSet};
use ledger_protocol::{Hash, Suite};
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

/// Each certificate verifies, apart from the replica that made or accepted it.
#[derive(Debug, Default)]
pub struct Certificates {
    kinds: BTreeMap<ChainIndex, CertificateKind>,
    sets: BTreeMap<(ChainIndex, Hash), ValidatorSet>,
    verified: BTreeSet<Hash>,
}

impl Property for Certificates {
    fn name(&self) -> &'static str {
        "every certificate verifies"
    }

    fn report(&self) -> String {
        format!("{} certificates verified", self.verified.len())
    }

    fn observe(&mut self, observation: &Observation<'_>) -> Result<(), Contradiction> {
        let index = observation.index;
        match &observation.fact {
            Fact::Created(genesis) => {
                self.kinds.insert(index, genesis.kind);
                self.sets.insert((index, genesis.validators.hash(genesis.suite)), genesis.validators.clone());
                Ok(())
            }
            Fact::Published { block, .. } => {
                let header = &block.header;
                let say = |what: String| {
                    let published =
                        format!("{} published height {} of chain {}", observation.process, header.height, index.0);
                    Err(Contradiction::new(published, what))
                };
                if let Entry::Vacant(unknown) = self.sets.entry((index, header.next_validators_hash)) {
                    let row = rows::read(observation.store, &rows::validators(&header.next_validators_hash));
                    match row {
                        Ok(Some(set)) => unknown.insert(set),
                        other => return say(format!("its store does not name the next set: {other:?}")),
                    };
                }
                let seen = Suite::Standard.hash_parts(&[&ledger_protocol::codec::encode(&block.certificate)]);
                if self.verified.contains(&seen) {
                    return Ok(());
                }
                let (Some(kind), Some(set)) = (self.kinds.get(&index), self.sets.get(&(index, header.validators_hash)))
                else {
                    return say(format!("nobody knows the validator set {}", header.validators_hash));
                };
                if let Err(error) = block.certificate.verify(header, set, *kind) {
                    return say(format!("its certificate does not verify: {error}"));
                }
                let (signed, total) = power(&block.certificate, set);
                let is_quorum = match kind {
                    CertificateKind::Bft | CertificateKind::Dev => 3 * signed > 2 * total,
                    CertificateKind::Cft => 2 * signed > total,
                };
                if !is_quorum {
                    return say(format!("its certificate is signed by power {signed} of {total}"));
                }
                self.verified.insert(seen);
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

/// The power that signed, and that of the set.
fn power(certificate: &FinalityCertificate, set: &ValidatorSet) -> (u128, u128) {
    let powers: Vec<u128> = set.validators().iter().map(|validator| u128::from(validator.power)).collect();
    let signers = certificate.signers.signers(powers.len()).unwrap_or_default();
    (signers.iter().filter_map(|place| powers.get(*place)).sum(), powers.iter().sum())
}
