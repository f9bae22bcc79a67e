//! Who acts on a ledger, and what that allows. Default deny.
//!
//! Every author must be a registered identity in state normal on the ledger of each operation; one frozen or revoked
//! signer, a gateway included, refuses the operation whoever signs beside it.

use crate::error::{LedgerError, require};
use crate::records::{AccountRecord, IdentityRecord, identity_place};
use chain_state::BlockState;
use ledger_protocol::chain::LedgerGenesis;
use ledger_protocol::transaction::{AccountKind, AccountState, IdentityState, Permission, ReadPolicy, Role};
use ledger_protocol::{Address, Code, LedgerId};

/// Those who sign an input.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Signatories<'s> {
    /// For themselves: these alone give rights.
    pub(crate) authors: &'s [Address],
    /// Passing the input on: give no right, but must not be frozen.
    pub(crate) gateways: &'s [Address],
}

/// The authors of an input as one ledger knows them, with the ledger's settings.
#[derive(Debug, Clone)]
pub(crate) struct Authority {
    settings: LedgerGenesis,
    who: Who,
}

#[derive(Debug, Clone)]
enum Who {
    /// The genesis: asked for nothing.
    Genesis,
    /// Registered identities in state normal.
    Authors(Vec<Author>),
}

#[derive(Debug, Clone)]
struct Author {
    address: Address,
    roles: Vec<Role>,
}

/// What is asked of the account by an access.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Use {
    /// Keys and counters, by a local transaction.
    Data,
    /// Events, by a local transaction.
    Events,
    /// Keys and counters, by a proposal's leg: the account must admit locks.
    DataOfLeg,
    /// Events, by a proposal's leg.
    EventsOfLeg,
}

fn settings_of(state: &BlockState<'_>, ledger: LedgerId) -> Result<LedgerGenesis, LedgerError> {
    state.ledger_settings(ledger)?.ok_or_else(|| Code::LEDGER_UNKNOWN.into())
}

/// The identity of an address, if the ledger knows it; refused unless it may sign.
fn normal(state: &BlockState<'_>, ledger: LedgerId, address: &Address) -> Result<Option<IdentityRecord>, LedgerError> {
    let record: Option<IdentityRecord> = state.record(&identity_place(ledger, address))?;
    let may_sign = record.as_ref().is_none_or(|record| record.state == IdentityState::Normal);
    require(may_sign, Code::IDENTITY_FROZEN)?;
    Ok(record)
}

impl Authority {
    /// The genesis' own authority on a ledger.
    pub(crate) fn genesis(state: &BlockState<'_>, ledger: LedgerId) -> Result<Self, LedgerError> {
        Ok(Self { settings: settings_of(state, ledger)?, who: Who::Genesis })
    }

    /// Looks the signatories up on a ledger.
    pub(crate) fn resolve(
        state: &BlockState<'_>,
        ledger: LedgerId,
        signatories: Signatories<'_>,
    ) -> Result<Self, LedgerError> {
        let settings = settings_of(state, ledger)?;
        // A frozen signer is named before an unknown one, so that the order of signers decides nothing.
        let mut authors = Vec::with_capacity(signatories.authors.len());
        for address in signatories.authors {
            if let Some(record) = normal(state, ledger, address)? {
                authors.push(Author { address: *address, roles: record.roles.into_vec() });
            }
        }
        for address in signatories.gateways {
            normal(state, ledger, address)?;
        }
        require(!authors.is_empty() && authors.len() == signatories.authors.len(), Code::IDENTITY_UNKNOWN)?;
        Ok(Self { settings, who: Who::Authors(authors) })
    }

    /// Whether a right on the whole ledger is granted to a role of one of the authors.
    pub(crate) fn require(&self, permission: Permission) -> Result<(), LedgerError> {
        let holds = match &self.who {
            Who::Genesis => true,
            Who::Authors(authors) => authors.iter().any(|author| {
                author.roles.iter().any(|role| self.settings.grants.find(&(role.clone(), permission)).is_some())
            }),
        };
        require(holds, Code::DENIED)
    }

    /// Whether the authors may write to an account: at least one of them by its own right (owner, group or others),
    /// and all together by the account's signing policy.
    pub(crate) fn require_write(&self, account: &AccountRecord) -> Result<(), LedgerError> {
        let Who::Authors(authors) = &self.who else {
            return Ok(());
        };
        let mode = &account.mode;
        let may_write = |author: &Author| {
            let in_group = mode.group.as_option().is_some_and(|group| author.roles.contains(group));
            author.address == mode.owner || (mode.group_write && in_group) || mode.others_write
        };
        require(authors.iter().any(may_write), Code::DENIED)?;
        self.require_policy(account)
    }

    /// Whether the owner is among the authors, and all together satisfy the account's signing policy.
    ///
    /// The policy is asked for here too: otherwise an owner could strip "three of five" alone.
    pub(crate) fn require_owner(&self, account: &AccountRecord) -> Result<(), LedgerError> {
        let Who::Authors(authors) = &self.who else {
            return Ok(());
        };
        require(authors.iter().any(|author| author.address == account.mode.owner), Code::DENIED)?;
        self.require_policy(account)
    }

    fn require_policy(&self, account: &AccountRecord) -> Result<(), LedgerError> {
        require(account.policy.is_satisfied_by(&self.addresses()), Code::POLICY_UNMET)
    }

    /// Whether one of the authors may read an account. All of them are members of the ledger.
    pub(crate) fn require_read(&self, account: &AccountRecord) -> Result<(), LedgerError> {
        let may_read = match &account.read_policy {
            ReadPolicy::Open | ReadPolicy::Members => true,
            ReadPolicy::List(readers) => {
                self.addresses().iter().any(|address| readers.find(address).is_some() || *address == account.mode.owner)
            }
        };
        require(may_read, Code::DENIED)
    }

    /// Whether the authors may use an account for what they want to do there.
    pub(crate) fn require_use(&self, account: &AccountRecord, purpose: Use) -> Result<(), LedgerError> {
        self.require_write(account)?;
        let fits = match purpose {
            Use::Data | Use::DataOfLeg => matches!(account.kind, AccountKind::Data | AccountKind::User),
            Use::Events | Use::EventsOfLeg => account.kind == AccountKind::Event,
        };
        require(fits, Code::ACCOUNT_KIND)?;
        require(account.state == AccountState::Open, Code::ACCOUNT_NOT_OPEN)?;
        let of_leg = matches!(purpose, Use::DataOfLeg | Use::EventsOfLeg);
        require(!of_leg || account.lockable, Code::NOT_LOCKABLE)
    }

    fn addresses(&self) -> Vec<Address> {
        match &self.who {
            Who::Genesis => Vec::new(),
            Who::Authors(authors) => authors.iter().map(|author| author.address).collect(),
        }
    }
}

/// Refuses a frozen or revoked signer; one that the ledger does not know passes here.
pub(crate) fn refuse_frozen(
    state: &BlockState<'_>,
    ledger: LedgerId,
    signatories: Signatories<'_>,
) -> Result<(), LedgerError> {
    for address in signatories.authors.iter().chain(signatories.gateways) {
        normal(state, ledger, address)?;
    }
    Ok(())
}
