//! What members of the consortium have submitted, and who submits it again: a Submit may be lost with the pool that took
//! it, so once the faults are over its client asks the relay again, another replica each time, until it is ordered or
//! refused.
//!
//! Only what no branch of the relay ever ordered is submitted again (ADR 0015). Bounded by the work of a trial.

use super::chronicle::SharedChronicle;
use crate::fixture::Network;
use crate::world::{ChainIndex, ProcessId, Reply, World};
use chain_engine::{ChainReader, SubmitResult};
use ledger_protocol::chain::Input;
use ledger_protocol::{Code, Hash, ProposalId};
use std::collections::BTreeMap;

/// How long a client waits before it asks another replica.
const AGAIN_MS: u64 = 3_000;
/// So many replicas in a row must refuse an input for good: one alone may be behind. All of them where there are fewer.
const REFUSALS: usize = 2;

/// What one client submitted.
#[derive(Debug)]
struct Client {
    transaction: Hash,
    input: Input,
    /// The answer it waits for, and who is to answer it.
    asked: Option<(Reply, ProcessId)>,
    tries: usize,
    next_ms: u64,
    refusals: usize,
}

/// Everything that was submitted in a trial.
#[derive(Debug, Default)]
pub(crate) struct Submitted {
    ids: Vec<ProposalId>,
    clients: BTreeMap<ProposalId, Client>,
    refused: BTreeMap<ProposalId, Code>,
    again: u64,
}

/// A chain's replica of a number, of those that are up, counted round.
pub(super) fn another(world: &World, chain: ChainIndex, number: usize) -> Option<ProcessId> {
    let up: Vec<ProcessId> = world.seats(chain).into_iter().filter(|process| world.is_up(*process)).collect();
    up.get(number.checked_rem(up.len())?).copied()
}

/// What stands in a final transaction's receipt.
pub(super) fn final_code(world: &World, chain: ChainIndex, transaction: &Hash) -> Option<Code> {
    let reader = ChainReader::new(world.best_store(chain)?, world.chain_id(chain).suite);
    let (_, receipt) = reader.receipt(transaction).ok().flatten()?;
    receipt.codes.first().copied()
}

/// The id of an input that is a transaction.
pub(super) fn transaction_id(input: &Input) -> Hash {
    match input {
        Input::Transaction(transaction) => transaction.id().0,
        _ => Hash::ZERO,
    }
}

impl Submitted {
    /// Submits a proposal to a replica that the seed chooses.
    pub(crate) fn submit(&mut self, world: &mut World, network: &Network, id: ProposalId, input: Input) {
        world.submit(network.relay, input.clone());
        self.ids.push(id);
        let transaction = transaction_id(&input);
        self.clients.insert(id, Client { transaction, input, asked: None, tries: 0, next_ms: 0, refusals: 0 });
    }

    /// Of every proposal, in the order in which they were submitted.
    pub(crate) fn ids(&self) -> &[ProposalId] {
        &self.ids
    }

    /// What the relay refused, with its code.
    pub(super) const fn refused(&self) -> &BTreeMap<ProposalId, Code> {
        &self.refused
    }

    /// How often a client submitted something again.
    pub(super) const fn again(&self) -> u64 {
        self.again
    }

    /// Asks again for everything that nobody has ordered; what is still without an order or a refusal.
    pub(super) fn insist(
        &mut self,
        world: &mut World,
        network: &Network,
        chronicle: &SharedChronicle,
    ) -> Vec<ProposalId> {
        let Self { ids, clients, refused, again } = self;
        clients.retain(|id, _| !refused.contains_key(id) && !chronicle.knows(id));
        for (id, client) in &mut *clients {
            let tries = client.tries;
            if let Some(code) = client.insist(world, network) {
                refused.insert(*id, code);
            }
            *again += u64::from(client.tries > tries);
        }
        ids.iter().filter(|id| clients.contains_key(id) && !refused.contains_key(id)).copied().collect()
    }
}

impl Client {
    /// Asks once more if it is time; the code if the relay has refused.
    fn insist(&mut self, world: &mut World, network: &Network) -> Option<Code> {
        let relay = network.relay;
        // It is in a block, and came to nothing there.
        if let Some(code) = final_code(world, relay, &self.transaction).filter(|code| *code != Code::OK) {
            return Some(code);
        }
        if let Some((reply, process)) = self.asked
            && let Some(result) = world.reply(reply)
        {
            let is_honest = !world.blamed().is_bad_seat(process, relay);
            match result {
                // What is known there, or final, is a refusal of nothing.
                SubmitResult::Refused { code, retry_after_ms: None, .. }
                    if ![Code::KNOWN, Code::REPLAYED].contains(code) && is_honest =>
                {
                    self.refusals += 1;
                    if self.refusals >= REFUSALS.min(network.relay_processes.len()) {
                        return Some(*code);
                    }
                }
                _ => self.refusals = 0,
            }
            self.asked = None;
        }
        if world.now_ms() >= self.next_ms {
            self.next_ms = world.now_ms() + AGAIN_MS;
            self.tries += 1;
            if let Some(process) = another(world, relay, self.tries) {
                self.asked = Some((world.submit_to(process, relay, self.input.clone()), process));
            }
        }
        None
    }
}
