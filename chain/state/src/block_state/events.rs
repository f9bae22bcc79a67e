//! Events: gapless sequences per (ledger, topic).

use super::BlockState;
use crate::store::StoreFault;
use ledger_protocol::codec::{BoundedBytes, Text};
use ledger_protocol::transaction::EventRecord;
use ledger_protocol::{AccountName, LedgerId, Sequence};

/// Working area of the next sequences, by ledger and topic.
const AREA: &str = "event-sequences";

impl BlockState<'_> {
    /// Publishes an event with the next sequence of its topic.
    ///
    /// # Errors
    /// [`StoreFault`] on I/O or a corrupt row.
    pub fn publish(
        &mut self,
        ledger: LedgerId,
        account: &AccountName,
        topic: &Text<64>,
        payload: BoundedBytes<4096>,
    ) -> Result<Sequence, StoreFault> {
        let mut key = ledger.0.to_be_bytes().to_vec();
        key.extend_from_slice(topic.as_str().as_bytes());
        let sequence: Sequence = self.working_as(AREA, &key)?.unwrap_or(Sequence::ZERO);
        let next = sequence.next().ok_or_else(|| StoreFault("a topic has used up its sequences".into()))?;
        self.put_working_as(AREA, &key, &next)?;
        let event = EventRecord { ledger, account: account.clone(), topic: topic.clone(), sequence, payload };
        self.top().events.push(event);
        Ok(sequence)
    }
}
