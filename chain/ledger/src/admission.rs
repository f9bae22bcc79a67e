//! Where a transaction goes in the pool: section, lane and order.

use crate::sequence_of;
use chain_state::{Admission, BlockState, ExecuteError, Refusal};
use ledger_protocol::Code;
use ledger_protocol::chain::Section;
use ledger_protocol::codec::encode;
use ledger_protocol::transaction::{Operation, Replay, Transaction};

fn refused(code: Code, reason: String) -> ExecuteError {
    ExecuteError::Invalid { index: 0, refusal: Refusal { code, reason } }
}

/// Judges a transaction for the pool. Transactions with a sequence go one after the other in their first signer's
/// lane; all others have a lane of their own. Motions come before everything else that people sign.
///
/// # Errors
/// [`ExecuteError::Invalid`] for a sequence that is used already, [`ExecuteError::Fault`] on I/O.
pub fn admit_transaction(state: &BlockState<'_>, transaction: &Transaction) -> Result<Admission, ExecuteError> {
    let id = transaction.id();
    let (lane, order) = match transaction.body.replay {
        Replay::Window { .. } => (id.0.as_bytes().to_vec(), 0),
        Replay::Sequence { expected } => {
            let Some(first) = transaction.body.signers.first() else {
                return Err(refused(Code::BAD_ARGUMENT, "a transaction needs a signer".into()));
            };
            let next = sequence_of(state, &first.address)?;
            if expected < next {
                let reason = format!("sequence {expected} is used already; the next one is {next}");
                return Err(refused(Code::SEQUENCE, reason));
            }
            (encode(&first.address), expected.0)
        }
    };
    let is_motion = transaction
        .body
        .operations
        .iter()
        .all(|entry| matches!(entry.operation, Operation::ProposeMotion(_) | Operation::VoteMotion(_)));
    Ok(Admission {
        section: if is_motion { Section::Governance } else { Section::Transactions },
        dedupe_key: id.0.as_bytes().to_vec(),
        rank: (0, 0),
        lane,
        order,
        is_work: true,
    })
}
