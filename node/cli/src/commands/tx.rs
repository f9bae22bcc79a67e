//! `crosstie tx`: one transaction at a time.

use crate::args::{AccountKindArg, DeclareAccountArgs, GlobalArgs, ReadArg, SigningArgs, TxCommand};
use crate::build::{ChainWriter, Sent, check_receipt, on, receipt_by, send};
use crate::client::Client;
use crate::exit::{Failure, Outcome};
use crate::keys::{Keys, key_name};
use crate::output::Output;
use crate::text;
use ledger_protocol::codec::{SortedVec, encode};
use ledger_protocol::suite::SecretKey;
use ledger_protocol::transaction::{
    AccountDeclaration, AccountKind, AccountMode, AddToCounter, Choice, CounterDeclaration, DeleteKey, Expectation,
    IdentityRegistration, LedgerOperation, Operation, ReadPolicy, Role, SetKey, SigningPolicy, StateKey, Transaction,
    Value,
};
use ledger_protocol::{Address, PublicKey, TransactionId, Version};
use node_api::ChainEntry;
use node_runtime::devnet;
use serde::Serialize;
use std::time::{Duration, Instant};

/// Longest transaction file.
const MAX_TRANSACTION_BYTES: usize = 2 << 20;

#[derive(Serialize)]
struct Written {
    chain: String,
    id: String,
    file: String,
}

/// Which default key signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DefaultSigner {
    /// Who owns the business accounts; on the relay the member.
    Operator,
    /// Who registers identities; on the relay the member.
    Admin,
}

/// Opens the signers' keys: those named, or the chain's default.
pub(super) fn signers(
    client: &Client,
    chain: &ChainEntry,
    signing: &SigningArgs,
    default: DefaultSigner,
) -> Outcome<Vec<SecretKey>> {
    let keys = Keys::open(&client.directory, signing.passphrase_file.as_deref())?;
    if signing.signers.is_empty() {
        let name = match default {
            _ if chain.is_relay => devnet::member_key_name(),
            DefaultSigner::Operator => devnet::operator_key_name(&chain.name),
            DefaultSigner::Admin => devnet::admin_key_name(&chain.name),
        };
        return Ok(vec![keys.account(&name)?]);
    }
    signing.signers.iter().map(|name| keys.account(name)).collect()
}

/// Signs operations and sends them as the options say; prints what became of them.
pub(super) fn perform(
    writer: &ChainWriter<'_>,
    keys: &[SecretKey],
    operations: Vec<LedgerOperation>,
    signing: &SigningArgs,
    output: &Output,
) -> Outcome<Option<Sent>> {
    let transaction = writer.sign(keys, operations)?;
    if let Some(file) = &signing.out {
        text::write_file(file, &encode(&transaction))?;
        let written = Written {
            chain: writer.chain.name.clone(),
            id: transaction.id().to_string(),
            file: file.display().to_string(),
        };
        output.data(&written, |written| format!("transaction {} written to {}", written.id, written.file));
        return Ok(None);
    }
    let wait = (!signing.no_wait).then(|| Duration::from_secs(signing.wait_s));
    let sent = writer.send(&transaction, wait)?;
    check_receipt(&sent)?;
    Ok(Some(sent))
}

/// The outcome in words.
pub(super) fn words(sent: &Sent) -> String {
    match &sent.receipt {
        Some(receipt) => {
            format!(
                "final in block {} of {}\ntransaction {}\nfuel {}",
                receipt.height, sent.chain, sent.id, receipt.fuel
            )
        }
        None => format!("accepted by {}, not final yet\ntransaction {}", sent.chain, sent.id),
    }
}

pub(super) fn run(command: &TxCommand, global: &GlobalArgs, output: &Output) -> Outcome {
    let client = super::client(global)?;
    let write = |chain: &str, ledger: u32, operation: Operation, signing: &SigningArgs, default: DefaultSigner| {
        let writer = ChainWriter::open(&client, chain)?;
        let keys = signers(&client, writer.chain, signing, default)?;
        if let Some(sent) = perform(&writer, &keys, vec![on(ledger, operation)], signing, output)? {
            output.data(&sent, words);
        }
        Ok(())
    };
    match command {
        TxCommand::Set { chain, ledger, account, key, value, expect, signing } => {
            let operation = Operation::SetKey(SetKey {
                account: text::words("account", account)?,
                key: state_key(key)?,
                value: text::bounded("the value", text::bytes_or_file("the value", value, Value::LIMIT)?)?,
                expected: expectation(expect)?,
            });
            write(chain, *ledger, operation, signing, DefaultSigner::Operator)
        }
        TxCommand::Add { chain, ledger, account, key, amount, signing } => {
            let operation = Operation::AddToCounter(AddToCounter {
                account: text::words("account", account)?,
                key: state_key(key)?,
                amount: *amount,
            });
            write(chain, *ledger, operation, signing, DefaultSigner::Operator)
        }
        TxCommand::Delete { chain, ledger, account, key, expect, signing } => {
            let operation = Operation::DeleteKey(DeleteKey {
                account: text::words("account", account)?,
                key: state_key(key)?,
                expected: expectation(expect)?,
            });
            write(chain, *ledger, operation, signing, DefaultSigner::Operator)
        }
        TxCommand::DeclareCounter { chain, ledger, account, key, min, max, initial, signing } => {
            let operation = Operation::DeclareCounter(CounterDeclaration {
                account: text::words("account", account)?,
                key: state_key(key)?,
                min: *min,
                max: *max,
                initial: *initial,
            });
            write(chain, *ledger, operation, signing, DefaultSigner::Operator)
        }
        TxCommand::DeclareAccount(args) => {
            let writer = ChainWriter::open(&client, &args.chain)?;
            let keys = signers(&client, writer.chain, &args.signing, DefaultSigner::Operator)?;
            let operation = Operation::DeclareAccount(declaration(args, &keys)?);
            if let Some(sent) = perform(&writer, &keys, vec![on(args.ledger, operation)], &args.signing, output)? {
                output.data(&sent, words);
            }
            Ok(())
        }
        TxCommand::RegisterIdentity { chain, ledger, public_key, organisation, roles, signing } => {
            let roles = roles.iter().map(|role| text::words("role", role).map(Role)).collect::<Outcome<Vec<_>>>()?;
            let operation = Operation::RegisterIdentity(IdentityRegistration {
                public_key: public_key_of(&client, public_key)?,
                organisation: text::words("organisation", organisation)?,
                roles: SortedVec::from_unsorted(roles)
                    .map_err(|error| Failure::usage(format_args!("roles: {error}")))?,
            });
            write(chain, *ledger, operation, signing, DefaultSigner::Admin)
        }
        TxCommand::Submit { file, no_wait, wait_s } => {
            let transaction: Transaction = text::read_object(file, "signed transaction", MAX_TRANSACTION_BYTES)?;
            let chain = client.chain(&transaction.body.chain.to_string())?.name.clone();
            let wait = (!no_wait).then(|| Duration::from_secs(*wait_s));
            let sent = send(&client, &chain, &transaction, wait)?;
            check_receipt(&sent)?;
            output.data(&sent, words);
            Ok(())
        }
        TxCommand::Show { chain, id, wait_s } => {
            let id: TransactionId = text::parse("transaction id", id)?;
            let chain = client.chain(chain)?.name.clone();
            let until = Instant::now() + Duration::from_secs(*wait_s);
            let receipt = receipt_by(&client, &chain, &id.to_string(), until)?;
            if receipt.is_none() {
                return Err(Failure::not_found(format_args!("{chain} has no final transaction {id}")).next(
                    "it may wait in a pool, be lost or never have been sent: wait with --wait-s, or submit it again",
                ));
            }
            let sent = Sent { chain, id: id.to_string(), state: "final", receipt };
            output.data(&sent, |sent| {
                let receipt = sent.receipt.as_ref();
                let outcome = receipt.map(|it| format!("{}: {}", it.label, it.meaning)).unwrap_or_default();
                format!("{}\n{outcome}", words(sent))
            });
            Ok(())
        }
    }
}

/// A key from the command line.
pub(super) fn state_key(text: &str) -> Outcome<StateKey> {
    let bytes = text::bytes("the key", text)?;
    if bytes.is_empty() {
        return Err(Failure::usage("the key is empty").next("a key has 1 to 256 bytes"));
    }
    text::bounded("the key", bytes)
}

/// What a write expects to find: `any`, `absent` or a version.
pub(crate) fn expectation(text: &str) -> Outcome<Expectation> {
    match text {
        "any" => Ok(Expectation::Any),
        "absent" => Ok(Expectation::Absent),
        version => version.parse().map(|version| Expectation::Version(Version(version))).map_err(|_| {
            Failure::usage(format_args!("{version:?} is no expectation")).next("use any, absent, or a version number")
        }),
    }
}

fn declaration(args: &DeclareAccountArgs, keys: &[SecretKey]) -> Outcome<AccountDeclaration> {
    let owner: Address = match &args.owner {
        Some(text) => text::parse("owner", text)?,
        None => {
            let first = keys.first().ok_or_else(|| Failure::usage("an account needs an owner").next("give --owner"))?;
            first.address()
        }
    };
    Ok(AccountDeclaration {
        account: text::words("account", &args.account)?,
        kind: match args.kind {
            AccountKindArg::Data => AccountKind::Data,
            AccountKindArg::User => AccountKind::User,
            AccountKindArg::Event => AccountKind::Event,
        },
        mode: AccountMode { owner, group: Choice::None, group_write: false, others_write: false },
        policy: SigningPolicy::any(),
        read_policy: match args.read {
            ReadArg::Open => ReadPolicy::Open,
            ReadArg::Members => ReadPolicy::Members,
        },
        lockable: args.lockable,
    })
}

/// A public key as text, or the name of a stored one.
fn public_key_of(client: &Client, text: &str) -> Outcome<PublicKey> {
    if text.to_ascii_lowercase().starts_with("ctkey1") {
        return text::parse("public key", text);
    }
    Ok(Keys::open(&client.directory, None)?.store().entry(&key_name(text)?)?.public_key)
}
