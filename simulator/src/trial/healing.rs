//! Healing: what members and governors do in virtual time, some while after a chain went back to a backup.
//!
//! Nobody here knows more than people would: they look at the chains every half second, do the next step that is needed,
//! and ask again when nothing came of it. ADR 0012 and 0013 say which steps there are.

use crate::failure::Contradiction;
use crate::fixture::{Followed, Member, Network, Seat};
use crate::world::World;
use ledger_protocol::system::ChainStatus;
use ledger_protocol::{Height, ProposalId};
use std::collections::BTreeMap;
use subchain::participant::{Standing, is_catching_up, standing};

/// How often people look.
const LOOK_MS: u64 = 500;
/// How long they wait before they ask for the same again.
const AGAIN_MS: u64 = 6_000;

/// What is asked for, of which subchain; nobody for the relay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Freeze,
    HandOver,
    Reanchor,
    SayLost,
    SetRelayAnchor,
}

/// A chain that is being healed.
#[derive(Debug)]
struct Case {
    due_ms: u64,
    by_evidence: bool,
    /// The validators to be, once they are enlisted.
    successors: Option<Vec<Seat>>,
}

/// Everything that is being healed.
#[derive(Debug, Default)]
pub(super) struct Healing {
    cases: Vec<(Member, Case)>,
    asked: BTreeMap<(Step, Option<usize>), u64>,
    looked_ms: u64,
    /// Whether anything ever was.
    is_needed: bool,
}

impl Healing {
    /// A chain went back: people begin to heal it at this time.
    pub(super) fn open(&mut self, member: Member, due_ms: u64, draw: u64) {
        self.is_needed = true;
        self.cases.retain(|(other, _)| *other != member);
        self.cases.push((member, Case { due_ms, by_evidence: draw.is_multiple_of(2), successors: None }));
    }

    /// The processes of a chain are back: if that is earlier than planned, so are the people.
    pub(super) fn come_back(&mut self, member: Member, due_ms: u64) {
        if let Some(case) = self.case(member) {
            case.due_ms = case.due_ms.min(due_ms);
        }
    }

    /// Whether a chain is being healed.
    pub(super) fn is_open(&self, member: Member) -> bool {
        self.cases.iter().any(|(other, _)| *other == member)
    }

    /// When they look next, from the start of the work.
    pub(super) fn next_ms(&self, began_ms: u64) -> Option<u64> {
        self.is_needed.then(|| (self.looked_ms + LOOK_MS).saturating_sub(began_ms))
    }

    /// Whether it is time to ask for a step.
    fn asks(&mut self, now_ms: u64, step: Step, position: Option<usize>) -> bool {
        let asked = self.asked.get(&(step, position));
        let asks = asked.is_none_or(|asked| now_ms >= asked + AGAIN_MS);
        if asks {
            self.asked.insert((step, position), now_ms);
        }
        asks
    }

    /// Does what is due.
    pub(super) fn advance(&mut self, world: &mut World, network: &mut Network, ids: &[ProposalId]) {
        let now_ms = world.now_ms();
        if !self.is_needed || now_ms < self.looked_ms + LOOK_MS {
            return;
        }
        self.looked_ms = now_ms;
        // Nobody heals a chain that works against all others, and nothing is asked of it.
        self.cases.retain(|(member, _)| !is_bad(world, network, *member));
        let relay_is_healing = self.heal_relay(world, network, ids, now_ms);
        for position in 0..network.subchains.len() {
            self.heal_subchain(world, network, position, relay_is_healing, now_ms);
        }
        self.cases.retain(|(member, case)| now_ms < case.due_ms || !is_healed(world, network, *member, ids));
    }

    fn case(&mut self, member: Member) -> Option<&mut Case> {
        self.cases.iter_mut().find(|(other, _)| *other == member).map(|(_, case)| case)
    }

    /// Freeze, other keys, re-anchor. Also of a chain that the relay froze for what it lost itself.
    fn heal_subchain(
        &mut self,
        world: &mut World,
        network: &mut Network,
        position: usize,
        relay_is_healing: bool,
        now_ms: u64,
    ) {
        let member = Member::Subchain(position);
        let due = self.case(member).map(|case| case.due_ms);
        if due.is_some_and(|due| now_ms < due) || relay_is_healing || is_bad(world, network, member) {
            return;
        }
        let Some(status) = network.chain_record(world, position).map(|record| record.status) else { return };
        let at = Some(position);
        match (status, network.followed(world, position)) {
            (ChainStatus::Frozen, Followed::Own) if self.asks(now_ms, Step::Reanchor, at) => {
                let height = world.best_height(network.index(member));
                let motion = network.reanchor(world, position, height);
                motion.into_iter().for_each(|motion| network.decide(world, vec![motion]));
            }
            (ChainStatus::Frozen, Followed::Lost { common }) => {
                let handoff = network.last_handoff(world, member);
                if handoff <= common {
                    if self.asks(now_ms, Step::HandOver, at) {
                        self.hand_over(world, network, member);
                    }
                } else if self.asks(now_ms, Step::Reanchor, at) {
                    let motion = network.reanchor(world, position, handoff);
                    motion.into_iter().for_each(|motion| network.decide(world, vec![motion]));
                }
            }
            (_, Followed::Lost { common }) if self.asks(now_ms, Step::Freeze, at) => {
                let by_evidence = self.case(member).is_some_and(|case| case.by_evidence);
                let evidence = network.branches(world, position, common.saturating_add(1)).filter(|_| by_evidence);
                match evidence {
                    Some(evidence) => network.accuse(world, evidence),
                    None => network.freeze(world, position),
                }
            }
            _ => {}
        }
    }

    /// The same successors are named again if the first transaction was lost.
    fn hand_over(&mut self, world: &mut World, network: &mut Network, member: Member) {
        let known = self.case(member).and_then(|case| case.successors.clone());
        let seats = known.unwrap_or_else(|| network.successors(world, member));
        if let Some(case) = self.case(member) {
            case.successors = Some(seats.clone());
        }
        let effective_at = world.best_height(network.index(member)).saturating_add(8);
        network.hand_over(world, member, &seats, effective_at);
    }

    /// Grow past what was lost, say so, let every subchain follow, free what is LOCKED for what was lost. Whether no
    /// subchain can be judged yet.
    fn heal_relay(&mut self, world: &mut World, network: &mut Network, ids: &[ProposalId], now_ms: u64) -> bool {
        let Some(case) = self.case(Member::Relay) else { return false };
        if now_ms < case.due_ms {
            return true;
        }
        let Some(interval) = network.lost_interval(world) else {
            // Nothing was lost, or no block has come since.
            network.tick(world);
            return world.parted(network.relay).is_none();
        };
        if network.relay_height(world) <= interval.1 {
            network.tick(world);
            return true;
        }
        let Some(said_at) = network.said_lost_at(world, interval) else {
            if self.asks(now_ms, Step::SayLost, None) {
                network.say_lost(world, interval);
            }
            return true;
        };
        for position in 0..network.subchains.len() {
            let follows = network.follows_relay(world, position, said_at);
            if !follows || !takes_part(world, network, position) {
                if self.asks(now_ms, Step::SetRelayAnchor, Some(position)) {
                    if follows { network.resume(world, position) } else { network.set_relay_anchor(world, position) }
                }
                continue;
            }
            if is_held(world, network, position) {
                continue;
            }
            for leg in network.lost_locks(world, position, ids) {
                network.report_locked(world, position, &leg);
            }
        }
        false
    }

    /// Whether nothing is left to heal.
    ///
    /// # Errors
    /// [`Contradiction`] with the first chain that is not as it should be.
    pub(super) fn check(&self, world: &World, network: &Network, ids: &[ProposalId]) -> Result<(), Contradiction> {
        if !self.is_needed {
            return Ok(());
        }
        let sick = |what: String| Err(Contradiction::new("what people do brings a chain back that lost blocks", what));
        if let Some((member, _)) = self.cases.first() {
            return sick(format!("{member:?} is still being healed: {}", symptoms(world, network)));
        }
        for (position, subchain) in network.subchains.iter().enumerate() {
            if is_bad(world, network, Member::Subchain(position)) {
                continue;
            }
            let is_well = is_healed(world, network, Member::Subchain(position), ids)
                && takes_part(world, network, position)
                && !is_held(world, network, position)
                && network.lost_locks(world, position, ids).is_empty();
            if !is_well {
                return sick(format!("{} is not well: {}", subchain.name, symptoms(world, network)));
            }
        }
        Ok(())
    }
}

fn is_bad(world: &World, network: &Network, member: Member) -> bool {
    world.blamed().is_bad(&network.id(member))
}

fn is_held(world: &World, network: &Network, position: usize) -> bool {
    let chain = network.id(Member::Subchain(position));
    network.look(world, Member::Relay, |state| relay::registry::is_held(state, &chain).ok()).unwrap_or(true)
}

fn takes_part(world: &World, network: &Network, position: usize) -> bool {
    let standing = network.look(world, Member::Subchain(position), |state| standing(state).ok());
    standing == Some(Standing::TakesPart)
}

fn catches_up(world: &World, network: &Network, position: usize) -> bool {
    network.look(world, Member::Subchain(position), |state| is_catching_up(state).ok()).unwrap_or(true)
}

/// Whether a chain is one with its peers again.
fn is_healed(world: &World, network: &Network, member: Member, ids: &[ProposalId]) -> bool {
    let Member::Subchain(position) = member else {
        let Some((common, last)) = world.parted(network.relay) else { return false };
        if common == last {
            return true;
        }
        let said_at = network.lost_interval(world).and_then(|interval| network.said_lost_at(world, interval));
        let well = |position| {
            is_bad(world, network, Member::Subchain(position))
                || said_at.is_some_and(|said_at| network.follows_relay(world, position, said_at))
                    && !is_held(world, network, position)
                    && network.lost_locks(world, position, ids).is_empty()
        };
        return (0..network.subchains.len()).all(well);
    };
    let status = network.chain_record(world, position).map(|record| record.status);
    status == Some(ChainStatus::Active)
        && network.followed(world, position) == Followed::Own
        && !catches_up(world, network, position)
}

/// How all chains stand, for a report.
fn symptoms(world: &World, network: &Network) -> String {
    let one = |position: usize| {
        let status = network.chain_record(world, position).map(|record| record.status);
        let followed = network.followed(world, position);
        let flags = [
            ("held", is_held(world, network, position)),
            ("suspended", !takes_part(world, network, position)),
            ("catching up", catches_up(world, network, position)),
            ("off the relay's branch", !network.follows_relay(world, position, Height::ZERO)),
        ];
        let flags: Vec<&str> = flags.into_iter().filter(|(_, is)| *is).map(|(flag, _)| flag).collect();
        format!("{position}: {status:?}, {followed:?}, {}", flags.join(", "))
    };
    (0..network.subchains.len()).map(one).collect::<Vec<_>>().join("; ")
}
