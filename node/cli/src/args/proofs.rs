//! Arguments of proofs, bundles and checkpoints.

use clap::{Args, Subcommand};
use std::path::PathBuf;

/// Where a proof is written.
#[derive(Debug, Clone, Args)]
pub(crate) struct ProofOut {
    /// Write the proof here.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
    /// Write the checkpoint that it verifies against here.
    #[arg(long, value_name = "FILE")]
    pub(crate) checkpoint_out: Option<PathBuf>,
    /// Prove from the checkpoint at this height [default: the newest].
    #[arg(long, value_name = "HEIGHT")]
    pub(crate) checkpoint_height: Option<u64>,
}

/// `crosstie proof …`.
#[derive(Debug, Subcommand)]
pub(crate) enum ProofCommand {
    /// Fetch a proof from a node and check it.
    #[command(subcommand)]
    Get(ProofKind),
    /// Verify a proof file or bundle, offline: no network and no node is needed.
    #[command(after_help = "Example:\n  crosstie proof verify greeting.proof --checkpoint subchain-1.checkpoint")]
    Verify {
        /// The proof file or bundle.
        file: PathBuf,
        /// The checkpoint file that you trust.
        #[arg(long, value_name = "FILE")]
        checkpoint: PathBuf,
    },
}

/// What to prove.
#[derive(Debug, Subcommand)]
pub(crate) enum ProofKind {
    /// A transaction with its receipt.
    Transaction {
        /// The chain's name or id.
        chain: String,
        /// The transaction's id.
        id: String,
        /// Where to write.
        #[command(flatten)]
        out: ProofOut,
    },
    /// The value of a key at the end of a block.
    Value {
        /// The chain's name or id.
        chain: String,
        /// The ledger's number.
        ledger: u32,
        /// The account.
        account: String,
        /// The key: text, or hex:….
        key: String,
        /// The block [default: the newest].
        #[arg(long)]
        height: Option<u64>,
        /// Where to write.
        #[command(flatten)]
        out: ProofOut,
    },
    /// A header.
    Header {
        /// The chain's name or id.
        chain: String,
        /// Its height.
        height: u64,
        /// Where to write.
        #[command(flatten)]
        out: ProofOut,
    },
    /// An event that a transaction published.
    Event {
        /// The chain's name or id.
        chain: String,
        /// The transaction's id.
        id: String,
        /// Which of its events, from 0.
        #[arg(long, default_value_t = 0)]
        number: u32,
        /// Where to write.
        #[command(flatten)]
        out: ProofOut,
    },
    /// The change that made a version of a key.
    Change {
        /// The chain's name or id.
        chain: String,
        /// The ledger's number.
        ledger: u32,
        /// The account.
        account: String,
        /// The key: text, or hex:….
        key: String,
        /// The version [default: the newest].
        #[arg(long)]
        version: Option<u64>,
        /// Where to write.
        #[command(flatten)]
        out: ProofOut,
    },
    /// That a key did not change in a block.
    Unchanged {
        /// The chain's name or id.
        chain: String,
        /// The ledger's number.
        ledger: u32,
        /// The account.
        account: String,
        /// The key: text, or hex:….
        key: String,
        /// The block.
        #[arg(long)]
        height: u64,
        /// Where to write.
        #[command(flatten)]
        out: ProofOut,
    },
    /// A message from one chain to another.
    Message {
        /// The sending chain's name or id.
        source: String,
        /// The receiving chain's name or id.
        destination: String,
        /// Its number on the way there, from 0.
        sequence: u64,
        /// Where to write.
        #[command(flatten)]
        out: ProofOut,
    },
    /// That two blocks of a chain are of one history; the checkpoint is the newer one.
    Consistency {
        /// The chain's name or id.
        chain: String,
        /// The older block.
        older: u64,
        /// The newer block.
        newer: u64,
        /// Write the proof here.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// Write the checkpoint that it verifies against here.
        #[arg(long, value_name = "FILE")]
        checkpoint_out: Option<PathBuf>,
    },
    /// A subchain's record of its leg of a proposal.
    Leg {
        /// The subchain's name or id.
        chain: String,
        /// The proposal's id.
        id: String,
        /// The relay height at which it began, if the chain has several records of it.
        #[arg(long, value_name = "HEIGHT")]
        started_at: Option<u64>,
        /// Where to write.
        #[command(flatten)]
        out: ProofOut,
    },
    /// The relay's record of a proposal.
    Record {
        /// The proposal's id.
        id: String,
        /// Where to write.
        #[command(flatten)]
        out: ProofOut,
    },
}

/// `crosstie bundle …`.
#[derive(Debug, Subcommand)]
pub(crate) enum BundleCommand {
    /// Fetch a proposal's bundle from a node and check it.
    #[command(
        after_help = "Example:\n  crosstie bundle get ctprop1… --out flight.bundle --checkpoint-out relay.checkpoint"
    )]
    Get {
        /// The proposal's id.
        id: String,
        /// Where to write.
        #[command(flatten)]
        out: ProofOut,
    },
    /// Show what a bundle claims, without verifying it.
    Show {
        /// The bundle.
        file: PathBuf,
    },
    /// Verify a bundle, offline: no network and no node is needed.
    #[command(after_help = "Example:\n  crosstie bundle verify flight.bundle --checkpoint relay.checkpoint")]
    Verify {
        /// The bundle.
        file: PathBuf,
        /// The relay's checkpoint file that you trust.
        #[arg(long, value_name = "FILE")]
        checkpoint: PathBuf,
    },
}

/// `crosstie checkpoint …`.
#[derive(Debug, Subcommand)]
pub(crate) enum CheckpointCommand {
    /// Fetch a chain's checkpoint from a node.
    Get {
        /// The chain's name or id.
        chain: String,
        /// Its height [default: the newest].
        #[arg(long)]
        height: Option<u64>,
        /// Write it here.
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Show a checkpoint file and the fingerprint to compare by voice.
    Show {
        /// The checkpoint file.
        file: PathBuf,
    },
}
