//! Jobs: the heavy, pure parts of a replica's work, which a host runs on any thread.
//!
//! A job depends on nothing but itself, the state machine and the read view it is given. Its result is the same
//! wherever it runs.

use crate::assemble::{BlockInputs, Executed};
use crate::rows::{self, Tip};
use chain_state::{Admission, BlockFacts, ExecuteError, Refusal, StateMachine, StoreFault, StoreReader};
use ledger_protocol::chain::{CertificateKind, FinalityCertificate, Header, Input, ValidatorSet};
use ledger_protocol::suite::{BatchItem, Verifier};
use ledger_protocol::transaction::SignatureItem;
use ledger_protocol::{Height, Round};
use std::sync::Arc;

/// Something to compute.
#[derive(Debug)]
pub enum Job {
    /// Verify signatures, in batches.
    Verify {
        /// Groups of items; a group is good when all its items are.
        groups: Vec<Vec<SignatureItem>>,
    },
    /// Judge whether inputs may enter the pool.
    Admit {
        /// The next block's facts as far as they are known.
        facts: Box<BlockFacts>,
        /// The inputs.
        inputs: Vec<Arc<Input>>,
    },
    /// Execute a block on its parent's state and assemble its header.
    Execute {
        /// The parent.
        parent: Arc<Tip>,
        /// The block's facts.
        facts: Box<BlockFacts>,
        /// The round in which the block was, or is, first built.
        round: Round,
        /// Its inputs.
        inputs: Arc<BlockInputs>,
    },
    /// Verify a certificate that came by block sync.
    Certificate {
        /// The header.
        header: Box<Header>,
        /// What is said to certify it.
        certificate: Box<FinalityCertificate>,
        /// The chain's kind.
        kind: CertificateKind,
        /// The height's validators.
        validators: Box<ValidatorSet>,
    },
    /// Read committed blocks for a peer.
    ReadBlocks {
        /// The first height.
        first: Height,
        /// At most so many.
        count: u32,
        /// At most so many bytes, but at least one block.
        bytes: usize,
    },
}

/// What came out of a [`Job`].
#[derive(Debug)]
pub enum JobResult {
    /// Of [`Job::Verify`]: one verdict per group.
    Verified(Vec<bool>),
    /// Of [`Job::Admit`]: one answer per input.
    Admitted(Result<Vec<Result<Admission, Refusal>>, StoreFault>),
    /// Of [`Job::Execute`].
    Executed(Result<Box<Executed>, ExecuteError>),
    /// Of [`Job::Certificate`].
    Certificate(bool),
    /// Of [`Job::ReadBlocks`]: consecutive heights.
    Blocks(Result<Vec<StoredBlock>, StoreFault>),
}

/// A committed block and its certificate, encoded as they are stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredBlock {
    /// The block.
    pub block: Vec<u8>,
    /// A certificate of its header.
    pub certificate: Vec<u8>,
}

impl Job {
    /// Runs the job.
    pub fn run(self, machine: &dyn StateMachine, reader: &dyn StoreReader) -> JobResult {
        match self {
            Self::Verify { groups } => JobResult::Verified(verify_groups(&groups)),
            Self::Admit { facts, inputs } => JobResult::Admitted(
                inputs
                    .iter()
                    .map(|input| match machine.admit(reader, &facts, input) {
                        Ok(admission) => Ok(Ok(admission)),
                        Err(ExecuteError::Invalid { refusal, .. }) => Ok(Err(refusal)),
                        Err(ExecuteError::Fault(fault)) => Err(fault),
                    })
                    .collect(),
            ),
            Self::Execute { parent, facts, round, inputs } => JobResult::Executed(
                machine
                    .execute(reader, &facts, inputs.inputs())
                    .map(|execution| Box::new(Executed::new(&parent, &facts, round, &inputs, execution))),
            ),
            Self::Certificate { header, certificate, kind, validators } => {
                JobResult::Certificate(certificate.verify(&header, &validators, kind).is_ok())
            }
            Self::ReadBlocks { first, count, bytes } => JobResult::Blocks(read_blocks(reader, first, count, bytes)),
        }
    }

    /// How many units the job is about, for [`crate::port::Mark`].
    pub fn count(&self) -> u64 {
        match self {
            Self::Verify { groups } => groups.iter().map(|group| group.len() as u64).sum(),
            Self::Admit { inputs, .. } => inputs.len() as u64,
            Self::Execute { inputs, .. } => inputs.inputs().len() as u64,
            Self::Certificate { .. } => 1,
            Self::ReadBlocks { count, .. } => u64::from(*count),
        }
    }
}

fn verify_groups(groups: &[Vec<SignatureItem>]) -> Vec<bool> {
    let items: Vec<BatchItem<'_>> = groups.iter().flatten().map(SignatureItem::as_batch_item).collect();
    let mut verdicts = Verifier.verify_batch(&items).into_iter();
    groups
        .iter()
        .map(|group| {
            // Every item's verdict is consumed, also after a bad one.
            let good = verdicts.by_ref().take(group.len()).filter(Result::is_ok).count();
            good == group.len() && !group.is_empty()
        })
        .collect()
}

fn read_blocks(
    reader: &dyn StoreReader,
    first: Height,
    count: u32,
    bytes: usize,
) -> Result<Vec<StoredBlock>, StoreFault> {
    let mut blocks = Vec::new();
    let mut taken = 0usize;
    for offset in 0..u64::from(count) {
        let Some(height) = first.checked_add(offset) else { break };
        let (Some(block), Some(certificate)) =
            (reader.get(&rows::block(height))?, reader.get(&rows::certificate(height))?)
        else {
            break;
        };
        taken = taken.saturating_add(block.len()).saturating_add(certificate.len());
        if taken > bytes && !blocks.is_empty() {
            break;
        }
        blocks.push(StoredBlock { block, certificate });
    }
    Ok(blocks)
}
