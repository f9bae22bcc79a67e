//! Roles, account modes and signing policies. Default deny everywhere.

use crate::codec::{Ordered, SortedVec, Text};
use crate::identifiers::{Address, Organisation};
use borsh::{BorshDeserialize, BorshSerialize};

/// A role's name. `admin` may do everything a ledger permission can give on that ledger.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
pub struct Role(pub Text<32>);

impl Ordered for Role {
    type Key = Role;
    fn key(&self) -> Role {
        self.clone()
    }
}

/// A right on a whole ledger, given to roles by the ledger's settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Permission {
    /// Register identities.
    RegisterIdentity = 1,
    /// Freeze, revoke and restore identities, give and take roles.
    ManageIdentities = 2,
    /// Declare accounts.
    DeclareAccount = 3,
    /// Change permissions and states of accounts one does not own.
    ManageAccounts = 4,
    /// Schedule parameters and validators, set the relay anchor; ledger 0.
    Govern = 5,
}

/// Who owns an account and what owner, group and others may do, as three sets of rights.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct AccountMode {
    /// The owner.
    pub owner: Address,
    /// Identities with this role form the group.
    pub group: Choice<Role>,
    /// Whether the group may write.
    pub group_write: bool,
    /// Whether every registered identity may write.
    pub others_write: bool,
}

/// An explicit two-way choice with its own discriminants; hashed types hold no implicit optional field.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Choice<T> {
    /// Nothing.
    None = 0,
    /// Something.
    Some(T) = 1,
}

impl<T> Choice<T> {
    /// As a standard option.
    pub const fn as_option(&self) -> Option<&T> {
        match self {
            Self::None => None,
            Self::Some(value) => Some(value),
        }
    }
}

/// Who may read an account (recorded from the first day; enforced by gateways with signed reads).
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum ReadPolicy {
    /// Everybody.
    Open = 1,
    /// Registered identities of the ledger; the default.
    Members = 2,
    /// These alone.
    List(SortedVec<Reader, 64>) = 3,
}

/// One address of a read list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
pub struct Reader(pub Address);

impl Ordered for Reader {
    type Key = Address;
    fn key(&self) -> Address {
        self.0
    }
}

/// Who must sign a write together, beyond each signer's own right to write.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct SigningPolicy {
    /// How the members' signatures are counted.
    pub rule: SigningRule,
    /// The members; empty means the account's own rights alone decide (rule `Any`).
    pub members: SortedVec<PolicyMember, 64>,
}

/// How a signing policy counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum SigningRule {
    /// At least one member (or, without members, whoever may write).
    Any = 1,
    /// Every member.
    All = 2,
    /// More than half of the members.
    Majority = 3,
    /// At least this many members.
    AtLeast(u16) = 4,
    /// Members whose weights sum to at least this.
    Weighted(u32) = 5,
    /// Members of at least this many different organisations.
    Organisations(u16) = 6,
}

/// One member of a signing policy.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct PolicyMember {
    /// Who.
    pub address: Address,
    /// Weight, for [`SigningRule::Weighted`].
    pub weight: u32,
    /// For [`SigningRule::Organisations`].
    pub organisation: Organisation,
}

impl Ordered for PolicyMember {
    type Key = Address;
    fn key(&self) -> Address {
        self.address
    }
}

impl SigningPolicy {
    /// Whoever may write may do so alone.
    pub fn any() -> Self {
        Self { rule: SigningRule::Any, members: SortedVec::default() }
    }

    /// Whether these authors together satisfy the policy. Addresses outside the members count nothing.
    ///
    /// A rule that its members could never satisfy (for example 3 of 2) is never satisfied: default deny.
    pub fn is_satisfied_by(&self, authors: &[Address]) -> bool {
        if self.members.is_empty() {
            return self.rule == SigningRule::Any && !authors.is_empty();
        }
        let signed: Vec<&PolicyMember> =
            self.members.iter().filter(|member| authors.contains(&member.address)).collect();
        match self.rule {
            SigningRule::Any => !signed.is_empty(),
            SigningRule::All => signed.len() == self.members.len(),
            SigningRule::Majority => signed.len() > self.members.len() / 2,
            SigningRule::AtLeast(least) => least > 0 && signed.len() >= usize::from(least),
            SigningRule::Weighted(least) => {
                let weight: u64 = signed.iter().map(|member| u64::from(member.weight)).sum();
                least > 0 && weight >= u64::from(least)
            }
            SigningRule::Organisations(least) => {
                let mut organisations: Vec<&Organisation> = signed.iter().map(|member| &member.organisation).collect();
                organisations.sort();
                organisations.dedup();
                least > 0 && organisations.len() >= usize::from(least)
            }
        }
    }
}
