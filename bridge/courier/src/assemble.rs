//! What is pending between two chains, with its proofs.
//!
//! Whole blocks only, oldest first, no gap; most messages within the limits, then the highest head (R9).

use crate::view::{DestinationView, EmptyRule, SourceView, ViewFault};
use ledger_protocol::chain::Header;
use ledger_protocol::codec::{Bounded, encode};
use ledger_protocol::interchain::{
    Advance, DeliveredBlock, Handoff, Head, LeafPath, MAX_LIST_BYTES, MAX_LIST_MESSAGES, MessageList,
};
use ledger_protocol::{ChainId, Height, Sequence};

/// Most hand-offs offered at a time.
pub const MAX_HANDOFFS: usize = 16;

/// An Advance of several blocks stays below this, so that it fits into the interchain quarter of the smallest block
/// allowed (2 MiB). One block's list always goes.
const MAX_ADVANCE_BYTES: usize = 448 << 10;

/// Something to bring to the destination, in this order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CourierWork {
    /// A validator-set change.
    Handoff(Box<Handoff>),
    /// Headers and messages.
    Advance(Box<Advance>),
}

impl CourierWork {
    /// Messages carried.
    pub fn message_count(&self) -> usize {
        match self {
            Self::Handoff(_) => 0,
            Self::Advance(advance) => advance.blocks.iter().map(|block| block.messages().len()).sum(),
        }
    }
}

/// Why nothing can be brought.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CourierError {
    /// A view failed.
    #[error(transparent)]
    View(#[from] ViewFault),
    /// The destination trusts a header that the source's history does not hold: one of them is forked, or a re-anchor
    /// is due. Nothing that this source says is accepted there.
    #[error("the destination trusts another history of the source at height {height_on_source}")]
    OtherHistory {
        /// Where they differ.
        height_on_source: Height,
    },
    /// The destination expects a message in the middle of a block's list; counters stand at block boundaries.
    #[error("the destination expects message {expected} inside the list that starts at {first}")]
    NoBoundary {
        /// The destination's counter.
        expected: Sequence,
        /// First sequence of the list.
        first: Sequence,
    },
    /// The source's view contradicts itself.
    #[error("the source's view contradicts itself: {0}")]
    Inconsistent(&'static str),
}

/// Everything that the destination lacks, as far as it can be brought now: all missing hand-offs in order, or else one
/// Advance, or nothing.
///
/// # Errors
/// [`CourierError`].
pub fn pending(source: &dyn SourceView, destination: &DestinationView) -> Result<Vec<CourierWork>, CourierError> {
    let trusted_height = destination.client.height_on_source;
    let tip = source.tip()?;
    if !destination.accepts || tip < trusted_height {
        return Ok(Vec::new());
    }
    let Some(trusted) = source.header(trusted_height)? else {
        return Ok(Vec::new());
    };
    if trusted.hash() != destination.client.header_hash_on_source {
        return Err(CourierError::OtherHistory { height_on_source: trusted_height });
    }
    let handoffs = missing_handoffs(source, trusted_height, tip)?;
    if !handoffs.is_empty() {
        return Ok(handoffs);
    }
    let lane = Lane { source, destination, trusted, tip };
    Ok(lane.advance()?.map(|advance| CourierWork::Advance(Box::new(advance))).into_iter().collect())
}

fn missing_handoffs(
    source: &dyn SourceView,
    trusted_height: Height,
    tip: Height,
) -> Result<Vec<CourierWork>, CourierError> {
    #[cfg(feature = "planted-bugs")]
    if planted::is(planted::Plant::HandoffForgotten) {
        return Ok(Vec::new());
    }
    let mut work = Vec::new();
    let mut from = trusted_height;
    for height in source.handoffs_above(trusted_height, MAX_HANDOFFS)? {
        if height <= from || height > tip {
            return Err(CourierError::Inconsistent("hand-offs are not ascending"));
        }
        let (Some(header), Some(certificate), Some(trusted_path)) =
            (source.header(height)?, source.certificate(height)?, source.history_path(from, height)?)
        else {
            break;
        };
        let Some(next_validators) = source.validators(&header.next_validators_hash)? else {
            break;
        };
        let handoff = Handoff { source: source.chain(), header, certificate, trusted_path, next_validators };
        work.push(CourierWork::Handoff(Box::new(handoff)));
        from = height;
    }
    Ok(work)
}

/// One direction between two chains without a missing hand-off.
struct Lane<'a> {
    source: &'a dyn SourceView,
    destination: &'a DestinationView,
    /// The header that the destination trusts.
    trusted: Header,
    tip: Height,
}

impl Lane<'_> {
    fn receiver(&self) -> &ChainId {
        &self.destination.chain
    }

    fn advance(&self) -> Result<Option<Advance>, CourierError> {
        let Some(head) = self.head()? else {
            return Ok(None);
        };
        let head_height = head.header().height;
        let Some(leaf) = self.source.outbox_leaf(self.receiver(), head_height)? else {
            return Ok(None);
        };
        let head_next = leaf.leaf.next_sequence().ok_or(CourierError::Inconsistent("a leaf left its range"))?;
        if head_next > self.destination.received {
            if self.destination.waiting > self.destination.max_waiting {
                return Ok(None);
            }
            let blocks = self.blocks(&leaf, head_height, head_next)?;
            return Ok((!blocks.is_empty()).then(|| self.assembled(head, leaf, blocks)));
        }
        let worth = matches!(head, Head::New { .. }) && self.empty_is_worth(head.header(), &leaf);
        Ok(worth.then(|| self.assembled(head, leaf, Vec::new())))
    }

    fn assembled(&self, head: Head, leaf: LeafPath, blocks: Vec<DeliveredBlock>) -> Advance {
        Advance { source: self.source.chain(), head, leaf, blocks: Bounded::new(blocks).unwrap_or_default() }
    }

    /// The highest head there is: the tip, or the trusted header itself while there is nothing above it.
    fn head(&self) -> Result<Option<Head>, CourierError> {
        if self.tip == self.trusted.height {
            return Ok(Some(Head::Known { header: self.trusted.clone() }));
        }
        let (Some(header), Some(certificate), Some(trusted_path)) = (
            self.source.header(self.tip)?,
            self.source.certificate(self.tip)?,
            self.source.history_path(self.trusted.height, self.tip)?,
        ) else {
            return Ok(None);
        };
        if header.is_handoff() {
            return Err(CourierError::Inconsistent("a hand-off header that is not listed"));
        }
        Ok(Some(Head::New { header, certificate, trusted_path }))
    }

    /// The next undelivered blocks, oldest first, as many as the limits take.
    fn blocks(
        &self,
        head_leaf: &LeafPath,
        head: Height,
        head_next: Sequence,
    ) -> Result<Vec<DeliveredBlock>, CourierError> {
        let mut blocks = Vec::new();
        let mut next = self.destination.received;
        let (mut messages, mut message_bytes, mut bytes) = (0usize, 0usize, 0usize);
        while next < head_next {
            let Some(height) = self.source.block_of_message(self.receiver(), next)? else {
                break;
            };
            let Some((block, leaf)) = self.block(height, head, head_leaf)? else {
                break;
            };
            if leaf.leaf.first != next {
                return Err(CourierError::NoBoundary { expected: next, first: leaf.leaf.first });
            }
            let list = block.messages();
            messages = messages.saturating_add(list.len());
            message_bytes = list.iter().fold(message_bytes, |sum, message| sum.saturating_add(encode(message).len()));
            bytes = bytes.saturating_add(encode(&block).len());
            let full = messages > MAX_LIST_MESSAGES || message_bytes > MAX_LIST_BYTES || bytes > MAX_ADVANCE_BYTES;
            if full && !blocks.is_empty() {
                break;
            }
            let after = leaf.leaf.next_sequence().ok_or(CourierError::Inconsistent("a leaf left its range"))?;
            if after <= next {
                return Err(CourierError::Inconsistent("a block without the message it should hold"));
            }
            next = after;
            blocks.push(block);
            // The type of an Advance holds 256 blocks; each has at least one message.
            if blocks.len() >= MAX_LIST_MESSAGES {
                break;
            }
        }
        Ok(blocks)
    }

    fn block(
        &self,
        height: Height,
        head: Height,
        head_leaf: &LeafPath,
    ) -> Result<Option<(DeliveredBlock, LeafPath)>, CourierError> {
        if height > head {
            return Ok(None);
        }
        let Some(list) = self.source.messages(self.receiver(), height)? else {
            return Ok(None);
        };
        let messages = MessageList::new(list).map_err(|_| CourierError::Inconsistent("a list above its limit"))?;
        if height == head {
            return Ok(Some((DeliveredBlock::Head { messages }, head_leaf.clone())));
        }
        let (Some(header), Some(history_path), Some(leaf)) = (
            self.source.header(height)?,
            self.source.history_path(height, head)?,
            self.source.outbox_leaf(self.receiver(), height)?,
        ) else {
            return Ok(None);
        };
        let block = DeliveredBlock::Older { header, history_path, leaf: leaf.clone(), messages };
        Ok(Some((block, leaf)))
    }

    /// Whether a head without a list is worth sending (§8).
    fn empty_is_worth(&self, head: &Header, leaf: &LeafPath) -> bool {
        let rule = &self.destination.empty;
        let age_ms = head.timestamp_ms.0.saturating_sub(self.destination.client.timestamp_ms_on_source.0);
        if age_ms < rule.step_ms() {
            return false;
        }
        match rule {
            EmptyRule::ToRelay { .. } => true,
            EmptyRule::ToSubchain { waits, .. } => {
                // A height that the destination trusts already, or an acknowledgement it has, ends no wait.
                let height = waits.relay_height.is_some_and(|height| head.height >= height);
                let acknowledged = waits.acknowledgement.is_some_and(|sequence| leaf.leaf.received > sequence);
                height || acknowledged
            }
        }
    }
}
