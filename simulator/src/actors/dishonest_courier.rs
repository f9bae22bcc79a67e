//! A courier that reorders, skips, cuts, delays and forges what it carries, both ways, and wins races with as little as
//! it may bring.

use super::{Actor, Stage};
use crate::fixture::certify;
use ledger_protocol::TimestampMs;
use ledger_protocol::chain::Input;
use ledger_protocol::codec::Bounded;
use ledger_protocol::interchain::{Advance, DeliveredBlock, Head};

#[derive(Debug)]
pub(crate) struct DishonestCourier;

/// What it holds back at most.
const MAX_HELD: usize = 16;

impl Actor for DishonestCourier {
    fn brings(&self, stage: &mut Stage<'_>, inputs: Vec<Input>) -> Vec<Input> {
        let mut brought = Vec::new();
        for input in inputs {
            if !stage.dares() {
                brought.push(input);
                continue;
            }
            let way = stage.way();
            if way == "withhold" {
                stage.did(way);
                if stage.role.held.len() < MAX_HELD {
                    stage.role.held.push(input);
                }
                continue;
            }
            let twisted = match &input {
                Input::Advance(advance) => twist(stage, way, advance).map(|advance| Input::Advance(Box::new(advance))),
                _ => None,
            };
            if twisted.is_some() {
                stage.did(way);
            }
            brought.push(twisted.unwrap_or(input));
        }
        // What was held back comes late, and last things first.
        if stage.random.chance(300) {
            brought.extend(stage.role.held.pop());
        }
        brought
    }
}

fn twist(stage: &mut Stage<'_>, way: &str, advance: &Advance) -> Option<Advance> {
    let mut blocks = advance.blocks.iter().cloned().collect::<Vec<DeliveredBlock>>();
    let mut head = advance.head.clone();
    match way {
        "reorder" if blocks.len() > 1 => blocks.reverse(),
        "skip" if blocks.len() > 1 => {
            blocks.remove(0);
        }
        // Valid, and as little as can be.
        "minimal" if blocks.len() > 1 => blocks.truncate(1),
        // A head that runs ahead of its lists.
        "minimal" if !blocks.is_empty() => blocks.clear(),
        "cut" => match blocks.last_mut()? {
            DeliveredBlock::Older { messages, .. } | DeliveredBlock::Head { messages } => {
                let mut left = messages.iter().cloned().collect::<Vec<_>>();
                left.pop();
                *messages = Bounded::new(left).ok()?;
            }
        },
        "forge" => {
            let Head::New { header, certificate, .. } = &mut head else { return None };
            header.timestamp_ms = TimestampMs(header.timestamp_ms.0 + 1);
            // Half of the forgeries keep the true certificate, which is over another header; the others are signed by
            // the one key that the courier has, a quorum's number of times.
            if stage.random.chance(500) {
                let key = stage.role.key()?.clone();
                let signers = certificate.signers.clone();
                let mut own = certify(header, std::slice::from_ref(&key));
                let one = own.signatures.first().copied()?;
                own.signatures = Bounded::new(certificate.signatures.iter().map(|_| one).collect()).ok()?;
                own.signers = signers;
                *certificate = own;
            }
        }
        _ => return None,
    }
    // What is cut from an empty list, say, is what it was: no misdeed.
    Some(Advance { blocks: Bounded::new(blocks).ok()?, head, ..advance.clone() }).filter(|twisted| twisted != advance)
}

#[cfg(test)]
mod tests;
