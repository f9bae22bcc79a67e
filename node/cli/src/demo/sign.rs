//! Signing transactions and proposals with keys held in memory.

use crate::exit::{Failure, Outcome};
use ledger_protocol::codec::{Bounded, Ordered as _, SortedVec};
use ledger_protocol::suite::SecretKey;
use ledger_protocol::transaction::{
    LedgerOperation, Replay, Signer, SignerRole, SignerSignature, Transaction, TransactionBody,
};
use ledger_protocol::{ChainId, Height, TransactionId};

/// A signed transaction with its id.
pub(crate) struct Signed {
    pub(crate) id: TransactionId,
    pub(crate) transaction: Transaction,
}

/// Blocks for which a transaction stays valid; half of the default replay window.
const VALID_BLOCKS: u64 = 1_000;
/// Fuel limit of every transaction of the demo.
const FUEL_LIMIT: u64 = 50_000_000;

/// A transaction by one author, valid for a window of blocks.
pub(crate) fn window_transaction(
    chain: ChainId,
    author: &SecretKey,
    tip: Height,
    nonce: u64,
    operations: Vec<LedgerOperation>,
) -> Outcome<Signed> {
    let public_key = author.public_key();
    let signer = Signer { address: public_key.address(), role: SignerRole::Author };
    let body = TransactionBody {
        chain,
        replay: Replay::Window { valid_until: tip.saturating_add(VALID_BLOCKS), nonce },
        signers: SortedVec::new(vec![signer]).map_err(Failure::internal)?,
        fuel_limit: FUEL_LIMIT,
        operations: Bounded::new(operations).map_err(Failure::internal)?,
    };
    let id = body.id();
    let signature = author.sign(&Transaction::sign_bytes(&id));
    let signatures = SortedVec::new(vec![SignerSignature { public_key, signature }]).map_err(Failure::internal)?;
    Ok(Signed { id, transaction: Transaction { body, signatures } })
}

/// One signature per key over a message, in the order of the addresses.
pub(super) fn signatures<const N: usize>(
    keys: &[&SecretKey],
    message: &[u8],
) -> Outcome<SortedVec<SignerSignature, N>> {
    let mut signed: Vec<SignerSignature> =
        keys.iter().map(|key| SignerSignature { public_key: key.public_key(), signature: key.sign(message) }).collect();
    signed.sort_by_key(SignerSignature::key);
    SortedVec::new(signed).map_err(Failure::internal)
}
