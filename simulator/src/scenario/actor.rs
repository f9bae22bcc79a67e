//! Actors as a scenario file plans them: who misbehaves, how, from when to when, how often.
//!
//! A chain with more bad validators than it tolerates promises nothing about itself; the properties then ask only that
//! it hurts nobody else. Errors: [`ScenarioError`] with what to write instead.

use super::{NetworkSection, RELAY, ScenarioError};
use serde::Deserialize;

/// How an actor misbehaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ActorKind {
    /// Shows one block to half of the others and another one to the rest, and votes for both.
    EquivocatingProposer,
    /// Signs two votes where one is allowed, and votes in the names of others.
    DoubleVoter,
    /// Keeps its votes, its proposals or everything to itself.
    Withholder,
    /// Dies and comes back without its consensus log.
    Amnesiac,
    /// Sends random bytes and cut messages.
    GarbageSender,
    /// Sends again what it once heard, of other heights, rounds and chains too.
    Replayer,
    /// Its courier reorders, skips, cuts, delays and forges what it carries.
    DishonestCourier,
    /// More than a third of a subchain, or all of it, works against the others.
    BadSubchain,
    /// A member of the consortium whose proposals take locks and come to nothing.
    LockGrabber,
    /// Has the keys that a subchain began with, and signs old heights anew once they were given up.
    KeyThief,
}

impl ActorKind {
    /// Every kind.
    pub const ALL: [Self; 10] = [
        Self::EquivocatingProposer,
        Self::DoubleVoter,
        Self::Withholder,
        Self::Amnesiac,
        Self::GarbageSender,
        Self::Replayer,
        Self::DishonestCourier,
        Self::BadSubchain,
        Self::LockGrabber,
        Self::KeyThief,
    ];

    /// As scenario files and reports name it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::EquivocatingProposer => "equivocating-proposer",
            Self::DoubleVoter => "double-voter",
            Self::Withholder => "withholder",
            Self::Amnesiac => "amnesiac",
            Self::GarbageSender => "garbage-sender",
            Self::Replayer => "replayer",
            Self::DishonestCourier => "dishonest-courier",
            Self::BadSubchain => "bad-subchain",
            Self::LockGrabber => "lock-grabber",
            Self::KeyThief => "key-thief",
        }
    }

    /// Whether it has no validators: a client of the relay.
    pub const fn is_client(self) -> bool {
        matches!(self, Self::LockGrabber | Self::KeyThief)
    }

    /// Whether others are told, or its own replica forgets, what that replica did: then it may find itself contradicted
    /// and halt.
    pub(crate) const fn misleads_its_replica(self) -> bool {
        matches!(self, Self::EquivocatingProposer | Self::DoubleVoter | Self::Amnesiac | Self::BadSubchain)
    }

    /// What it can be told to do alone; otherwise it does all of it, in turns that the seed picks.
    pub const fn ways(self) -> &'static [&'static str] {
        match self {
            Self::EquivocatingProposer | Self::Amnesiac | Self::KeyThief => &[],
            Self::DoubleVoter => &["conflicting", "in-others-names"],
            Self::Withholder => &["votes", "proposals", "everything"],
            Self::GarbageSender => &["random", "cut"],
            Self::Replayer => &["own-chain", "other-chains"],
            Self::DishonestCourier => &["reorder", "skip", "cut", "minimal", "forge", "withhold"],
            Self::BadSubchain => &["fork", "contradict", "never-apply"],
            Self::LockGrabber => &["time-out", "cancel"],
        }
    }
}

/// How many of a chain's validators are one actor.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub enum Fraction {
    /// One.
    #[default]
    #[serde(rename = "one")]
    One,
    /// As many as the chain tolerates.
    #[serde(rename = "f")]
    Tolerated,
    /// One more than it tolerates.
    #[serde(rename = "f+1")]
    TooMany,
    /// All.
    #[serde(rename = "all")]
    All,
}

impl Fraction {
    /// So many of `validators` equal ones.
    pub const fn of(self, validators: usize) -> usize {
        let tolerated = tolerated(validators);
        match self {
            Self::One => 1,
            Self::Tolerated => tolerated,
            Self::TooMany => tolerated + 1,
            Self::All => validators,
        }
    }
}

/// How many bad ones among `validators` equal ones a chain tolerates.
pub const fn tolerated(validators: usize) -> usize {
    validators.saturating_sub(1) / 3
}

/// An actor of a scenario.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ActorPlan {
    /// How.
    pub kind: ActorKind,
    /// `relay`, or a subchain's name; whom a lock-grabber's proposals name: all subchains when absent.
    #[serde(default)]
    pub chain: Option<String>,
    /// The first of its validators, by number from 0; those after it follow.
    #[serde(default)]
    pub validator: usize,
    /// How many.
    #[serde(default)]
    pub fraction: Option<Fraction>,
    /// What it does of what its kind can do; empty for everything. A bad subchain goes one way: `fork` when empty.
    #[serde(default)]
    pub ways: Vec<String>,
    /// Since when, from the start of the work.
    #[serde(default)]
    pub from_ms: u64,
    /// Until when; absent: for ever.
    #[serde(default)]
    pub until_ms: Option<u64>,
    /// How likely it misbehaves at each opportunity, in thousandths.
    #[serde(default = "always")]
    pub chance_per_mille: u32,
    /// How long after a fork somebody shows both headers to the relay.
    #[serde(default = "soon")]
    pub reported_after_ms: u64,
}

const fn always() -> u32 {
    1_000
}

const fn soon() -> u64 {
    2_000
}

impl ActorPlan {
    /// Places of its validators in their chain of `validators`.
    pub fn seats(&self, validators: usize) -> Vec<usize> {
        if self.kind.is_client() {
            return Vec::new();
        }
        let default = if self.kind == ActorKind::BadSubchain { Fraction::All } else { Fraction::One };
        let count = self.fraction.unwrap_or(default).of(validators);
        (0..count).map(|number| (self.validator + number) % validators.max(1)).collect()
    }

    /// Whether its validators are bad ones.
    pub const fn is_blamed(&self) -> bool {
        !matches!(self.kind, ActorKind::DishonestCourier) && !self.kind.is_client()
    }

    /// Whether one of all its ways is among those that it may take.
    pub fn takes(&self, way: &str) -> bool {
        self.ways.is_empty() || self.ways.iter().any(|one| one == way)
    }

    fn check(&self, name: &str, network: &NetworkSection) -> Result<(), ScenarioError> {
        let wrong = |key: &str, problem: String| Err(ScenarioError::value(&format!("{name}.{key}"), problem));
        if self.chance_per_mille > 1_000 {
            return wrong("chance_per_mille", "write at most 1000: thousandths of all opportunities".into());
        }
        if self.until_ms.is_some_and(|until_ms| until_ms <= self.from_ms) {
            return wrong("until_ms", format!("write a time after from_ms, which is {}", self.from_ms));
        }
        let ways = self.kind.ways();
        if let Some(way) = self.ways.iter().find(|way| !ways.contains(&way.as_str())) {
            let known = if ways.is_empty() { "leave the key out".into() } else { format!("write {}", ways.join(", ")) };
            return wrong("ways", format!("a {} does not know {way:?}; {known}", self.kind.name()));
        }
        if self.kind == ActorKind::BadSubchain && self.ways.len() > 1 {
            return wrong("ways", "write one: a chain that forks is not heard any more".into());
        }
        let Some(chain) = &self.chain else {
            if self.kind == ActorKind::LockGrabber {
                return self.check_used(name);
            }
            return wrong("chain", format!("say whose validator misbehaves: {RELAY} or one of chain-0, chain-1, …"));
        };
        if self.validator >= network.validators {
            let last = network.validators.saturating_sub(1);
            return wrong("validator", format!("{} is none of them; write a number from 0 to {last}", self.validator));
        }
        let is_subchains = matches!(self.kind, ActorKind::DishonestCourier | ActorKind::BadSubchain);
        if chain == RELAY && (is_subchains || self.kind.is_client()) {
            return wrong("chain", format!("a {} belongs to a subchain; write its name", self.kind.name()));
        }
        if self.kind == ActorKind::BadSubchain
            && !matches!(self.fraction, None | Some(Fraction::TooMany | Fraction::All))
        {
            return wrong("fraction", "write \"f+1\" or \"all\": with fewer keys it is no bad subchain".into());
        }
        if self.fraction == Some(Fraction::Tolerated) && tolerated(network.validators) == 0 {
            let problem = format!("a chain of {} validators tolerates nobody; write \"one\"", network.validators);
            return wrong("fraction", format!("{problem}, or at least 4 validators"));
        }
        self.check_used(name)
    }

    /// Refuses keys that this actor would not look at.
    fn check_used(&self, name: &str) -> Result<(), ScenarioError> {
        let is_bad_subchain = self.kind == ActorKind::BadSubchain;
        let is_client = self.kind.is_client();
        let is_split = is_bad_subchain && self.fraction == Some(Fraction::TooMany);
        // A chain that lies about its legs does so from then on, every time.
        let lies = is_bad_subchain && self.ways.iter().any(|way| way != "fork");
        let split = "with \"f+1\" a bad subchain splits and does nothing else: leave the key out, or take \"all\"";
        let lying = "a chain that begins to lie about its legs goes on: leave the key out, or take the way \"fork\"";
        let reported = "only a bad subchain is reported: leave the key out";
        let client = format!("a {} is a client and has no validators: leave the key out", self.kind.name());
        let unused = [
            ("ways", is_split && !self.ways.is_empty(), split),
            ("until_ms", lies && self.until_ms.is_some(), lying),
            ("chance_per_mille", lies && self.chance_per_mille != always(), lying),
            ("reported_after_ms", !is_bad_subchain && self.reported_after_ms != soon(), reported),
            ("validator", is_client && self.validator != 0, client.as_str()),
            ("fraction", is_client && self.fraction.is_some(), client.as_str()),
        ];
        match unused.into_iter().find(|(_, is_unused, _)| *is_unused) {
            Some((key, _, problem)) => Err(ScenarioError::value(&format!("{name}.{key}"), problem)),
            None => Ok(()),
        }
    }
}

/// Checks the actors of a scenario, each alone and all together.
pub(super) fn check(actors: &[ActorPlan], network: &NetworkSection) -> Result<(), ScenarioError> {
    for (number, actor) in actors.iter().enumerate() {
        actor.check(&format!("actor {}", number + 1), network)?;
    }
    let bad = bad_seats(actors, RELAY, network.validators);
    let most = tolerated(network.validators);
    if bad > most {
        let problem = format!(
            "{bad} of the relay's {} validators are bad, and it tolerates {most}: nothing could be asked of such a run; \
             give the actors the same validator, or another chain",
            network.validators
        );
        return Err(ScenarioError::value("actor", problem));
    }
    Ok(())
}

/// A fork must be shown while the trial still waits for what comes of it.
pub(super) fn check_settling(actors: &[ActorPlan], settle_ms: u64) -> Result<(), ScenarioError> {
    for (number, actor) in actors.iter().enumerate() {
        if actor.kind == ActorKind::BadSubchain && actor.reported_after_ms >= settle_ms {
            let problem = format!(
                "{} ms are not below settle_ms, which is {settle_ms}: a late fork would be shown when all is over; write \
                 less, or a longer settle_ms",
                actor.reported_after_ms
            );
            return Err(ScenarioError::value(&format!("actor {}.reported_after_ms", number + 1), problem));
        }
    }
    Ok(())
}

/// How many validators of a chain are bad. A courier may be as dishonest as it likes: nobody trusts couriers.
pub fn bad_seats(actors: &[ActorPlan], chain: &str, validators: usize) -> usize {
    let own = actors.iter().filter(|actor| actor.is_blamed() && actor.chain.as_deref() == Some(chain));
    own.flat_map(|actor| actor.seats(validators)).collect::<std::collections::BTreeSet<_>>().len()
}
