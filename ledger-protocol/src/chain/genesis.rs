//! The genesis object: what a chain is before its first block. `chain id = H(tag ‖ genesis)`.

use super::certificate::CertificateKind;
use super::header::{CountedRoot, Header};
use super::parameters::Parameters;
use super::validators::ValidatorSet;
use crate::codec::{Bounded, Ordered, SortedVec, Tag, Text};
use crate::identifiers::{Address, ChainId, Hash, Height, LedgerId, Round, SuiteHash, TimestampMs};
use crate::suite::{Suite, hash_object};
use crate::transaction::{LedgerOperation, Permission, Role, SigningPolicy};
use borsh::{BorshDeserialize, BorshSerialize};

/// What a subchain trusts of its relay: a header and who certifies the one after it.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct RelayAnchor {
    /// The relay chain.
    pub relay: ChainId,
    /// Kind of its certificates.
    pub kind: CertificateKind,
    /// Height of the trusted header.
    pub height_on_relay: Height,
    /// Hash of the trusted header.
    pub header_hash_on_relay: SuiteHash,
    /// The set that certifies the next height.
    pub next_validators_on_relay: ValidatorSet,
}

/// Which state machine a chain runs.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum ChainRole {
    /// The relay chain with its consortium.
    Relay {
        /// Who decides motions, and by which rule.
        members: SigningPolicy,
        /// Whose approvals a proposal needs.
        approvals: SigningPolicy,
        /// Whether chains of certificate kind `dev` may register: development networks only.
        accepts_dev_chains: bool,
    } = 1,
    /// A subchain with the anchor of its one relay.
    Subchain {
        /// Where its trust in the relay begins.
        anchor: RelayAnchor,
    } = 2,
}

/// Who controls a chain; shown in every status and bundle.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum ControlledBy {
    /// One organisation holds a third or more of the power.
    SingleOrganisation = 1,
    /// No organisation holds more than this share, in thousandths of the power.
    Shared {
        /// Largest share of one organisation, in thousandths.
        max_share_per_mille: u16,
    } = 2,
}

/// A ledger's settings at genesis.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct LedgerGenesis {
    /// The ledger; 0 must be there.
    pub ledger: LedgerId,
    /// Its name for people.
    pub name: Text<64>,
    /// Which roles hold which rights on the whole ledger; nobody holds what is not listed.
    pub grants: SortedVec<Grant, 64>,
}

impl Ordered for LedgerGenesis {
    type Key = LedgerId;
    fn key(&self) -> LedgerId {
        self.ledger
    }
}

impl LedgerGenesis {
    /// The hash under the ledgers leaf's `settings_hash`.
    pub fn settings_hash(&self, suite: Suite) -> Hash {
        hash_object(suite, Tag::LEDGER_SETTINGS, self)
    }
}

/// A right that a role holds on a ledger.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Grant {
    /// Who holds it.
    pub role: Role,
    /// What it allows.
    pub permission: Permission,
}

impl Ordered for Grant {
    type Key = (Role, Permission);
    fn key(&self) -> Self::Key {
        (self.role.clone(), self.permission)
    }
}

/// Everything a chain starts from.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Genesis {
    /// The chain's suite.
    pub suite: Suite,
    /// The kind of its certificates.
    pub kind: CertificateKind,
    /// Relay or subchain.
    pub role: ChainRole,
    /// Tells two otherwise equal chains apart.
    pub salt: [u8; 32],
    /// A name for people.
    pub name: Text<64>,
    /// Time of header 0.
    pub timestamp_ms: TimestampMs,
    /// The set that certifies height 1.
    pub validators: ValidatorSet,
    /// Parameters of height 1.
    pub parameters: Parameters,
    /// The ledgers, ascending, ledger 0 among them.
    pub ledgers: SortedVec<LedgerGenesis, 64>,
    /// Operations executed on the empty state without asking for permissions.
    pub operations: Bounded<LedgerOperation, 4096>,
}

impl Genesis {
    /// `H(tag ‖ genesis)` by the chain's suite.
    pub fn chain_id(&self) -> ChainId {
        ChainId { suite: self.suite, hash: hash_object(self.suite, Tag::GENESIS, self) }
    }

    /// Header 0 with the roots that the execution of the first operations gave.
    ///
    /// It has a zero parent, a zero proposer and no certificate; it is accepted only by recomputing it or as a
    /// checkpoint.
    pub fn header(&self, changes: CountedRoot, ledgers: CountedRoot) -> Header {
        let empty = CountedRoot { root: self.suite.hash_parts(&[]), count: 0 };
        let validators = self.validators.hash(self.suite);
        let parameters = self.parameters.hash(self.suite);
        Header {
            version: self.parameters.protocol_version,
            chain: self.chain_id(),
            height: Height::ZERO,
            round: Round::ZERO,
            timestamp_ms: self.timestamp_ms,
            parent: Hash::ZERO,
            proposer: Address { suite: self.suite, hash: Hash::ZERO },
            transactions: empty,
            receipts: empty.root,
            changes,
            events: empty,
            outbox: empty,
            ledgers,
            history: empty.root,
            validators_hash: validators,
            next_validators_hash: validators,
            parameters_hash: parameters,
            next_parameters_hash: parameters,
        }
    }
}
