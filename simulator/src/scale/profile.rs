//! The profile file: what steps cost on a machine, in CPU microseconds of one validator, as `crosstie bench` measured.
//!
//! Nothing here is a default: a number that is missing, negative or not finite is an error that names it.

use ledger_protocol::Suite;
use serde::{Deserialize, Serialize};

/// What the file's `format` must say.
pub const FORMAT: &str = "crosstie-profile/2";
/// The greatest cost of a step that is believed: ten seconds.
const MAX_US: f64 = 1e7;

/// Why a profile cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProfileError {
    /// It is no JSON, or a field is unknown, missing or of the wrong type; the text names line and column.
    #[error("{0}")]
    Form(String),
    /// It is of another format.
    #[error("format: {0:?} where {FORMAT:?} is read")]
    Format(String),
    /// A number is out of its bounds.
    #[error("{0}: a number of microseconds from 0 to {MAX_US} is needed")]
    Value(&'static str),
    /// No chain has so many validators.
    #[error("machine.validators: a number from 1 to 16 is needed")]
    Validators,
    /// No chain has such a suite.
    #[error("machine.suite: {0:?} where \"standard\" or \"guomi\" is needed")]
    Suite(String),
    /// All steps of a kind are free.
    #[error("{0}: every step of it costs nothing, so no chain would ever be full")]
    Free(&'static str),
}

/// What was measured, and where.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// [`FORMAT`].
    pub format: String,
    /// Where.
    pub machine: Machine,
    /// Of a transaction, and node: all phases, measured on a real chain with sockets and disks.
    pub transaction: TransactionCosts,
    /// Of a block, and node.
    pub block: BlockCosts,
    /// One certificate of the chain's own quorum, verified.
    pub certificate_verify: f64,
    /// What cross-chain work costs a validator of the relay.
    pub relay: CrossCosts,
    /// What it costs a validator of a subchain.
    pub subchain: CrossCosts,
}

/// The machine that was measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Machine {
    /// Its cores.
    pub cores: usize,
    /// Validators of every chain.
    pub validators: u16,
    /// The chains' suite.
    pub suite: String,
    /// When, in UTC.
    pub measured_at: String,
    /// The machine's load of the last minute when measuring began, and when it ended: what else it had to do, and what
    /// measuring itself made of it. `None` where the system does not tell.
    pub load_average: Option<[f64; 2]>,
}

impl Machine {
    /// The chains' suite.
    ///
    /// # Errors
    /// [`ProfileError::Suite`] for one that is not known.
    pub fn chain_suite(&self) -> Result<Suite, ProfileError> {
        match self.suite.as_str() {
            "standard" => Ok(Suite::Standard),
            "guomi" => Ok(Suite::Guomi),
            _ => Err(ProfileError::Suite(self.suite.clone())),
        }
    }
}

impl Machine {
    /// Whether something else kept the machine busy before measuring began.
    pub fn was_loaded(&self) -> bool {
        self.load_average.is_none_or(|[before, _]| before > self.cores as f64 / 4.0)
    }
}

/// Phases of a transaction.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TransactionCosts {
    /// Its signature, and its admission to the pool.
    pub verify: f64,
    /// The rules.
    pub execute: f64,
    /// Changes and trees.
    pub state: f64,
    /// The store.
    pub store: f64,
    /// The log.
    pub log: f64,
    /// The event loop.
    pub consensus: f64,
    /// Blocks for peers.
    pub serve: f64,
    /// Sockets, encryption, runtime.
    pub network: f64,
}

impl TransactionCosts {
    /// What is carried, logged and stored, whatever the rules make of it.
    pub fn carried(&self) -> f64 {
        self.store + self.log + self.serve + self.network
    }

    /// What everybody waits for.
    pub fn executed(&self) -> f64 {
        self.execute + self.state
    }

    /// All phases.
    pub fn total(&self) -> f64 {
        self.verify + self.executed() + self.consensus + self.carried()
    }
}

/// What a block costs before anything is in it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BlockCosts {
    /// Executing an empty block of the relay.
    pub relay_execute: f64,
    /// Executing an empty block of a subchain.
    pub subchain_execute: f64,
    /// The event loop, votes apart.
    pub consensus: f64,
    /// A consensus message.
    pub vote: f64,
    /// Consensus messages that a validator gets for a block.
    pub votes: f64,
}

/// Cross-chain work.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CrossCosts {
    /// Signatures and admission of a proposal; 0 where none is submitted.
    pub proposal_admit: f64,
    /// Executing its submission; 0 where none is submitted.
    pub proposal_execute: f64,
    /// Admission of an Advance: certificate and paths.
    pub advance_admit: f64,
    /// Executing an Advance without its list.
    pub advance_execute: f64,
    /// Executing one message of a list: Prepare, Vote, Decision, Outcome.
    pub message_execute: f64,
}

impl Profile {
    /// Reads a profile.
    ///
    /// # Errors
    /// [`ProfileError`].
    pub fn parse(text: &str) -> Result<Self, ProfileError> {
        let profile: Self = serde_json::from_str(text).map_err(|error| ProfileError::Form(error.to_string()))?;
        profile.check()?;
        Ok(profile)
    }

    /// The file's text.
    pub fn to_text(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default()
    }

    /// Rounds every number to a hundredth of a microsecond: less was not measured.
    pub fn round(&mut self) {
        let Self { transaction: tx, block, relay, subchain, certificate_verify, .. } = self;
        let of_block = [
            &mut block.relay_execute,
            &mut block.subchain_execute,
            &mut block.consensus,
            &mut block.vote,
            &mut block.votes,
        ];
        let of_tx = [&mut tx.verify, &mut tx.execute, &mut tx.state, &mut tx.store, &mut tx.log, &mut tx.consensus];
        for value in of_block.into_iter().chain(of_tx).chain([&mut tx.serve, &mut tx.network, certificate_verify]) {
            *value = (*value * 100.0).round() / 100.0;
        }
        for costs in [relay, subchain] {
            let admits = [&mut costs.proposal_admit, &mut costs.advance_admit];
            let executes = [&mut costs.proposal_execute, &mut costs.advance_execute, &mut costs.message_execute];
            for value in admits.into_iter().chain(executes) {
                *value = (*value * 100.0).round() / 100.0;
            }
        }
    }

    fn check(&self) -> Result<(), ProfileError> {
        if self.format != FORMAT {
            return Err(ProfileError::Format(self.format.clone()));
        }
        if !(1..=16).contains(&self.machine.validators) {
            return Err(ProfileError::Validators);
        }
        self.machine.chain_suite()?;
        for (name, value) in self.numbers() {
            if !(0.0..=MAX_US).contains(&value) {
                return Err(ProfileError::Value(name));
            }
        }
        let relay = &self.relay;
        let proposal = relay.proposal_admit + relay.proposal_execute + relay.message_execute;
        for (name, value) in [("transaction", self.transaction.executed()), ("relay", proposal)] {
            if value <= 0.0 {
                return Err(ProfileError::Free(name));
            }
        }
        Ok(())
    }

    /// Every number with its name.
    pub fn numbers(&self) -> [(&'static str, f64); 24] {
        let Self { transaction: tx, block, relay, subchain, .. } = self;
        [
            ("transaction.verify", tx.verify),
            ("transaction.execute", tx.execute),
            ("transaction.state", tx.state),
            ("transaction.store", tx.store),
            ("transaction.log", tx.log),
            ("transaction.consensus", tx.consensus),
            ("transaction.serve", tx.serve),
            ("transaction.network", tx.network),
            ("block.relay_execute", block.relay_execute),
            ("block.subchain_execute", block.subchain_execute),
            ("block.consensus", block.consensus),
            ("block.vote", block.vote),
            ("block.votes", block.votes),
            ("certificate_verify", self.certificate_verify),
            ("relay.proposal_admit", relay.proposal_admit),
            ("relay.proposal_execute", relay.proposal_execute),
            ("relay.advance_admit", relay.advance_admit),
            ("relay.advance_execute", relay.advance_execute),
            ("relay.message_execute", relay.message_execute),
            ("subchain.proposal_admit", subchain.proposal_admit),
            ("subchain.proposal_execute", subchain.proposal_execute),
            ("subchain.advance_admit", subchain.advance_admit),
            ("subchain.advance_execute", subchain.advance_execute),
            ("subchain.message_execute", subchain.message_execute),
        ]
    }
}
