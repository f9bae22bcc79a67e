//! The description of a proposal, as people write it in TOML or JSON, and the signed proposal made of it.
//!
//! Parties are named by keys of this directory or by addresses, whose keys others hold: those sign later.
//!
//! With an automatic scope every key that a leg's operations write is taken exclusively, a counter that is only added
//! to as a net amount, and what is only read shared. Nothing is guessed: an unknown field is an error with its line.

mod scope;

use crate::exit::{Failure, Outcome};
use crate::keys::Keys;
use crate::{parties, text};
use ledger_protocol::codec::{Bounded, SortedVec, encode};
use ledger_protocol::proposal::{AssertedVersion, Call, Leg, LegMode, LockKey, ProposalBody, Submit};
use ledger_protocol::suite::SecretKey;
use ledger_protocol::transaction::{
    AddToCounter, CounterDeclaration, DeleteKey, LedgerOperation, Operation, Operations, PublishEvent, SetKey, StateKey,
};
use ledger_protocol::{Address, ChainId, Hash, Height, LedgerId, Version};
use node_runtime::devnet;
use scope::Scope;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;

/// What every address begins with.
const ADDRESS_PREFIX: &str = "ctaddr1";
/// Longest description file.
const MAX_DESCRIPTION_BYTES: usize = 4 << 20;

/// A proposal as people describe it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Description {
    /// The proposer: name of a key, or an address.
    #[serde(default = "devnet::member_key_name")]
    proposer: String,
    /// Who approves beside the proposer: names of keys, or addresses.
    #[serde(default)]
    members: Vec<String>,
    /// Relay blocks between start and deadline.
    #[serde(default = "default_t_prep")]
    t_prep_blocks: u32,
    /// Relay blocks during which it may wait in the queue.
    #[serde(default = "default_valid_for")]
    valid_for_blocks: u64,
    /// Words kept elsewhere; the proposal holds their hash.
    #[serde(default)]
    memo: String,
    /// One per chain.
    legs: Vec<LegDescription>,
}

const fn default_t_prep() -> u32 {
    150
}

const fn default_valid_for() -> u64 {
    1_500
}

/// A leg as people describe it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct LegDescription {
    chain: String,
    #[serde(default)]
    mode: Mode,
    /// Names of keys; the chain's operator by default.
    authorisers: Option<Vec<String>>,
    #[serde(default)]
    operations: Vec<OperationDescription>,
    /// Keys that are read.
    #[serde(default)]
    reads: Vec<Place>,
    /// Prefixes that are scanned.
    #[serde(default)]
    prefixes: Vec<Place>,
    /// With an explicit scope: keys that are written.
    #[serde(default)]
    writes: Vec<Place>,
    /// With an explicit scope: counters and their net amounts.
    #[serde(default)]
    deltas: Vec<Delta>,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Mode {
    #[default]
    Write,
    Read,
    Notify,
}

const fn business() -> u32 {
    devnet::BUSINESS_LEDGER.0
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Place {
    #[serde(default = "business")]
    ledger: u32,
    account: String,
    key: String,
    /// The version that its value must have.
    version: Option<u64>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Delta {
    #[serde(default = "business")]
    ledger: u32,
    account: String,
    key: String,
    amount: i64,
}

/// One operation; exactly one field is given.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum OperationDescription {
    Set(Set),
    Delete(Delete),
    Add(Delta),
    DeclareCounter(Counter),
    Publish(Publish),
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Set {
    #[serde(default = "business")]
    ledger: u32,
    account: String,
    key: String,
    value: String,
    #[serde(default = "any")]
    expect: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Delete {
    #[serde(default = "business")]
    ledger: u32,
    account: String,
    key: String,
    #[serde(default = "any")]
    expect: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Counter {
    #[serde(default = "business")]
    ledger: u32,
    account: String,
    key: String,
    min: i64,
    max: i64,
    initial: i64,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Publish {
    #[serde(default = "business")]
    ledger: u32,
    account: String,
    topic: String,
    payload: String,
}

fn any() -> String {
    "any".into()
}

/// A TOML error with its line.
pub(crate) fn toml_failure(file: &Path, content: &str, error: &toml::de::Error) -> Failure {
    let next = "correct the line; docs/cli.md describes the fields";
    let Some(span) = error.span() else { return Failure::input(file, error.message()).next(next) };
    let before = content.get(..span.start).unwrap_or_default();
    let line = before.matches('\n').count() as u64 + 1;
    Failure::input_line(file, line, error.message()).next(next)
}

/// Reads a description; its file's name says whether it is TOML or JSON.
pub(crate) fn read(file: &Path) -> Outcome<Description> {
    let content = text::read_text(file, MAX_DESCRIPTION_BYTES)?;
    if file.extension().is_some_and(|extension| extension == "json") {
        return serde_json::from_str(&content).map_err(|error| {
            Failure::input_line(file, error.line() as u64, error)
                .next("correct the line; docs/cli.md describes the fields")
        });
    }
    toml::from_str(&content).map_err(|error| toml_failure(file, &content, &error))
}

/// What the description is turned into a proposal with.
pub(crate) struct Maker<'a> {
    /// The relay.
    pub(crate) relay: ChainId,
    /// Its newest height.
    pub(crate) height_on_relay: u64,
    /// Finds a chain's id by its name.
    pub(crate) chain: &'a dyn Fn(&str) -> Outcome<ChainId>,
    /// The keys that sign.
    pub(crate) keys: &'a Keys,
    /// Whether scopes come from operations and reads.
    pub(crate) automatic_scope: bool,
}

impl Maker<'_> {
    /// The proposal, signed by those of its parties whose keys are here.
    pub(crate) fn make(&self, file: &Path, description: &Description) -> Outcome<Submit> {
        let bad = |leg: usize, failure: Failure| {
            Failure { kind: crate::exit::Kind::InputFile, ..failure }.at(format_args!(
                "{}: leg {}",
                file.display(),
                leg + 1
            ))
        };
        let mut legs: Vec<Leg> = Vec::new();
        let mut present = BTreeMap::new();
        for (index, leg) in description.legs.iter().enumerate() {
            legs.push(self.leg(leg, &mut present).map_err(|failure| bad(index, failure))?);
        }
        let proposer = self.party(&description.proposer, &mut present)?;
        let mut members = vec![proposer];
        for name in &description.members {
            members.push(self.party(name, &mut present)?);
        }
        members.sort();
        members.dedup();
        let whole = |what: &str, error: &dyn std::fmt::Display| Failure::input(file, format_args!("{what}: {error}"));
        let memo_hash = match description.memo.as_str() {
            "" => Hash::ZERO,
            memo => self.relay.suite.hash_parts(&[memo.as_bytes()]),
        };
        let count = legs.len();
        let body = ProposalBody {
            relay: self.relay,
            proposer,
            nonce: text::random_u64()?,
            valid_until: Height(self.height_on_relay.saturating_add(description.valid_for_blocks)),
            t_prep: description.t_prep_blocks,
            members: SortedVec::new(members).map_err(|error| whole("the members", &error))?,
            legs: SortedVec::from_unsorted(legs).map_err(|error| whole("the legs (one per chain)", &error))?,
            memo_hash,
        };
        body.check_form().map_err(|error| whole("the proposal", &error))?;
        let authorisations =
            Bounded::new(vec![SortedVec::default(); count]).map_err(|error| whole("the legs", &error))?;
        let mut submit = Submit { body, approvals: SortedVec::default(), authorisations };
        for key in present.values() {
            parties::sign(&mut submit, key)?;
        }
        Ok(submit)
    }

    /// Somebody who must sign: a key of this directory by its name or address, or the address of somebody else's.
    fn party(&self, named: &str, present: &mut BTreeMap<Address, SecretKey>) -> Outcome<Address> {
        let key = match named.parse::<Address>() {
            Ok(address) => match self.keys.named(&address)? {
                Some(name) => self.keys.account(name.as_str())?,
                None => return Ok(address),
            },
            // Mistyped, not a name: a key's name is short.
            Err(_) if named.starts_with(ADDRESS_PREFIX) => return Err(bad_address(named)),
            Err(_) => self.keys.account(named)?,
        };
        let address = key.address();
        present.insert(address, key);
        Ok(address)
    }

    fn leg(&self, leg: &LegDescription, present: &mut BTreeMap<Address, SecretKey>) -> Outcome<Leg> {
        let chain = (self.chain)(&leg.chain)?;
        let operations = leg.operations.iter().map(operation).collect::<Outcome<Vec<_>>>()?;
        let mut scope = Scope::default();
        if self.automatic_scope {
            if !leg.writes.is_empty() || !leg.deltas.is_empty() {
                return Err(Failure::usage(
                    "`writes` and `deltas` stand in the description, and the scope is automatic",
                )
                .next("give --scope explicit, or drop them"));
            }
            for operation in &operations {
                scope.cover(operation)?;
            }
        } else {
            for place in &leg.writes {
                scope.exclusive(lock_key(place.ledger, &place.account, &place.key)?);
            }
            for delta in &leg.deltas {
                scope.add(lock_key(delta.ledger, &delta.account, &delta.key)?, delta.amount)?;
            }
        }
        for place in &leg.reads {
            scope.shared(lock_key(place.ledger, &place.account, &place.key)?);
        }
        for place in &leg.prefixes {
            scope.prefix(lock_key(place.ledger, &place.account, &place.key)?);
        }
        let mut asserted = Vec::new();
        for place in leg.reads.iter().chain(&leg.writes) {
            if let Some(version) = place.version {
                let key = lock_key(place.ledger, &place.account, &place.key)?;
                asserted.push(AssertedVersion { key, version: Version(version) });
            }
        }
        let names = match &leg.authorisers {
            Some(names) => names.clone(),
            None => vec![devnet::operator_key_name(&leg.chain)],
        };
        let mut authorisers = names.iter().map(|name| self.party(name, present)).collect::<Outcome<Vec<_>>>()?;
        authorisers.sort();
        authorisers.dedup();
        if let Some(other) = authorisers.iter().find(|address| address.suite != chain.suite) {
            return Err(Failure::usage(format_args!(
                "the chain is of the suite {}, and the authoriser {other} of {}",
                chain.suite, other.suite
            ))
            .next("name a key of the chain's suite (see `crosstie key list`)"));
        }
        let bad = |what: &str, error: &dyn std::fmt::Display| Failure::usage(format_args!("{what}: {error}"));
        let operations = Operations::new(operations).map_err(|error| bad("the operations", &error))?;
        let made = Leg {
            chain,
            mode: match leg.mode {
                Mode::Write => LegMode::Write,
                Mode::Read => LegMode::Read,
                Mode::Notify => LegMode::Notify,
            },
            call: Call::Plain(text::bounded("the leg's operations", encode(&operations))?),
            scope: scope.finish()?,
            asserted: SortedVec::from_unsorted(asserted).map_err(|error| bad("asserted versions", &error))?,
            authorisers: SortedVec::new(authorisers).map_err(|error| bad("the authorisers", &error))?,
        };
        Ok(made)
    }
}

fn bad_address(named: &str) -> Failure {
    Failure::usage(format_args!("`{named}` is no address: a character of it is wrong or missing"))
        .next("copy it from `crosstie key list` of whoever holds the key")
}

fn key(text: &str) -> Outcome<StateKey> {
    text::bounded("the key", text::bytes("the key", text)?)
}

fn lock_key(ledger: u32, account: &str, name: &str) -> Outcome<LockKey> {
    Ok(LockKey { ledger: LedgerId(ledger), account: text::words("account", account)?, key: key(name)? })
}

fn operation(described: &OperationDescription) -> Outcome<LedgerOperation> {
    let (ledger, operation) = match described {
        OperationDescription::Set(it) => (
            it.ledger,
            Operation::SetKey(SetKey {
                account: text::words("account", &it.account)?,
                key: key(&it.key)?,
                value: text::bounded("the value", text::bytes("the value", &it.value)?)?,
                expected: crate::commands::expectation(&it.expect)?,
            }),
        ),
        OperationDescription::Delete(it) => (
            it.ledger,
            Operation::DeleteKey(DeleteKey {
                account: text::words("account", &it.account)?,
                key: key(&it.key)?,
                expected: crate::commands::expectation(&it.expect)?,
            }),
        ),
        OperationDescription::Add(it) => (
            it.ledger,
            Operation::AddToCounter(AddToCounter {
                account: text::words("account", &it.account)?,
                key: key(&it.key)?,
                amount: it.amount,
            }),
        ),
        OperationDescription::DeclareCounter(it) => (
            it.ledger,
            Operation::DeclareCounter(CounterDeclaration {
                account: text::words("account", &it.account)?,
                key: key(&it.key)?,
                min: it.min,
                max: it.max,
                initial: it.initial,
            }),
        ),
        OperationDescription::Publish(it) => (
            it.ledger,
            Operation::PublishEvent(PublishEvent {
                account: text::words("account", &it.account)?,
                topic: text::words("topic", &it.topic)?,
                payload: text::bounded("the payload", text::bytes("the payload", &it.payload)?)?,
            }),
        ),
    };
    Ok(LedgerOperation { ledger: LedgerId(ledger), operation })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_description_names_its_line() {
        let directory = tempfile::tempdir().unwrap();
        let toml = directory.path().join("wrong.toml");
        std::fs::write(&toml, "[[legs]]\nchain = \"a\"\nmood = \"write\"\n").unwrap();
        let failure = read(&toml).unwrap_err();
        assert!(failure.place.as_deref().unwrap().ends_with("wrong.toml:3"), "{failure}");
        let json = directory.path().join("wrong.json");
        std::fs::write(&json, "{\n \"legs\": [ { \"chain\": 3 } ] }").unwrap();
        let failure = read(&json).unwrap_err();
        assert!(failure.place.as_deref().unwrap().ends_with("wrong.json:2"), "{failure}");
    }

    #[test]
    fn the_example_of_the_help_parses() {
        let text = "[[legs]]\nchain = \"subchain-1\"\noperations = [ { add = { account = \"book\", key = \"balance\", amount = -100 } } ]\n\
            [[legs]]\nchain = \"subchain-2\"\noperations = [ { set = { account = \"book\", key = \"slot-7\", value = \"UA 1545\" } },\n\
            { add = { account = \"book\", key = \"income\", amount = 100 } } ]\n";
        let description: Description = toml::from_str(text).unwrap();
        assert_eq!(description.legs.len(), 2);
    }
}
