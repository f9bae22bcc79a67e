//! Builds, signs and sends transactions of one chain.
//!
//! Replay protection is the window: valid until half of the replay window ahead of the tip, with a random nonce. A
//! transaction that a node lost (it is accepted, not final) is offered again under the same id, so it is executed once
//! at the most.

use crate::client::{Client, path, query};
use crate::exit::{Failure, Kind, Outcome};
use crate::text;
use ledger_protocol::codec::{Bounded, SortedVec, encode};
use ledger_protocol::suite::SecretKey;
use ledger_protocol::transaction::{
    LedgerOperation, Operation, Replay, Signer, SignerRole, SignerSignature, Transaction, TransactionBody,
};
use ledger_protocol::{ChainId, Code, Height, LedgerId};
use node_api::{
    ChainEntry, CheckpointView, ReceiptView, SubmitReply, SubmitRequest, TransactionState, TransactionView, routes,
};
use serde::Serialize;
use std::time::{Duration, Instant};

/// How long one request waits for a transaction to become final.
const WAIT_SLICE_MS: u64 = 5_000;
/// A transaction that is not final after this time is offered again.
const OFFER_AGAIN_AFTER: Duration = Duration::from_secs(10);

/// Writes to one chain.
#[derive(Debug)]
pub(crate) struct ChainWriter<'a> {
    client: &'a Client,
    /// The chain.
    pub(crate) chain: &'a ChainEntry,
    /// Its id.
    pub(crate) id: ChainId,
    replay_window_blocks: u64,
}

/// A transaction that a node has taken.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Sent {
    /// The chain's name.
    pub(crate) chain: String,
    /// Its id.
    pub(crate) id: String,
    /// `accepted`: in a pool, may be lost. `final`: in a certified block.
    pub(crate) state: &'static str,
    /// Its receipt once final.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) receipt: Option<ReceiptView>,
}

/// An operation on a ledger.
pub(crate) const fn on(ledger: u32, operation: Operation) -> LedgerOperation {
    LedgerOperation { ledger: LedgerId(ledger), operation }
}

impl<'a> ChainWriter<'a> {
    /// Knows the chain from the network's directory.
    pub(crate) fn open(client: &'a Client, chain: &str) -> Outcome<Self> {
        let chain = client.chain(chain)?;
        let genesis = node_runtime::config::read_genesis(&client.directory, chain)?;
        let replay_window_blocks = u64::from(genesis.parameters.replay_window_blocks);
        Ok(Self { client, chain, id: genesis.chain_id(), replay_window_blocks })
    }

    /// Height of the chain's newest block.
    pub(crate) fn tip(&self) -> Outcome<u64> {
        let view: CheckpointView = self.client.get(&self.chain.name, &path(routes::CHECKPOINT, &[&self.chain.name]))?;
        Ok(view.height)
    }

    /// Signs operations by these keys.
    pub(crate) fn sign(&self, keys: &[SecretKey], operations: Vec<LedgerOperation>) -> Outcome<Transaction> {
        let valid_until = Height(self.tip()?.saturating_add((self.replay_window_blocks / 2).max(1)));
        let nonce = text::random_u64()?;
        signed(self.id, Replay::Window { valid_until, nonce }, keys, operations)
    }

    /// Sends a transaction and, with a deadline, waits until it is final.
    pub(crate) fn send(&self, transaction: &Transaction, wait: Option<Duration>) -> Outcome<Sent> {
        send(self.client, &self.chain.name, transaction, wait)
    }

    /// Signs, sends, waits, and turns a receipt that is no success into a failure.
    pub(crate) fn execute(
        &self,
        keys: &[SecretKey],
        operations: Vec<LedgerOperation>,
        wait: Duration,
    ) -> Outcome<Sent> {
        let sent = self.send(&self.sign(keys, operations)?, Some(wait))?;
        check_receipt(&sent)?;
        Ok(sent)
    }
}

/// Signs operations for a chain.
pub(crate) fn signed(
    chain: ChainId,
    replay: Replay,
    keys: &[SecretKey],
    operations: Vec<LedgerOperation>,
) -> Outcome<Transaction> {
    if keys.is_empty() {
        return Err(Failure::usage("a transaction needs a signer").next("name a key with --as"));
    }
    if let Some(key) = keys.iter().find(|key| key.suite() != chain.suite) {
        return Err(Failure::usage(format_args!(
            "the chain is of the suite {}, and a key given is of {}",
            chain.suite,
            key.suite()
        ))
        .next("name a key of the chain's suite with --as (see `crosstie key list`)"));
    }
    let mut keys: Vec<&SecretKey> = keys.iter().collect();
    keys.sort_by_key(|key| key.address());
    keys.dedup_by_key(|key| key.address());
    let signers = keys.iter().map(|key| Signer { address: key.address(), role: SignerRole::Author }).collect();
    let too_many =
        |error: &dyn std::fmt::Display| Failure::usage(format_args!("the transaction is too large: {error}"));
    let mut body = TransactionBody {
        chain,
        replay,
        signers: SortedVec::new(signers).map_err(|error| too_many(&error))?,
        fuel_limit: 0,
        operations: Bounded::new(operations).map_err(|error| too_many(&error))?,
    };
    // Without contracts the cost follows from the bytes, so the limit is exact.
    body.fuel_limit = chain_ledger::fuel::of_transaction(&body);
    let message = Transaction::sign_bytes(&body.id());
    let signatures = keys
        .iter()
        .map(|key| SignerSignature { public_key: key.public_key(), signature: key.sign(&message) })
        .collect();
    let signatures = SortedVec::new(signatures).map_err(|error| too_many(&error))?;
    Ok(Transaction { body, signatures })
}

/// Sends a transaction to a chain and, with a deadline, waits until it is final.
pub(crate) fn send(client: &Client, chain: &str, transaction: &Transaction, wait: Option<Duration>) -> Outcome<Sent> {
    let id = transaction.id().to_string();
    let request = SubmitRequest { hex: hex::encode(encode(transaction)) };
    let deadline = Instant::now() + wait.unwrap_or(Duration::from_secs(10));
    loop {
        let offered: Outcome<SubmitReply> = client.post(chain, &path(routes::TRANSACTIONS, &[chain]), &request);
        match offered {
            Ok(_) => {}
            // Somebody has it already: that is what was asked for.
            Err(failure) if is_known(&failure) => {}
            Err(failure) if is_passing(&failure) && Instant::now() < deadline => {
                std::thread::sleep(Duration::from_millis(200));
                continue;
            }
            Err(failure) => return Err(failure),
        }
        if wait.is_none() {
            return Ok(Sent { chain: chain.to_owned(), id, state: "accepted", receipt: None });
        }
        let offer_again = (Instant::now() + OFFER_AGAIN_AFTER).min(deadline);
        if let Some(receipt) = receipt_by(client, chain, &id, offer_again)? {
            return Ok(Sent { chain: chain.to_owned(), id, state: "final", receipt: Some(receipt) });
        }
        if Instant::now() >= deadline {
            return Err(Failure::timed_out(format_args!("transaction {id} is accepted, but not final yet"))
                .at(format_args!("chain {chain}"))
                .next(format_args!("it may still become final; ask with: crosstie tx show {chain} {id} --wait-s 60")));
        }
    }
}

/// Asks for a transaction's receipt until a time.
pub(crate) fn receipt_by(client: &Client, chain: &str, id: &str, until: Instant) -> Outcome<Option<ReceiptView>> {
    loop {
        let left_ms = u64::try_from(until.saturating_duration_since(Instant::now()).as_millis()).unwrap_or(u64::MAX);
        let wait_ms = left_ms.min(WAIT_SLICE_MS);
        let url = query(path(routes::TRANSACTION, &[chain, id]), &[("wait_ms", Some(wait_ms.to_string()))]);
        let answer: Outcome<TransactionView> = client.get_waiting(chain, &url, wait_ms);
        match answer {
            Ok(view) if view.state == TransactionState::Final => return Ok(view.receipt),
            Ok(_) => {}
            Err(failure) if is_passing(&failure) => std::thread::sleep(Duration::from_millis(200)),
            Err(failure) => return Err(failure),
        }
        if Instant::now() >= until {
            return Ok(None);
        }
    }
}

/// A receipt that is no success, as a failure.
pub(crate) fn check_receipt(sent: &Sent) -> Outcome {
    match &sent.receipt {
        Some(receipt) if receipt.code != Code::OK.0 => {
            Err(Failure::refused(format_args!("{}: {}", receipt.label, receipt.meaning))
                .at(format_args!("transaction {} in block {} of {}", sent.id, receipt.height, sent.chain))
                .next(advice(Code(receipt.code)))
                .with_code(receipt.code))
        }
        _ => Ok(()),
    }
}

fn is_known(failure: &Failure) -> bool {
    failure.code.is_some_and(|code| code == Code::KNOWN.0 || code == Code::REPLAYED.0)
}

/// Whether trying again soon makes sense.
fn is_passing(failure: &Failure) -> bool {
    matches!(failure.kind, Kind::Unreachable | Kind::TimedOut)
}

/// What helps against a refusal.
fn advice(code: Code) -> &'static str {
    match code {
        Code::DENIED | Code::POLICY_UNMET | Code::IDENTITY_UNKNOWN | Code::NOT_A_MEMBER => {
            "sign with the keys that hold the right: --as KEY (see `crosstie key list`)"
        }
        Code::ACCOUNT_UNKNOWN => "declare it first: crosstie tx declare-account CHAIN LEDGER ACCOUNT",
        Code::LEDGER_UNKNOWN => "see the chain's ledgers: crosstie chain status CHAIN",
        Code::EXPECTATION_UNMET => "look at the key with `crosstie get`, and give its version with --expect",
        Code::KEY_ABSENT | Code::KEY_KIND => "look at the key with `crosstie get` or `crosstie list`",
        Code::LOCKED => "an undecided proposal holds the key; try again when it has ended (`crosstie proposal list`)",
        Code::APPROVAL_UNMET => "name more members in the proposal's description, and have them sign",
        Code::DUPLICATE => "nothing is left to do: it is on record",
        Code::VALIDATORS_UNKNOWN => {
            "keep the file and show it to those who govern the chain; the chain cannot judge it"
        }
        Code::LIMIT => {
            "wait until others of this proposer have ended (crosstie proposal list), or ask for less at once; \
             crosstie chain status CHAIN shows the limits"
        }
        Code::BACK_OFF => "wait until the height that `crosstie chain status CHAIN` shows; a COMMIT ends it at once",
        Code::BUSY | Code::POOL_FULL => "try again later",
        _ => "correct what the message names and send a new one",
    }
}
