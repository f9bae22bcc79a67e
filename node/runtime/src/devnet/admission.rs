//! The motions that bring a subchain into a network.

use super::{fail, registration};
use crate::config::ConfigError;
use chain_ledger::motions::motion_id;
use ledger_protocol::codec::Text;
use ledger_protocol::interchain::Motion;
use ledger_protocol::transaction::{LedgerOperation, MotionProposal, MotionVote, Operation};
use ledger_protocol::{ChainId, Height, LedgerId};
use node_api::{ChainEntry, NetworkFile};
use std::path::Path;

/// The relay operations by which one member registers and activates a chain: propose and approve, twice.
///
/// # Errors
/// [`ConfigError`].
pub fn admission_operations(
    directory: &Path,
    network: &NetworkFile,
    chain: &ChainEntry,
    relay: &ChainId,
    valid_until: Height,
) -> Result<Vec<LedgerOperation>, ConfigError> {
    let registration = registration(directory, network, chain, relay)?;
    let id = registration.header.chain;
    let motions = [
        (Motion::Register(Box::new(registration)), format!("register {}", chain.name)),
        (Motion::Activate(id), format!("activate {}", chain.name)),
    ];
    let mut operations = Vec::new();
    for (motion, reason) in motions {
        let reason = Text::new(reason).map_err(|error| fail(directory, error))?;
        let proposal = MotionProposal { motion, reason, valid_until, nonce: 0 };
        let vote = MotionVote { motion: motion_id(relay.suite, &proposal), approve: true };
        for operation in [Operation::ProposeMotion(proposal), Operation::VoteMotion(vote)] {
            operations.push(LedgerOperation { ledger: LedgerId::SYSTEM, operation });
        }
    }
    Ok(operations)
}
