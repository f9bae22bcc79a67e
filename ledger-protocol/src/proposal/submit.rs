//! Submit and Cancel: what goes to the relay. The id covers the Submit's body only.

use super::scope::{AssertedVersion, MAX_SCOPE, ScopeEntry};
use crate::codec::{Bounded, BoundedBytes, Ordered, SortedVec, Tag, encode};
use crate::identifiers::{Address, ChainId, Hash, Height, ProposalId};
use crate::suite::hash_object;
use crate::transaction::SignerSignature;
use borsh::{BorshDeserialize, BorshSerialize};

/// Most legs of one proposal.
pub const MAX_LEGS: usize = 16;
/// Most bytes of one leg's call.
pub const MAX_LEG_BYTES: usize = 64 << 10;

/// What a leg does on its chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum LegMode {
    /// Votes, and writes when all commit.
    Write = 1,
    /// Votes, and holds what it read until the decision.
    Read = 2,
    /// Does not vote; runs once after COMMIT, its failure changes nothing elsewhere.
    Notify = 3,
}

impl LegMode {
    /// Whether the leg votes.
    pub const fn votes(self) -> bool {
        matches!(self, Self::Write | Self::Read)
    }
}

/// What a leg runs.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Call {
    /// Encoded [`crate::transaction::Operations`] of the leg's chain.
    Plain(BoundedBytes<MAX_LEG_BYTES>) = 1,
    /// Ordered as a commitment; opened to the subchain only.
    Sealed {
        /// `H(tag ‖ 32-byte salt ‖ call)` by the leg's chain.
        commitment: Hash,
        /// Hash of the ciphertext.
        ciphertext_hash: Hash,
    } = 2,
}

/// A proposal's part on one chain.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Leg {
    /// The chain.
    pub chain: ChainId,
    /// What it does there.
    pub mode: LegMode,
    /// What it runs.
    pub call: Call,
    /// Every key it reads or writes, sorted, none twice.
    pub scope: SortedVec<ScopeEntry, MAX_SCOPE>,
    /// Versions that must hold, sorted, none twice.
    pub asserted: SortedVec<AssertedVersion, MAX_SCOPE>,
    /// The addresses on the leg's chain with whose identities, and no others, it runs.
    pub authorisers: SortedVec<Address, 16>,
}

impl Ordered for Leg {
    type Key = ChainId;
    fn key(&self) -> ChainId {
        self.chain
    }
}

/// What the proposal's id covers.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct ProposalBody {
    /// The relay that decides.
    pub relay: ChainId,
    /// Who proposes; one of the approving members' addresses.
    pub proposer: Address,
    /// Tells two otherwise equal proposals of one proposer apart.
    pub nonce: u64,
    /// Last relay height at which it may leave the queue.
    pub valid_until: Height,
    /// Relay blocks between its start and its deadline.
    pub t_prep: u32,
    /// Approving addresses, sorted, none twice.
    pub members: SortedVec<Address, 32>,
    /// Strictly ascending by chain, one per chain, at least one of them voting.
    pub legs: SortedVec<Leg, MAX_LEGS>,
    /// Hash of a memo kept elsewhere; zero for none.
    pub memo_hash: Hash,
}

/// A proposal that breaks a rule of its form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProposalError {
    /// No leg votes.
    #[error("a proposal needs at least one READ or WRITE leg")]
    NoVotingLeg,
    /// The proposer does not stand among the members.
    #[error("the proposer must be one of the approving members")]
    ProposerNotAmongMembers,
    /// Approvals are not exactly one per member, in order.
    #[error("approvals are not exactly one per listed member, in order")]
    Approvals,
    /// Authorisations are not exactly one per listed address of each leg, in order.
    #[error("authorisations of leg {leg} are not exactly one per listed address, in order")]
    Authorisations {
        /// Index of the leg.
        leg: usize,
    },
    /// An authoriser's key belongs to another suite than the leg's chain.
    #[error("an authoriser of leg {leg} is of another suite than its chain")]
    Suite {
        /// Index of the leg.
        leg: usize,
    },
    /// A version is asserted of a delta key or of a key outside the scope.
    #[error("leg {leg} asserts a version of a key that its scope does not hold, or holds as a delta")]
    Asserted {
        /// Index of the leg.
        leg: usize,
    },
    /// Ledger 0 is not addressable.
    #[error("leg {leg} names ledger 0, which no leg can address")]
    SystemLedger {
        /// Index of the leg.
        leg: usize,
    },
}

impl ProposalBody {
    /// `H(tag ‖ body)` by the relay's suite; the body begins with relay chain, proposer and nonce.
    pub fn id(&self) -> ProposalId {
        ProposalId(self.relay.suite.foreign(hash_object(self.relay.suite, Tag::PROPOSAL, self)))
    }
}

/// A proposal on its way to the relay.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Submit {
    /// What is proposed.
    pub body: ProposalBody,
    /// One per member, ascending by address, over [`approval_sign_bytes`].
    pub approvals: SortedVec<SignerSignature, 32>,
    /// Per leg one per authoriser, ascending by address, over [`authorisation_sign_bytes`].
    pub authorisations: Bounded<SortedVec<SignerSignature, 16>, MAX_LEGS>,
}

/// What an approving member signs: `tag ‖ id`.
pub fn approval_sign_bytes(id: &ProposalId) -> Vec<u8> {
    let mut bytes = Tag::PROPOSAL_APPROVAL.bytes().to_vec();
    bytes.extend(encode(id));
    bytes
}

/// What a leg's authorising address signs: `tag ‖ relay ‖ id ‖ leg index`.
pub fn authorisation_sign_bytes(relay: &ChainId, id: &ProposalId, leg_index: u8) -> Vec<u8> {
    let mut bytes = Tag::LEG_AUTHORISATION.bytes().to_vec();
    bytes.extend(encode(&(relay, id, leg_index)));
    bytes
}

impl ProposalBody {
    /// Checks the form that needs neither state nor signatures.
    ///
    /// # Errors
    /// [`ProposalError`] names the first violation.
    pub fn check_form(&self) -> Result<(), ProposalError> {
        use super::scope::AccessKind;
        use crate::identifiers::LedgerId;
        if !self.legs.iter().any(|leg| leg.mode.votes()) {
            return Err(ProposalError::NoVotingLeg);
        }
        if self.members.find(&self.proposer).is_none() {
            return Err(ProposalError::ProposerNotAmongMembers);
        }
        for (leg, entry) in self.legs.iter().enumerate() {
            if entry.scope.iter().any(|scope| scope.key.ledger == LedgerId::SYSTEM) {
                return Err(ProposalError::SystemLedger { leg });
            }
            let assertable = |asserted: &AssertedVersion| {
                entry.scope.find(&asserted.key).is_some_and(|scope| !matches!(scope.access, AccessKind::Delta(_)))
            };
            if !entry.asserted.iter().all(assertable) {
                return Err(ProposalError::Asserted { leg });
            }
        }
        Ok(())
    }
}

impl Submit {
    /// Checks the form that needs no state. Signatures are verified apart.
    ///
    /// # Errors
    /// [`ProposalError`] names the first violation.
    pub fn check_form(&self) -> Result<(), ProposalError> {
        let body = &self.body;
        body.check_form()?;
        if !matches_exactly(&body.members, &self.approvals) {
            return Err(ProposalError::Approvals);
        }
        if self.authorisations.len() != body.legs.len() {
            return Err(ProposalError::Authorisations { leg: self.authorisations.len().min(body.legs.len()) });
        }
        for (leg, (entry, given)) in body.legs.iter().zip(&self.authorisations).enumerate() {
            if !matches_exactly(&entry.authorisers, given) {
                return Err(ProposalError::Authorisations { leg });
            }
            if given.iter().any(|signature| signature.public_key.suite() != entry.chain.suite) {
                return Err(ProposalError::Suite { leg });
            }
        }
        Ok(())
    }
}

fn matches_exactly<const N: usize, const M: usize>(
    listed: &SortedVec<Address, N>,
    given: &SortedVec<SignerSignature, M>,
) -> bool {
    listed.len() == given.len() && listed.iter().zip(given).all(|(address, signature)| *address == signature.key())
}

/// Withdraws a proposal. Signed by its proposer through the transaction that carries it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Cancel {
    /// The proposal.
    pub id: ProposalId,
    /// Until when a Cancel of an unknown id is remembered.
    pub valid_until: Height,
}
