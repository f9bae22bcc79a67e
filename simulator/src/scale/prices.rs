//! The price list: every step of a world costs what the profile says, in virtual time.
//!
//! What nobody waits for (the event loop, log, store and network of what a block carries) keeps the core busy after the
//! execution's result. Where the profile counts something as part of something else, it costs nothing by itself: on the
//! relay signatures are a part of a proposal's admission, and consensus messages apart, the event loop of a block's.

use super::profile::{CrossCosts, Profile};
use crate::world::{ChainIndex, Charge, Costs, Step, StepKind};
use std::cell::RefCell;
use std::rc::Rc;

/// CPU microseconds that were charged.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Spent {
    /// On the relay, all validators.
    pub relay_us: f64,
    /// Of it on Advances, messages apart.
    pub advances_us: f64,
    /// Executions of blocks of the relay.
    pub relay_executions: u64,
    /// On subchains, all validators of all.
    pub subchains_us: f64,
}

/// A world's price list.
pub(super) struct Prices {
    pub profile: Profile,
    pub relay: ChainIndex,
    /// All costs of the relay, and of the subchains, times this.
    pub slowness: (f64, f64),
    pub spent: Rc<RefCell<Spent>>,
}

struct Cost {
    before_us: f64,
    after_us: f64,
    on_advances_us: f64,
}

impl Prices {
    fn cost(&self, step: &Step) -> Cost {
        let Profile { transaction: tx, block, .. } = &self.profile;
        let is_relay = step.chain == self.relay;
        let cross: &CrossCosts = if is_relay { &self.profile.relay } else { &self.profile.subchain };
        let [transactions, proposals, advances, messages] =
            [step.transactions, step.proposals, step.advances, step.messages].map(|count| count as f64);
        let (before_us, after_us, on_advances_us) = match step.kind {
            StepKind::Verify if is_relay => (0.0, 0.0, 0.0),
            StepKind::Verify => (transactions * tx.verify, 0.0, 0.0),
            StepKind::Admit => {
                let on_advances = advances * cross.advance_admit;
                (proposals * cross.proposal_admit + on_advances, 0.0, on_advances)
            }
            StepKind::Execute => {
                let empty = if is_relay { block.relay_execute } else { block.subchain_execute };
                let on_advances = advances * cross.advance_execute;
                let executes = transactions * tx.executed()
                    + proposals * cross.proposal_execute
                    + on_advances
                    + messages * cross.message_execute;
                let carried = (transactions + proposals + advances + messages) * tx.carried();
                (empty + executes, block.consensus + transactions * tx.consensus + carried, on_advances)
            }
            StepKind::Certificate => (self.profile.certificate_verify, 0.0, 0.0),
            StepKind::Vote => (block.vote, 0.0, 0.0),
            StepKind::Read | StepKind::Event => (0.0, 0.0, 0.0),
        };
        let times = if is_relay { self.slowness.0 } else { self.slowness.1 };
        Cost { before_us: before_us * times, after_us: after_us * times, on_advances_us: on_advances_us * times }
    }
}

impl Costs for Prices {
    fn charge(&mut self, run: &mut dyn FnMut() -> Step) -> Charge {
        let step = run();
        let cost = self.cost(&step);
        let sum = cost.before_us + cost.after_us;
        let mut spent = self.spent.borrow_mut();
        if step.chain == self.relay {
            spent.relay_us += sum;
            spent.advances_us += cost.on_advances_us;
            spent.relay_executions += u64::from(step.kind == StepKind::Execute);
        } else {
            spent.subchains_us += sum;
        }
        Charge { before_us: cost.before_us.round() as u64, after_us: cost.after_us.round() as u64 }
    }
}
