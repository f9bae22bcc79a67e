//! Our types as the consensus core wants to see them.
//!
//! A value is a header's hash and is its own id. The proposer of a round is `order[round % n]`, where the order
//! comes with the height's settings and never changes within a height: the core asks for any round at any time,
//! again in replay, and every node must get the same answer. Nothing here is mutable.

use arc_malachitebft_core_consensus as core_bft;
use arc_malachitebft_core_types as core_types;
use core_types::{NilOrVal, SignedExtension, VoteType};
use ledger_protocol::chain::{ValidatorSet, VoteKind};
use ledger_protocol::{Address, Hash, Height, PublicKey, Round, Signature};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

pub(super) type CoreState = core_bft::State<BftContext>;
pub(super) type CoreInput = core_bft::Input<BftContext>;
pub(super) type CoreEffect = core_bft::Effect<BftContext>;
pub(super) type CoreResume = core_bft::Resume<BftContext>;
pub(super) type CoreError = core_bft::Error<BftContext>;
pub(super) type CoreRound = core_types::Round;
pub(super) type SignedVote = core_types::SignedVote<BftContext>;
pub(super) type SignedProposal = core_types::SignedProposal<BftContext>;
pub(super) type PolkaCertificate = core_types::PolkaCertificate<BftContext>;
pub(super) type RoundCertificate = core_types::RoundCertificate<BftContext>;
pub(super) type CommitCertificate = core_types::CommitCertificate<BftContext>;

/// Rounds from here on are refused wherever they come from; far above what timeouts let a chain reach, and below
/// the number that stands for "no valid round" in what proposers sign.
pub(super) const MAX_ROUND: u32 = 1 << 30;

/// Our round as the core's.
pub(super) const fn core_round(round: Round) -> CoreRound {
    CoreRound::Some(round.0)
}

/// Our optional round as the core's.
pub(super) fn core_round_or_nil(round: Option<Round>) -> CoreRound {
    round.map_or(CoreRound::Nil, core_round)
}

/// The core's round as ours; `None` for its "no round".
pub(super) fn our_round(round: CoreRound) -> Option<Round> {
    round.as_u32().map(Round)
}

/// A height as the core's.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Hash, Debug)]
pub(super) struct CoreHeight(pub(super) u64);

impl fmt::Display for CoreHeight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl From<Height> for CoreHeight {
    fn from(height: Height) -> Self {
        Self(height.0)
    }
}

impl core_types::Height for CoreHeight {
    const ZERO: Self = Self(0);
    const INITIAL: Self = Self(1);

    fn increment_by(&self, n: u64) -> Self {
        Self(self.0.saturating_add(n))
    }

    fn decrement_by(&self, n: u64) -> Option<Self> {
        self.0.checked_sub(n).map(Self)
    }

    fn as_u64(&self) -> u64 {
        self.0
    }
}

/// A validator's address as the core's.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Member(pub(super) Address);

impl fmt::Display for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hash.fmt(f)
    }
}

impl core_types::Address for Member {}

/// What consensus agrees on: a header's hash.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct BlockHash(pub(super) Hash);

impl fmt::Display for BlockHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl core_types::Value for BlockHash {
    type Id = BlockHash;

    fn id(&self) -> BlockHash {
        *self
    }
}

/// One validator.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct CoreValidator {
    member: Member,
    public_key: PublicKey,
    power: u64,
}

impl core_types::Validator<BftContext> for CoreValidator {
    fn address(&self) -> &Member {
        &self.member
    }

    fn public_key(&self) -> &PublicKey {
        &self.public_key
    }

    fn voting_power(&self) -> u64 {
        self.power
    }
}

/// The validators of a height, in set order, with the order in which they propose. Cheap to clone: the core clones
/// it with every certificate.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct CoreValidatorSet(Arc<Members>);

#[derive(PartialEq, Eq, Debug)]
struct Members {
    validators: Vec<CoreValidator>,
    positions: BTreeMap<Member, usize>,
    total_power: u64,
    order: Vec<usize>,
}

impl CoreValidatorSet {
    /// Takes a validator set and the positions in it in the order in which they propose.
    ///
    /// Returns a text when `order` does not name each position exactly once, or the set is empty.
    pub(super) fn new(set: &ValidatorSet, order: &[u16]) -> Result<Self, String> {
        let order: Vec<usize> = order.iter().map(|position| usize::from(*position)).collect();
        let mut sorted = order.clone();
        sorted.sort_unstable();
        if set.is_empty() || !sorted.iter().copied().eq(0..set.len()) {
            return Err(format!(
                "the proposer order {order:?} does not name each of the {} validators exactly once",
                set.len()
            ));
        }
        let validators: Vec<CoreValidator> = set
            .validators()
            .iter()
            .map(|validator| CoreValidator {
                member: Member(validator.address()),
                public_key: validator.public_key,
                power: validator.power,
            })
            .collect();
        let positions = validators.iter().enumerate().map(|(position, validator)| (validator.member, position));
        let positions = positions.collect();
        Ok(Self(Arc::new(Members { validators, positions, total_power: set.total_power(), order })))
    }

    /// Place in set order.
    pub(super) fn position(&self, address: &Address) -> Option<usize> {
        self.0.positions.get(&Member(*address)).copied()
    }

    /// The key of a validator.
    pub(super) fn public_key(&self, address: &Address) -> Option<&PublicKey> {
        Some(&self.0.validators.get(self.position(address)?)?.public_key)
    }

    /// The power of a validator.
    pub(super) fn power(&self, address: &Address) -> Option<u64> {
        Some(self.0.validators.get(self.position(address)?)?.power)
    }

    /// The sum of all powers.
    pub(super) fn total_power(&self) -> u64 {
        self.0.total_power
    }

    fn proposer(&self, round: CoreRound) -> Option<&CoreValidator> {
        let round = usize::try_from(round.as_u32().unwrap_or(0)).ok()?;
        let turn = round.checked_rem(self.0.order.len())?;
        self.0.validators.get(*self.0.order.get(turn)?)
    }
}

impl core_types::ValidatorSet<BftContext> for CoreValidatorSet {
    fn count(&self) -> usize {
        self.0.validators.len()
    }

    fn total_voting_power(&self) -> u64 {
        self.0.total_power
    }

    fn get_by_address(&self, member: &Member) -> Option<&CoreValidator> {
        self.0.validators.get(self.position(&member.0)?)
    }

    fn get_by_index(&self, index: usize) -> Option<&CoreValidator> {
        self.0.validators.get(index)
    }
}

/// A proposal message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Proposal {
    pub(super) height: CoreHeight,
    pub(super) round: CoreRound,
    pub(super) value: BlockHash,
    pub(super) valid_round: CoreRound,
    pub(super) proposer: Member,
}

impl core_types::Proposal<BftContext> for Proposal {
    fn height(&self) -> CoreHeight {
        self.height
    }

    fn round(&self) -> CoreRound {
        self.round
    }

    fn value(&self) -> &BlockHash {
        &self.value
    }

    fn take_value(self) -> BlockHash {
        self.value
    }

    fn pol_round(&self) -> CoreRound {
        self.valid_round
    }

    fn validator_address(&self) -> &Member {
        &self.proposer
    }
}

/// A vote message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Vote {
    pub(super) step: VoteType,
    pub(super) height: CoreHeight,
    pub(super) round: CoreRound,
    pub(super) value: NilOrVal<BlockHash>,
    pub(super) validator: Member,
}

impl Vote {
    pub(super) fn kind(&self) -> VoteKind {
        match self.step {
            VoteType::Prevote => VoteKind::Prevote,
            VoteType::Precommit => VoteKind::Precommit,
        }
    }

    pub(super) fn header_hash(&self) -> Option<Hash> {
        match self.value {
            NilOrVal::Nil => None,
            NilOrVal::Val(BlockHash(hash)) => Some(hash),
        }
    }
}

impl core_types::Vote<BftContext> for Vote {
    fn height(&self) -> CoreHeight {
        self.height
    }

    fn round(&self) -> CoreRound {
        self.round
    }

    fn value(&self) -> &NilOrVal<BlockHash> {
        &self.value
    }

    fn take_value(self) -> NilOrVal<BlockHash> {
        self.value
    }

    fn vote_type(&self) -> VoteType {
        self.step
    }

    fn validator_address(&self) -> &Member {
        &self.validator
    }

    fn extension(&self) -> Option<&SignedExtension<BftContext>> {
        None
    }

    fn take_extension(&mut self) -> Option<SignedExtension<BftContext>> {
        None
    }

    fn extend(self, _: SignedExtension<BftContext>) -> Self {
        self
    }
}

/// Parts of blocks do not travel through the core.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct NoPart;

impl core_types::ProposalPart<BftContext> for NoPart {
    fn is_first(&self) -> bool {
        true
    }

    fn is_last(&self) -> bool {
        true
    }
}

/// Names the key and signature types; signing and verifying are effects.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Scheme;

impl core_types::SigningScheme for Scheme {
    type DecodingError = &'static str;
    type Signature = Signature;
    type PublicKey = PublicKey;
    type PrivateKey = ();

    fn decode_signature(bytes: &[u8]) -> Result<Signature, &'static str> {
        bytes.try_into().map(Signature).map_err(|_| "a signature has 64 bytes")
    }

    fn encode_signature(signature: &Signature) -> Vec<u8> {
        signature.0.to_vec()
    }

    fn decode_public_key(bytes: &[u8]) -> Result<PublicKey, &'static str> {
        borsh::from_slice(bytes).map_err(|_| "not a public key")
    }

    fn encode_public_key(public_key: &PublicKey) -> Vec<u8> {
        ledger_protocol::codec::encode(public_key)
    }
}

/// Ties the types together.
#[derive(Clone, Copy, Debug)]
pub(super) struct BftContext;

impl core_types::Context for BftContext {
    type Address = Member;
    type Height = CoreHeight;
    type ProposalPart = NoPart;
    type Proposal = Proposal;
    type Validator = CoreValidator;
    type ValidatorSet = CoreValidatorSet;
    type Timeouts = core_types::LinearTimeouts;
    type Value = BlockHash;
    type Vote = Vote;
    type Extension = ();
    type SigningScheme = Scheme;

    fn select_proposer<'a>(&self, set: &'a CoreValidatorSet, _: CoreHeight, round: CoreRound) -> &'a CoreValidator {
        match set.proposer(round) {
            Some(validator) => validator,
            None => unreachable!("a proposer order that names every validator of a set that is not empty"),
        }
    }

    fn new_proposal(
        &self,
        height: CoreHeight,
        round: CoreRound,
        value: BlockHash,
        valid_round: CoreRound,
        proposer: Member,
    ) -> Proposal {
        Proposal { height, round, value, valid_round, proposer }
    }

    fn new_prevote(&self, height: CoreHeight, round: CoreRound, value: NilOrVal<BlockHash>, validator: Member) -> Vote {
        Vote { step: VoteType::Prevote, height, round, value, validator }
    }

    fn new_precommit(
        &self,
        height: CoreHeight,
        round: CoreRound,
        value: NilOrVal<BlockHash>,
        validator: Member,
    ) -> Vote {
        Vote { step: VoteType::Precommit, height, round, value, validator }
    }
}
