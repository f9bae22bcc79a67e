//! Arguments of keys, transactions, reads and loading.

use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

use super::network::SuiteArg;

/// `crosstie key …`. Keys lie in DIR/keys.
#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    /// Make a key that signs transactions.
    #[command(after_help = "\
The passphrase is asked for on the terminal, or read from --passphrase-file; it is never an argument.
Example:
  crosstie key new alice --dir net
  crosstie key new robot --plain --dir net     (unencrypted: development only)")]
    New {
        /// Its name: a-z, 0-9, - and _.
        name: String,
        /// Its suite.
        #[arg(long, value_enum, default_value_t = SuiteArg::Standard)]
        suite: SuiteArg,
        /// Keep it unencrypted.
        #[arg(long, conflicts_with = "passphrase_file")]
        plain: bool,
        /// The passphrase is this file's first line.
        #[arg(long, value_name = "FILE")]
        passphrase_file: Option<PathBuf>,
    },
    /// List the keys.
    List,
    /// Show the public part of a key.
    Show {
        /// Its name.
        name: String,
    },
    /// Store a secret key of the form ctsecret1….
    Import {
        /// Its name from now on.
        name: String,
        /// The file that holds the secret; - is stdin.
        #[arg(long, value_name = "FILE")]
        secret_file: PathBuf,
        /// Keep it unencrypted.
        #[arg(long, conflicts_with = "passphrase_file")]
        plain: bool,
        /// The passphrase is this file's first line.
        #[arg(long, value_name = "FILE")]
        passphrase_file: Option<PathBuf>,
    },
}

/// How a transaction is signed and sent.
#[derive(Debug, Clone, Args)]
pub(crate) struct SigningArgs {
    /// Sign with this key of DIR/keys; more than once for more signers [default: the chain's operator or member].
    #[arg(long = "as", value_name = "KEY")]
    pub(crate) signers: Vec<String>,
    /// The keys' passphrase is this file's first line.
    #[arg(long, value_name = "FILE")]
    pub(crate) passphrase_file: Option<PathBuf>,
    /// Do not wait until the transaction is final.
    #[arg(long)]
    pub(crate) no_wait: bool,
    /// Wait at most so long for it to become final.
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    pub(crate) wait_s: u64,
    /// Write the signed transaction to this file instead of sending it.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}

/// What an account is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum AccountKindArg {
    /// Holds keys and counters.
    Data,
    /// Belongs to a user.
    User,
    /// Publishes events.
    Event,
}

/// Who may read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ReadArg {
    /// Everybody.
    Open,
    /// Registered identities of the ledger.
    Members,
}

/// `crosstie tx declare-account`.
#[derive(Debug, Clone, Args)]
pub(crate) struct DeclareAccountArgs {
    /// The chain's name or id.
    pub(crate) chain: String,
    /// The ledger's number.
    pub(crate) ledger: u32,
    /// The account's name.
    pub(crate) account: String,
    /// What it is for.
    #[arg(long, value_enum, default_value_t = AccountKindArg::Data)]
    pub(crate) kind: AccountKindArg,
    /// Its owner's address [default: the first signer].
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) owner: Option<String>,
    /// Who may read it.
    #[arg(long, value_enum, default_value_t = ReadArg::Members)]
    pub(crate) read: ReadArg,
    /// Whether proposals may lock its keys.
    #[arg(long)]
    pub(crate) lockable: bool,
    /// How it is signed and sent.
    #[command(flatten)]
    pub(crate) signing: SigningArgs,
}

/// `crosstie tx …`.
#[derive(Debug, Subcommand)]
pub(crate) enum TxCommand {
    /// Write a key.
    #[command(after_help = "\
KEY and VALUE are text; hex:00ff stands for bytes, and @FILE as VALUE for a file's content.
Examples:
  crosstie tx set subchain-1 1 book greeting hello
  crosstie tx set subchain-1 1 book greeting hello --expect absent")]
    Set {
        /// The chain's name or id.
        chain: String,
        /// The ledger's number.
        ledger: u32,
        /// The account.
        account: String,
        /// The key.
        key: String,
        /// The value.
        value: String,
        /// What must be there before: any, absent, or a version.
        #[arg(long, default_value = "any")]
        expect: String,
        /// How it is signed and sent.
        #[command(flatten)]
        signing: SigningArgs,
    },
    /// Add to a counter; a negative amount takes away.
    Add {
        /// The chain's name or id.
        chain: String,
        /// The ledger's number.
        ledger: u32,
        /// The account.
        account: String,
        /// The counter's key.
        key: String,
        /// How much.
        #[arg(allow_negative_numbers = true)]
        amount: i64,
        /// How it is signed and sent.
        #[command(flatten)]
        signing: SigningArgs,
    },
    /// Delete a key; a tombstone version remains.
    Delete {
        /// The chain's name or id.
        chain: String,
        /// The ledger's number.
        ledger: u32,
        /// The account.
        account: String,
        /// The key.
        key: String,
        /// What must be there before: any, or a version.
        #[arg(long, default_value = "any")]
        expect: String,
        /// How it is signed and sent.
        #[command(flatten)]
        signing: SigningArgs,
    },
    /// Declare an account.
    DeclareAccount(DeclareAccountArgs),
    /// Declare a counter, or change its bounds.
    DeclareCounter {
        /// The chain's name or id.
        chain: String,
        /// The ledger's number.
        ledger: u32,
        /// The account.
        account: String,
        /// The counter's key.
        key: String,
        /// The smallest value allowed.
        #[arg(long, allow_negative_numbers = true, default_value_t = 0)]
        min: i64,
        /// The largest value allowed.
        #[arg(long, allow_negative_numbers = true, default_value_t = i64::MAX)]
        max: i64,
        /// The value it starts with.
        #[arg(long, allow_negative_numbers = true, default_value_t = 0)]
        initial: i64,
        /// How it is signed and sent.
        #[command(flatten)]
        signing: SigningArgs,
    },
    /// Make a key's address known on a ledger.
    RegisterIdentity {
        /// The chain's name or id.
        chain: String,
        /// The ledger's number.
        ledger: u32,
        /// The public key, ctkey1…, or the name of a key of DIR/keys.
        public_key: String,
        /// Who answers for it.
        #[arg(long)]
        organisation: String,
        /// A role it starts with; more than once for more roles.
        #[arg(long = "role", value_name = "ROLE")]
        roles: Vec<String>,
        /// How it is signed and sent.
        #[command(flatten)]
        signing: SigningArgs,
    },
    /// Submit a transaction file that was signed before (see --out).
    Submit {
        /// The file: borsh, or its hexadecimal text.
        file: PathBuf,
        /// Do not wait until the transaction is final.
        #[arg(long)]
        no_wait: bool,
        /// Wait at most so long for it to become final.
        #[arg(long, value_name = "SECONDS", default_value_t = 60)]
        wait_s: u64,
    },
    /// Show a transaction's state and receipt.
    Show {
        /// The chain's name or id.
        chain: String,
        /// The transaction's id.
        id: String,
        /// Wait so long for it to become final.
        #[arg(long, value_name = "SECONDS", default_value_t = 0)]
        wait_s: u64,
    },
}

/// `crosstie get`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Example:\n  crosstie get subchain-1 1 book greeting")]
pub(crate) struct GetArgs {
    /// The chain's name or id.
    pub(crate) chain: String,
    /// The ledger's number.
    pub(crate) ledger: u32,
    /// The account.
    pub(crate) account: String,
    /// The key: text, or hex:….
    pub(crate) key: String,
}

/// `crosstie list`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Example:\n  crosstie list subchain-1 1 book --prefix 2013-")]
pub(crate) struct ListArgs {
    /// The chain's name or id.
    pub(crate) chain: String,
    /// The ledger's number.
    pub(crate) ledger: u32,
    /// The account.
    pub(crate) account: String,
    /// Only keys that begin with this: text, or hex:….
    #[arg(long, default_value = "")]
    pub(crate) prefix: String,
    /// Only keys after this one: text, or hex:….
    #[arg(long)]
    pub(crate) after: Option<String>,
    /// At most so many.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) limit: u32,
}

/// `crosstie history`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Example:\n  crosstie history subchain-1 1 book greeting")]
pub(crate) struct HistoryArgs {
    /// The chain's name or id.
    pub(crate) chain: String,
    /// The ledger's number.
    pub(crate) ledger: u32,
    /// The account.
    pub(crate) account: String,
    /// The key: text, or hex:….
    pub(crate) key: String,
}

/// `crosstie load`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
The value of a record is the row as a JSON object of its columns. The same command run again goes on where it was
stopped: a row whose content stands, or once stood, at its key is not written again.
Example:
  crosstie load flights.csv --chain subchain-1 --account book --key-columns date,carrier,flight,origin")]
pub(crate) struct LoadArgs {
    /// The CSV file; its first line names the columns.
    pub(crate) file: PathBuf,
    /// The chain's name or id.
    #[arg(long)]
    pub(crate) chain: String,
    /// The account.
    #[arg(long)]
    pub(crate) account: String,
    /// The ledger's number.
    #[arg(long, default_value_t = 1)]
    pub(crate) ledger: u32,
    /// The columns that make a row's key [default: the first one].
    #[arg(long, value_delimiter = ',', value_name = "A,B")]
    pub(crate) key_columns: Vec<String>,
    /// Sign with this key of DIR/keys [default: the chain's operator].
    #[arg(long = "as", value_name = "KEY")]
    pub(crate) signer: Option<String>,
    /// The key's passphrase is this file's first line.
    #[arg(long, value_name = "FILE")]
    pub(crate) passphrase_file: Option<PathBuf>,
    /// Transactions under way at once.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(crate) in_flight: u16,
    /// Rows per transaction.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=200))]
    pub(crate) batch: u16,
    /// Wait at most so long for a transaction to become final.
    #[arg(long, value_name = "SECONDS", default_value_t = 120)]
    pub(crate) wait_s: u64,
}
