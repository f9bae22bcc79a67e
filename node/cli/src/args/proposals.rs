//! Arguments of proposals and motions.

use super::ledger::SigningArgs;
use super::limits::LimitArgs;
use clap::{Subcommand, ValueEnum};
use std::path::PathBuf;

/// Where a leg's scope comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ScopeArg {
    /// From the leg's operations and reads.
    Auto,
    /// From the description's `scope` lists alone.
    Explicit,
}

/// `crosstie proposal …`.
#[derive(Debug, Subcommand)]
pub(crate) enum ProposalCommand {
    /// Make a signed proposal file from a description.
    #[command(after_help = r#"
A description is TOML or JSON (docs/cli.md has every field):
  [[legs]]
  chain = "subchain-1"
  operations = [ { add = { account = "book", key = "balance", amount = -100 } } ]
  [[legs]]
  chain = "subchain-2"
  operations = [ { set = { account = "book", key = "slot-7", value = "UA 1545" } },
                 { add = { account = "book", key = "income", amount = 100 } } ]
Example:
  crosstie proposal new flight.toml --out flight.proposal"#)]
    New {
        /// The description, .toml or .json.
        file: PathBuf,
        /// Write the proposal here.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// Where the legs' scopes come from.
        #[arg(long, value_enum, default_value_t = ScopeArg::Auto)]
        scope: ScopeArg,
        /// The keys' passphrase is this file's first line.
        #[arg(long, value_name = "FILE")]
        passphrase_file: Option<PathBuf>,
    },
    /// Show what a proposal file says, who must sign it and who has.
    Show {
        /// A proposal file.
        file: PathBuf,
    },
    /// Sign a proposal file as one of its parties. Look at it first: crosstie proposal show FILE.
    #[command(after_help = "\
Parties whose keys are elsewhere stand in the description by their addresses (crosstie key list shows them). The file
goes from one to the next; nobody can change what others have signed.
Example:
  crosstie proposal sign flight.proposal --as operator-subchain-2")]
    Sign {
        /// A proposal file.
        file: PathBuf,
        /// Sign with this key of DIR/keys; more than once for more parties.
        #[arg(long = "as", value_name = "KEY", required = true)]
        signers: Vec<String>,
        /// The keys' passphrase is this file's first line.
        #[arg(long, value_name = "FILE")]
        passphrase_file: Option<PathBuf>,
        /// Write it here instead of over the file.
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Ask every leg's chain what it would do now. Nothing is written or locked.
    DryRun {
        /// A proposal file.
        file: PathBuf,
    },
    /// Submit a proposal file to the relay.
    Submit {
        /// A proposal file.
        file: PathBuf,
        /// Follow it until it is decided and every leg has closed.
        #[arg(long)]
        watch: bool,
        /// How its transaction is signed and sent.
        #[command(flatten)]
        signing: SigningArgs,
    },
    /// Cancel one's own proposal while it is undecided.
    Cancel {
        /// Its id.
        id: String,
        /// How the transaction is signed and sent.
        #[command(flatten)]
        signing: SigningArgs,
    },
    /// Show the relay that a chain holds a proposal LOCKED that began in an interval of blocks which the relay lost: it
    /// is aborted.
    #[command(after_help = "\
Anybody may report, once the chain's lane goes on (`crosstie chain status CHAIN`).
Example:
  crosstie proposal report-locked ctprop1… --chain subchain-1")]
    ReportLocked {
        /// Its id.
        id: String,
        /// The chain that holds it: its name.
        #[arg(long)]
        chain: String,
        /// The relay height at which it began, if the chain has several records of it.
        #[arg(long, value_name = "HEIGHT")]
        started_at: Option<u64>,
        /// How the transaction is signed and sent.
        #[command(flatten)]
        signing: SigningArgs,
    },
    /// Show where a proposal stands, and who must act next.
    Status {
        /// Its id.
        id: String,
    },
    /// List proposals that the relay still holds.
    List {
        /// Only those in this state, for example preparing.
        #[arg(long)]
        state: Option<String>,
        /// Only those after this id.
        #[arg(long)]
        after: Option<String>,
        /// At most so many.
        #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1000))]
        limit: u32,
    },
    /// Follow a proposal until it is decided and every leg has closed; exit code 1 if it did not commit.
    Watch {
        /// Its id.
        id: String,
        /// Give up after so many seconds.
        #[arg(long, value_name = "SECONDS", default_value_t = 300)]
        timeout_s: u64,
    },
}

/// Who may address a ledger by a leg.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum AccessArg {
    /// Nobody.
    Nobody,
    /// Members of the consortium.
    Members,
    /// The addresses given by --proposer.
    Proposers,
}

/// `crosstie motion …`.
#[derive(Debug, Subcommand)]
pub(crate) enum MotionCommand {
    /// Open a motion; votes for it too unless --no-vote.
    #[command(after_help = "Example:\n  crosstie motion propose --reason maintenance pause subchain-1 --blocks 3000")]
    Propose {
        /// Why, for the other members.
        #[arg(long, default_value = "")]
        reason: String,
        /// Relay blocks during which votes count.
        #[arg(long, value_name = "BLOCKS", default_value_t = 50_000)]
        valid_for_blocks: u64,
        /// Do not vote.
        #[arg(long)]
        no_vote: bool,
        /// How the transaction is signed and sent.
        #[command(flatten)]
        signing: SigningArgs,
        /// What to decide.
        #[command(subcommand)]
        motion: MotionKind,
    },
    /// Vote on an open motion.
    Vote {
        /// Its id, of `crosstie motion list`.
        id: String,
        /// Vote against it.
        #[arg(long)]
        no: bool,
        /// How the transaction is signed and sent.
        #[command(flatten)]
        signing: SigningArgs,
    },
    /// List motions.
    List,
}

/// What to decide.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum MotionKind {
    /// The relay knows a chain of this network's directory.
    Register {
        /// Its name.
        chain: String,
    },
    /// A registered or paused chain takes part in proposals.
    Activate {
        /// Its name or id.
        chain: String,
    },
    /// A chain is taken out of new proposals for a time.
    Pause {
        /// Its name or id.
        chain: String,
        /// For so many relay blocks.
        #[arg(long, default_value_t = 3_000)]
        blocks: u64,
    },
    /// A chain is frozen.
    Freeze {
        /// Its name or id.
        chain: String,
    },
    /// A chain leaves when every leg has closed.
    Retire {
        /// Its name or id.
        chain: String,
    },
    /// A chain that never answers is given up.
    Abandon {
        /// Its name or id.
        chain: String,
    },
    /// The mark SUSPECT is taken off a chain.
    ClearSuspect {
        /// Its name or id.
        chain: String,
    },
    /// Who may address a ledger of a chain by a leg.
    SetService {
        /// The chain's name or id.
        chain: String,
        /// The ledger's number.
        ledger: u32,
        /// Who.
        #[arg(long, value_enum)]
        access: AccessArg,
        /// An address, with --access proposers.
        #[arg(long = "proposer", value_name = "ADDRESS")]
        proposers: Vec<String>,
        /// Whether every other voting leg's chain must be under shared control.
        #[arg(long)]
        demands_shared_control: bool,
    },
    /// How much of a chain proposals may hold at once; what is not given stays as it is.
    SetLimits {
        /// The chain's name or id.
        chain: String,
        /// What changes.
        #[command(flatten)]
        limits: Box<LimitArgs>,
    },
    /// A frozen chain goes on from a header of its own that the relay is to trust from now on.
    #[command(
        alias = "reanchor",
        after_help = "\
The chain's nodes and the relay's must answer; the branch that is dropped is not needed.
HEIGHT must stand above every block that the dropped branch may have had. After a fork it should be a block that hands
over to validators whose keys never signed the dropped branch.
Example:
  crosstie motion propose freeze subchain-1
  crosstie motion propose re-anchor subchain-1 240 --because \"restored from the backup of Sunday\""
    )]
    ReAnchor {
        /// The chain's name.
        chain: String,
        /// The height of the header.
        height: u64,
        /// What happened, for the relay's record.
        #[arg(long, default_value = "")]
        because: String,
    },
    /// The relay goes on from a kept block: an interval of its blocks is lost. Every lane is held until its chain's
    /// governance has named a block of the relay at or above this motion's (`crosstie chain follow-relay`).
    #[command(alias = "re-anchor-relay")]
    ReanchorRelay {
        /// First height whose block was lost.
        first_lost: u64,
        /// Last height of the lost branch that any subchain accepted.
        last_lost: u64,
        /// What happened, for the relay's record.
        #[arg(long)]
        because: String,
    },
    /// The consortium's members and their rule, from a TOML file.
    SetMembers {
        /// The policy file (docs/cli.md).
        file: PathBuf,
    },
    /// Whose approvals a proposal needs, from a TOML file.
    SetApprovals {
        /// The policy file (docs/cli.md).
        file: PathBuf,
    },
}
