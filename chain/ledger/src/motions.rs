//! Motions: M of N members decide. The caller says who the members are and carries out what they decided.
//!
//! A motion is open until its yes-voters satisfy the members' rule (passed), its no-voters have made that impossible
//! (rejected), or its last height has gone by (expired). Proposing is not voting; one transaction may do both.
//! The record (ledger 0, account `motions`) is kept; the proposal itself, which may be larger than a value, is a
//! working entry while the motion is open: its content is proven by the id and the transaction that proposed it.

use crate::error::{LedgerError, require};
use crate::records::{IDENTITIES, IdentityRecord, reserved_account};
use borsh::{BorshDeserialize, BorshSerialize};
use chain_state::{BlockState, Place, StoreFault};
use ledger_protocol::codec::{Ordered, SortedVec, Tag, Text, decode, encode};
use ledger_protocol::interchain::Motion;
use ledger_protocol::suite::{Suite, hash_object};
use ledger_protocol::system::{accounts, motion_key};
use ledger_protocol::transaction::{
    IdentityState, MotionProposal, MotionVote, Permission, PolicyMember, SigningPolicy, SigningRule, StateContent,
};
use ledger_protocol::{Address, Code, Hash, Height, LedgerId};

/// Most motions that are open at once.
pub const MAX_OPEN_MOTIONS: usize = 256;
/// Most motions of one member that are open at once.
pub const MAX_OPEN_MOTIONS_PER_MEMBER: usize = 16;
/// A motion stays open for at most this many blocks.
pub const MAX_MOTION_BLOCKS: u64 = 500_000;
/// Most votes of one motion: members may change while it is open.
pub const MAX_VOTES: usize = 256;
/// Most bytes of a motion's proposal.
pub const MAX_PROPOSAL_BYTES: usize = 512 << 10;
/// Most identities looked at for [`governors`].
pub const MAX_IDENTITIES_SCANNED: usize = 4_096;

/// Working entries: the proposals of open motions, by id.
const PROPOSALS: &str = "motions.proposals";
/// Working entries: the open motions with their proposers, by last height and id.
const OPEN: &str = "motions.open";

/// Where a motion stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum MotionState {
    /// Takes votes.
    Open = 1,
    /// Decided, and carried out in the same block.
    Passed = 2,
    /// Decided, but what it decided cannot be done.
    Failed(Code) = 3,
    /// So many voted no that it cannot pass.
    Rejected = 4,
    /// Its last height went by.
    Expired = 5,
}

/// One member's vote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct MemberVote {
    /// Whose.
    pub member: Address,
    /// Yes or no.
    pub approve: bool,
}

impl Ordered for MemberVote {
    type Key = Address;
    fn key(&self) -> Address {
        self.member
    }
}

/// A motion's record.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct MotionRecord {
    /// The member who proposed it.
    pub proposer: Address,
    /// Why, for people.
    pub reason: Text<256>,
    /// Height at which it was proposed.
    pub opened_at: Height,
    /// Last height at which votes count.
    pub valid_until: Height,
    /// The votes so far.
    pub votes: SortedVec<MemberVote, MAX_VOTES>,
    /// Where it stands.
    pub state: MotionState,
    /// Height at which it left the state open; 0 before.
    pub closed_at: Height,
}

/// A motion's id: `H(tag ‖ proposal)` by the chain's suite.
pub fn motion_id(suite: Suite, proposal: &MotionProposal) -> Hash {
    hash_object(suite, Tag::MOTION, proposal)
}

fn place(id: &Hash) -> Place {
    Place::system(accounts::MOTIONS, motion_key(id))
}

fn open_key(valid_until: Height, id: &Hash) -> Vec<u8> {
    let mut key = valid_until.0.to_be_bytes().to_vec();
    key.extend(id.as_bytes());
    key
}

/// A motion's record.
///
/// # Errors
/// [`StoreFault`] on I/O.
pub fn record(state: &BlockState<'_>, id: &Hash) -> Result<Option<MotionRecord>, StoreFault> {
    state.record(&place(id))
}

/// What an open motion proposes.
///
/// # Errors
/// [`StoreFault`] on I/O.
pub fn proposal(state: &BlockState<'_>, id: &Hash) -> Result<Option<MotionProposal>, StoreFault> {
    state.working_as(PROPOSALS, id.as_bytes())
}

/// The authors that are members, ascending; refused when none is.
fn voters(members: &SigningPolicy, authors: &[Address]) -> Result<Vec<Address>, LedgerError> {
    let voters: Vec<Address> =
        members.members.iter().map(|member| member.address).filter(|address| authors.contains(address)).collect();
    require(!voters.is_empty(), Code::NOT_A_MEMBER)?;
    Ok(voters)
}

/// Opens a motion and gives its id. The first member among the authors is its proposer.
///
/// # Errors
/// [`Code::NOT_A_MEMBER`], [`Code::VALID_UNTIL`], [`Code::DUPLICATE`] for an id that was ever proposed,
/// [`Code::TOO_LARGE`], [`Code::LIMIT`] when too many motions are open.
pub fn propose(
    state: &mut BlockState<'_>,
    height: Height,
    members: &SigningPolicy,
    authors: &[Address],
    proposal: &MotionProposal,
) -> Result<Hash, LedgerError> {
    let proposer = *voters(members, authors)?.first().ok_or(Code::NOT_A_MEMBER)?;
    let latest = height.saturating_add(MAX_MOTION_BLOCKS);
    require((height..=latest).contains(&proposal.valid_until), Code::VALID_UNTIL)?;
    let bytes = encode(proposal);
    require(bytes.len() <= MAX_PROPOSAL_BYTES, Code::TOO_LARGE)?;
    let id = motion_id(state.suite(), proposal);
    require(state.value(&place(&id))?.is_none(), Code::DUPLICATE)?;
    let open = state.scan_working(OPEN, &[], None, MAX_OPEN_MOTIONS)?;
    require(open.len() < MAX_OPEN_MOTIONS, Code::LIMIT)?;
    let marker = encode(&proposer);
    let own = open.iter().filter(|(_, by)| *by == marker).count();
    require(own < MAX_OPEN_MOTIONS_PER_MEMBER, Code::LIMIT)?;
    let record = MotionRecord {
        proposer,
        reason: proposal.reason.clone(),
        opened_at: height,
        valid_until: proposal.valid_until,
        votes: SortedVec::default(),
        state: MotionState::Open,
        closed_at: Height::ZERO,
    };
    state.put_record(&place(&id), &record)?;
    state.put_working(PROPOSALS, id.as_bytes(), &bytes)?;
    state.put_working(OPEN, &open_key(proposal.valid_until, &id), &marker)?;
    Ok(id)
}

/// Counts the votes of the authors that are members. When the yes-voters satisfy the members' rule, the motion has
/// passed and is returned: the caller carries it out in the same block, in a layer of its own, and calls
/// [`mark_failed`] if it cannot be done. It must not refuse the operation then, or the deciding vote would be lost.
///
/// # Errors
/// [`Code::NOT_A_MEMBER`], [`Code::MOTION_UNKNOWN`] for one that is not open, [`Code::MOTION_VOTED`] when one of the
/// authors has voted already.
pub fn vote(
    state: &mut BlockState<'_>,
    height: Height,
    members: &SigningPolicy,
    authors: &[Address],
    vote: &MotionVote,
) -> Result<Option<Motion>, LedgerError> {
    let voters = voters(members, authors)?;
    let mut record = record(state, &vote.motion)?.ok_or(Code::MOTION_UNKNOWN)?;
    require(record.state == MotionState::Open && height <= record.valid_until, Code::MOTION_UNKNOWN)?;
    require(voters.iter().all(|voter| record.votes.find(voter).is_none()), Code::MOTION_VOTED)?;
    let mut votes = record.votes.into_vec();
    votes.extend(voters.iter().map(|member| MemberVote { member: *member, approve: vote.approve }));
    let of = |approve: bool, votes: &[MemberVote]| -> Vec<Address> {
        votes.iter().filter(|vote| vote.approve == approve).map(|vote| vote.member).collect()
    };
    let (yes, no) = (of(true, &votes), of(false, &votes));
    record.votes = SortedVec::from_unsorted(votes).map_err(|_| Code::LIMIT)?;
    let not_against: Vec<Address> =
        members.members.iter().map(|member| member.address).filter(|member| !no.contains(member)).collect();
    let mut passed = None;
    if members.is_satisfied_by(&yes) {
        let proposal = proposal(state, &vote.motion)?
            .ok_or_else(|| StoreFault(format!("open motion {} has no proposal", vote.motion)))?;
        passed = Some(proposal.motion);
        record.state = MotionState::Passed;
    } else if !members.is_satisfied_by(&not_against) {
        record.state = MotionState::Rejected;
    }
    if record.state != MotionState::Open {
        close(state, height, &vote.motion, &mut record)?;
    }
    state.put_record(&place(&vote.motion), &record)?;
    Ok(passed)
}

/// Removes the working entries of a motion that leaves the state open.
fn close(state: &mut BlockState<'_>, height: Height, id: &Hash, record: &mut MotionRecord) -> Result<(), StoreFault> {
    record.closed_at = height;
    state.remove_working(PROPOSALS, id.as_bytes())?;
    state.remove_working(OPEN, &open_key(record.valid_until, id))
}

/// Notes that a motion that passed could not be carried out.
///
/// # Errors
/// [`StoreFault`] on I/O.
///
/// # Panics
/// Never for a motion that [`vote`] just returned.
pub fn mark_failed(state: &mut BlockState<'_>, id: &Hash, code: Code) -> Result<(), StoreFault> {
    let record = record(state, id)?;
    debug_assert!(record.as_ref().is_some_and(|record| record.state == MotionState::Passed), "{id} has not passed");
    if let Some(mut record) = record {
        record.state = MotionState::Failed(code);
        state.put_record(&place(id), &record)?;
    }
    Ok(())
}

/// Closes the motions whose last height has gone by: due work at the start of block `height`.
///
/// # Errors
/// [`StoreFault`] on I/O.
pub fn expire(state: &mut BlockState<'_>, height: Height) -> Result<Vec<Hash>, StoreFault> {
    let mut expired = Vec::new();
    for (key, _) in state.scan_working(OPEN, &[], None, MAX_OPEN_MOTIONS)? {
        let (valid_until, id): ([u8; 8], Hash) = decode(&key, key.len())
            .map_err(|error| StoreFault(format!("the index of open motions is corrupt: {error}")))?;
        if Height(u64::from_be_bytes(valid_until)) >= height {
            break;
        }
        let mut record = record(state, &id)?.ok_or_else(|| StoreFault(format!("open motion {id} has no record")))?;
        record.state = MotionState::Expired;
        close(state, height, &id, &mut record)?;
        state.put_record(&place(&id), &record)?;
        expired.push(id);
    }
    Ok(expired)
}

/// Whether a motion is open.
///
/// # Errors
/// [`StoreFault`] on I/O.
pub fn any_open(state: &BlockState<'_>) -> Result<bool, StoreFault> {
    Ok(!state.scan_working(OPEN, &[], None, 1)?.is_empty())
}

/// The identities of ledger 0 in state normal whose roles hold [`Permission::Govern`], as the members of a policy
/// with this rule: the own governance of a chain that has no consortium. Every weight is 1.
///
/// # Errors
/// [`Code::LIMIT`] when there are more than a policy holds, or too many identities to look at.
pub fn governors(state: &BlockState<'_>, rule: SigningRule) -> Result<SigningPolicy, LedgerError> {
    let settings = state.ledger_settings(LedgerId::SYSTEM)?.ok_or(Code::LEDGER_UNKNOWN)?;
    let limit = MAX_IDENTITIES_SCANNED.saturating_add(1);
    let found = state.scan(LedgerId::SYSTEM, &reserved_account(IDENTITIES), &[], None, limit)?;
    require(found.len() <= MAX_IDENTITIES_SCANNED, Code::LIMIT)?;
    let corrupt = |error: ledger_protocol::codec::DecodeError| StoreFault(format!("an identity is corrupt: {error}"));
    let mut members = Vec::new();
    for (key, value) in found {
        let StateContent::Plain(bytes) = &value.content else { continue };
        let identity: IdentityRecord = decode(bytes, bytes.len()).map_err(corrupt)?;
        let governs =
            identity.roles.iter().any(|role| settings.grants.find(&(role.clone(), Permission::Govern)).is_some());
        if governs && identity.state == IdentityState::Normal {
            let address: Address = decode(&key, key.len()).map_err(corrupt)?;
            members.push(PolicyMember { address, weight: 1, organisation: identity.organisation });
        }
    }
    let members = SortedVec::from_unsorted(members).map_err(|_| Code::LIMIT)?;
    Ok(SigningPolicy { rule, members })
}
