//! Re-anchoring a subchain (R9): a new trusted header whose history contains the last anchor, and a message counter
//! that returns to a block boundary of the history that both branches share. The chain is told which of its legs are
//! open here, so that it disputes those that it no longer knows.

use super::{chain, set_status};
use crate::coordinator::{self, RelayFacts, Released};
use chain_interchain::{anchor, next_expected, reanchor as reanchor_client, trusted, trusted_history};
use chain_state::{BlockState, StoreFault};
use ledger_protocol::Code;
use ledger_protocol::interchain::Reanchor;
use ledger_protocol::proof::client::verify_reanchor;
use ledger_protocol::system::ChainStatus;

/// Gives a frozen chain a new trusted header and makes it active.
pub(super) fn reanchor(
    state: &mut BlockState<'_>,
    facts: &RelayFacts,
    it: &Reanchor,
    released: &mut Released,
) -> Result<Result<(), Code>, StoreFault> {
    let Some(record) = chain(state, &it.chain)? else { return Ok(Err(Code::CHAIN_UNKNOWN)) };
    if record.status != ChainStatus::Frozen {
        return Ok(Err(Code::UNEXPECTED));
    }
    let (Some(trusted), Some(anchor)) = (trusted(state, &it.chain)?, anchor(state, &it.chain)?) else {
        return Ok(Err(Code::CHAIN_UNKNOWN));
    };
    let history = trusted_history(state, &it.chain)?;
    let expected = next_expected(state, &it.chain)?;
    match verify_reanchor(&trusted, history, anchor, expected, &facts.relay, it) {
        Ok(verified) => {
            reanchor_client(state, &verified)?;
            coordinator::tell_open_legs(state, facts, &it.chain)?;
            super::judge_control(state, &it.chain, &verified.trusted.next_validators)?;
        }
        Err(_) => return Ok(Err(Code::PROOF)),
    }
    set_status(state, facts, &it.chain, ChainStatus::Active, released)?;
    Ok(Ok(()))
}
