//! A departure as an atomic proposal over two books.

use super::network::{BALANCE, DemoNetwork, FLIGHTS, INCOME, LANDING, Party, SLOTS, TOTAL};
use super::rows::Departure;
use super::sign::signatures;
use crate::exit::{Failure, Outcome};
use ledger_protocol::codec::{Bounded, BoundedBytes, SortedVec, Text, encode};
use ledger_protocol::proposal::{
    AccessKind, Call, Leg, LegMode, LockKey, ProposalBody, ScopeEntry, Submit, approval_sign_bytes,
    authorisation_sign_bytes,
};
use ledger_protocol::transaction::{
    AddToCounter, Expectation, LedgerOperation, Operation, Operations, SetKey, StateKey,
};
use ledger_protocol::{AccountName, Hash, Height, ProposalId};
use node_runtime::devnet::BUSINESS_LEDGER;

/// Relay blocks in which every leg must vote.
const T_PREP_BLOCKS: u32 = 250;
/// Relay blocks for which a proposal may wait in the queue.
const VALID_BLOCKS: u64 = 3_000;

fn account(name: &str) -> Outcome<AccountName> {
    Text::new(name).map_err(Failure::internal)
}

fn state_key(key: &str) -> Outcome<StateKey> {
    StateKey::new(key.as_bytes().to_vec()).map_err(Failure::internal)
}

/// Operations and scope of one leg, gathered together so that neither forgets the other.
#[derive(Default)]
struct Draft {
    operations: Vec<LedgerOperation>,
    scope: Vec<ScopeEntry>,
}

impl Draft {
    fn push(&mut self, name: &str, key: &str, access: AccessKind, operation: Operation) -> Outcome {
        let key = LockKey { ledger: BUSINESS_LEDGER, account: account(name)?, key: state_key(key)? };
        self.scope.push(ScopeEntry { key, access });
        self.operations.push(LedgerOperation { ledger: BUSINESS_LEDGER, operation });
        Ok(())
    }

    fn set(&mut self, name: &str, key: &str, value: String) -> Outcome {
        let operation = Operation::SetKey(SetKey {
            account: account(name)?,
            key: state_key(key)?,
            value: BoundedBytes::new(value.into_bytes()).map_err(Failure::internal)?,
            expected: Expectation::Any,
        });
        self.push(name, key, AccessKind::Exclusive, operation)
    }

    fn add(&mut self, name: &str, key: &str, amount: i64) -> Outcome {
        let operation = Operation::AddToCounter(AddToCounter { account: account(name)?, key: state_key(key)?, amount });
        self.push(name, key, AccessKind::Delta(amount), operation)
    }

    fn leg(self, party: &Party) -> Outcome<Leg> {
        let operations: Operations = Bounded::new(self.operations).map_err(Failure::internal)?;
        Ok(Leg {
            chain: party.chain,
            mode: LegMode::Write,
            call: Call::Plain(BoundedBytes::new(encode(&operations)).map_err(Failure::internal)?),
            scope: SortedVec::from_unsorted(self.scope).map_err(Failure::internal)?,
            asserted: SortedVec::default(),
            authorisers: SortedVec::new(vec![party.operator.address()]).map_err(Failure::internal)?,
        })
    }
}

/// The carrier records the flight and pays the fee; the airport records the slot, counts it against the hour and adds
/// the fee to its income. Either both change or neither does.
pub(super) fn of(
    network: &DemoNetwork,
    row: &Departure,
    fee: i64,
    nonce: u64,
    tip_on_relay: Height,
) -> Outcome<(ProposalId, Submit)> {
    let missing = |code: &str| Failure::internal(format!("no chain was made for {code}"));
    let carrier = network.carriers.get(&row.carrier).ok_or_else(|| missing(&row.carrier))?;
    let airport = network.airports.get(&row.origin).ok_or_else(|| missing(&row.origin))?;

    let mut pays = Draft::default();
    let record = format!("{} to {} at {:02}:{:02} by {}", row.origin, row.destination, row.hour, row.minute, row.tail);
    pays.set(FLIGHTS, &row.flight_key(), record)?;
    pays.add(LANDING, BALANCE, -fee)?;

    let mut takes = Draft::default();
    takes.set(SLOTS, &row.slot_key(), format!("{} {} to {}", row.carrier, row.flight, row.destination))?;
    takes.add(SLOTS, &row.hour_key(), 1)?;
    takes.add(INCOME, TOTAL, fee)?;

    let body = ProposalBody {
        relay: network.relay,
        proposer: network.member.address(),
        nonce,
        valid_until: tip_on_relay.saturating_add(VALID_BLOCKS),
        t_prep: T_PREP_BLOCKS,
        members: SortedVec::new(vec![network.member.address()]).map_err(Failure::internal)?,
        legs: SortedVec::from_unsorted(vec![pays.leg(carrier)?, takes.leg(airport)?]).map_err(Failure::internal)?,
        memo_hash: Hash::ZERO,
    };
    let id = body.id();
    let mut authorisations = Vec::new();
    for (index, leg) in body.legs.iter().enumerate() {
        let operator = if leg.chain == carrier.chain { &carrier.operator } else { &airport.operator };
        let index = u8::try_from(index).map_err(Failure::internal)?;
        authorisations.push(signatures(&[operator], &authorisation_sign_bytes(&network.relay, &id, index))?);
    }
    let submit = Submit {
        approvals: signatures(&[&network.member], &approval_sign_bytes(&id))?,
        authorisations: Bounded::new(authorisations).map_err(Failure::internal)?,
        body,
    };
    Ok((id, submit))
}
