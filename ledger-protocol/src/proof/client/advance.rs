//! Rule R9: an Advance delivers in order, whole blocks, and nothing is skipped.

use super::error::ClientError;
use super::head::{TrustedHeader, VerifiedHeader, check_certificate, check_chain, check_head_links, check_older};
use super::list::{verify_leaf, verify_list};
use crate::chain::Header;
use crate::identifiers::{ChainId, Sequence};
use crate::interchain::{Advance, DeliveredBlock, Head, MAX_LIST_BYTES, MAX_LIST_MESSAGES, Message, OutboxLeaf};

/// The least block time between the trusted header and the head of an Advance without a list, in milliseconds: on
/// the relay half of the source's T_stale, on a subchain its own heartbeat.
pub type EmptyStep = u64;

/// What an Advance proves.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct VerifiedAdvance {
    /// Where the client stands afterwards; `None` for a known head.
    pub new_trusted: Option<TrustedHeader>,
    /// The head.
    pub head: Header,
    /// The head's leaf for the receiver: its `received` and `follows` are the acknowledgement.
    pub leaf: OutboxLeaf,
    /// The messages, oldest first.
    pub messages: Vec<Message>,
    /// The receiver's counter afterwards.
    pub next_expected: Sequence,
}

/// Verifies an Advance against what the receiver trusts and expects next (R7, R9 complete).
///
/// # Errors
/// [`ClientError`]; the receiver has then learnt nothing.
pub fn verify_advance(
    trusted: &TrustedHeader,
    expected_next: Sequence,
    receiver: &ChainId,
    advance: &Advance,
    empty_step_ms: EmptyStep,
) -> Result<VerifiedAdvance, ClientError> {
    check_chain(&advance.source, &trusted.chain)?;
    let head = advance.head.header();
    check_head(trusted, &advance.head)?;
    let leaf = verify_leaf(head, &advance.leaf, receiver)?;
    let (messages, next_expected) = collect(head, &leaf, receiver, advance, expected_next)?;
    let head_next = leaf.next_sequence().ok_or(ClientError::Range)?;
    if next_expected > head_next {
        return Err(ClientError::Behind { expected: next_expected, head: head_next });
    }
    if messages.is_empty() {
        check_empty(trusted, &advance.head, expected_next, head_next, empty_step_ms)?;
    }
    let new_trusted = match &advance.head {
        Head::New { header, certificate, .. } => {
            check_certificate(certificate, header, &trusted.next_validators, trusted.kind)?;
            Some(trusted.moved_to(&VerifiedHeader::vouched(header.clone())))
        }
        Head::Known { .. } => None,
    };
    Ok(VerifiedAdvance { new_trusted, head: head.clone(), leaf, messages, next_expected })
}

/// The hash links of the head; the certificate comes last.
fn check_head(trusted: &TrustedHeader, head: &Head) -> Result<(), ClientError> {
    match head {
        Head::New { header, trusted_path, .. } => check_head_links(trusted, header, trusted_path),
        Head::Known { header } => {
            check_chain(&header.chain, &trusted.chain)?;
            let got = header.hash();
            if got != trusted.header_hash || header.height != trusted.height {
                return Err(ClientError::NotTrusted { got, trusted: trusted.header_hash });
            }
            Ok(())
        }
    }
}

/// The rules of an Advance without a list.
fn check_empty(
    trusted: &TrustedHeader,
    head: &Head,
    expected: Sequence,
    head_next: Sequence,
    step_ms: EmptyStep,
) -> Result<(), ClientError> {
    if head_next > expected {
        return Err(ClientError::RunsAhead { expected, head: head_next });
    }
    let Head::New { header, .. } = head else {
        return Err(ClientError::NothingNew);
    };
    let full_step = trusted.timestamp_ms.checked_add(step_ms).ok_or(ClientError::Range)?;
    if header.timestamp_ms < full_step {
        return Err(ClientError::NoFullStep { got: header.timestamp_ms, trusted: trusted.timestamp_ms, step_ms });
    }
    Ok(())
}

/// Verifies the delivered blocks; returns their messages and the counter after them.
fn collect(
    head: &Header,
    head_leaf: &OutboxLeaf,
    receiver: &ChainId,
    advance: &Advance,
    expected_next: Sequence,
) -> Result<(Vec<Message>, Sequence), ClientError> {
    let mut collected: Vec<Message> = Vec::new();
    let mut bytes = 0usize;
    let mut next = expected_next;
    let mut newest = None;
    let mut head_seen = false;
    for block in &*advance.blocks {
        if head_seen {
            return Err(ClientError::Order("a block after the head"));
        }
        let leaf = match block {
            DeliveredBlock::Older { header, history_path, leaf, .. } => {
                if newest.is_some_and(|height| header.height <= height) {
                    return Err(ClientError::Order("heights do not rise"));
                }
                newest = Some(header.height);
                let older = check_older(head, header, history_path)?;
                verify_leaf(older.header(), leaf, receiver)?
            }
            DeliveredBlock::Head { .. } => {
                head_seen = true;
                *head_leaf
            }
        };
        if leaf.count == 0 {
            return Err(ClientError::EmptyBlock);
        }
        #[cfg(feature = "planted-bugs")]
        if planted::is(planted::Plant::SkippedListAccepted) {
            next = next.max(leaf.first);
        }
        if leaf.first != next {
            return Err(ClientError::Gap { expected: next, got: leaf.first });
        }
        let list = block.messages();
        bytes = bytes.saturating_add(verify_list(&head.chain, &leaf, list)?);
        let messages = collected.len().saturating_add(list.len());
        if messages > MAX_LIST_MESSAGES || bytes > MAX_LIST_BYTES {
            return Err(ClientError::TooMuch { messages, bytes });
        }
        next = leaf.next_sequence().ok_or(ClientError::Range)?;
        collected.extend(list.iter().cloned());
    }
    Ok((collected, next))
}
