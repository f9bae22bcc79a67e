//! Certificates: every published block is certified by the set that the history before it names.
//!
//! A set is taken from a store only if it is the one that its hash names, and a block only by the set that the block
//! before it names. The power behind a certificate is counted here once more: a verifier with a wrong quorum would
//! agree with itself.

use super::{Fact, Observation, Property};
use crate::failure::Contradiction;
use crate::world::ChainIndex;
use chain_engine::{ChainReader, rows};
use ledger_protocol::chain::{CertificateKind, FinalityCertificate, Header, ValidatorSet};
use ledger_protocol::{Hash, Height, Suite};
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

/// Each certificate verifies, apart from the replica that made or accepted it.
#[derive(Debug, Default)]
pub struct Certificates {
    kinds: BTreeMap<ChainIndex, CertificateKind>,
    /// The set of each chain's first block.
    first: BTreeMap<ChainIndex, Hash>,
    sets: BTreeMap<(ChainIndex, Hash), ValidatorSet>,
    /// The set that each published header names for the next block, by the header's hash.
    named: BTreeMap<(ChainIndex, Hash), Hash>,
    /// Header with certificate, by their hashes.
    verified: BTreeSet<(Hash, Hash)>,
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
                let first = genesis.validators.hash(genesis.suite);
                self.kinds.insert(index, genesis.kind);
                self.first.insert(index, first);
                self.sets.insert((index, first), genesis.validators.clone());
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
                    let row =
                        rows::read::<ValidatorSet>(observation.store, &rows::validators(&header.next_validators_hash));
                    match row {
                        Ok(Some(set)) if set.hash(observation.chain.suite) == header.next_validators_hash => {
                            unknown.insert(set);
                        }
                        Ok(Some(set)) => {
                            let other = set.hash(observation.chain.suite);
                            let named = header.next_validators_hash;
                            return say(format!("its store has the set {other} where the header names {named}"));
                        }
                        other => return say(format!("its store does not name the next set: {other:?}")),
                    }
                }
                // The hash of the header itself, whatever the block says of it.
                let header_hash = header.hash();
                let certificate = Suite::Standard.hash_parts(&[&ledger_protocol::codec::encode(&block.certificate)]);
                let seen = (header_hash, certificate);
                if self.verified.contains(&seen) {
                    return Ok(());
                }
                match self.named_before(observation, header) {
                    Some(named) if named == header.validators_hash => {}
                    Some(named) => {
                        let own = header.validators_hash;
                        return say(format!("it is certified by the set {own}, and the block before it names {named}"));
                    }
                    None => return say(format!("nobody published the block before it, {}", header.parent)),
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
                self.named.insert((index, header_hash), header.next_validators_hash);
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

impl Certificates {
    /// The set that the block before a header names. One that was durable on a disk that went back to a backup, and that
    /// nobody had published, is read there.
    fn named_before(&self, observation: &Observation<'_>, header: &Header) -> Option<Hash> {
        if header.height == Height(1) {
            return self.first.get(&observation.index).copied();
        }
        let known = self.named.get(&(observation.index, header.parent)).copied();
        known.or_else(|| {
            let before = ChainReader::new(observation.store, observation.chain.suite).header(header.height.previous()?);
            before.ok().flatten().filter(|it| it.hash() == header.parent).map(|it| it.next_validators_hash)
        })
    }
}

/// The power that signed, and that of the set.
fn power(certificate: &FinalityCertificate, set: &ValidatorSet) -> (u128, u128) {
    let powers: Vec<u128> = set.validators().iter().map(|validator| u128::from(validator.power)).collect();
    let signers = certificate.signers.signers(powers.len()).unwrap_or_default();
    (signers.iter().filter_map(|place| powers.get(*place)).sum(), powers.iter().sum())
}

#[cfg(test)]
mod tests;
