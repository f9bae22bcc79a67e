//! What a scenario asks of its chains: proposals and local transactions, made up or from the rows of a CSV file.

use super::rows::Row;
use super::{MAX_BALANCE, ScenarioError};
use crate::random::{Random, Seed};
use serde::Deserialize;

/// Where work comes from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WorkloadKind {
    /// Amounts move between the balances of several subchains: counters, which do not exclude each other.
    #[default]
    Transfers,
    /// One record is written in the books of several subchains: keys, which exclude each other when they are the same.
    Records,
    /// One proposal per row of a CSV file, between the two parties that the row names.
    Csv,
}

/// What local transactions do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LocalKind {
    /// They write a record.
    #[default]
    Records,
    /// They move an amount between the balance of their subchain and its till, by two operations of one transaction.
    Transfers,
}

/// The work.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Workload {
    /// Where it comes from.
    pub kind: WorkloadKind,
    /// Proposals per second of virtual time.
    pub proposals_per_s: u32,
    /// Local transactions per second, of every subchain.
    pub local_per_s: u32,
    /// What they do.
    pub local_kind: LocalKind,
    /// Local transactions that write the one hot record, in thousandths.
    pub local_hot_per_mille: u32,
    /// Inputs that their client submits once more, to another replica, in thousandths.
    pub repeat_per_mille: u32,
    /// Proposals whose last leg is a NOTIFY, in thousandths.
    pub notify_per_mille: u32,
    /// Proposals with a further leg in mode READ, which holds the hot record shared, in thousandths.
    pub read_per_mille: u32,
    /// Proposals with a further leg in mode READ, which holds all keys that begin with the hot record's, in thousandths.
    pub prefix_per_mille: u32,
    /// Proposals whose voting legs hold the hot record shared beside what they write, in thousandths.
    pub shared_per_mille: u32,
    /// Proposals that their proposer takes back soon after it submitted them, in thousandths.
    pub cancel_per_mille: u32,
    /// Legs of a proposal.
    pub legs: usize,
    /// Proposals that write the one hot record on every chain that they name, in thousandths.
    pub hot_per_mille: u32,
    /// Blocks of the relay that a proposal may wait in its queue.
    pub valid_blocks: u64,
    /// Blocks of the relay that a proposal may take to be voted on.
    pub t_prep: u32,
    /// What every balance begins with.
    pub opening_balance: i64,
    /// The CSV file, relative to the scenario's.
    pub file: Option<String>,
    /// The columns of a row's two parties and of its reference.
    pub columns: Vec<String>,
    /// A row with this text in this column makes no proposal: `[column, text]`.
    pub skip: Vec<String>,
}

impl Default for Workload {
    fn default() -> Self {
        Self {
            kind: WorkloadKind::Transfers,
            proposals_per_s: 2,
            local_per_s: 0,
            local_kind: LocalKind::Records,
            local_hot_per_mille: 0,
            repeat_per_mille: 0,
            notify_per_mille: 0,
            read_per_mille: 0,
            prefix_per_mille: 0,
            shared_per_mille: 0,
            cancel_per_mille: 0,
            legs: 2,
            hot_per_mille: 0,
            valid_blocks: 1_500,
            t_prep: 100,
            opening_balance: 1_000,
            file: None,
            columns: Vec::new(),
            skip: Vec::new(),
        }
    }
}

/// A piece of work and when it comes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Arrival {
    /// From the start of the work.
    pub at_ms: u64,
    /// Positions of the subchains.
    pub parties: Vec<usize>,
    /// A key that stands for it in the books.
    pub reference: String,
    /// What moves from the first party to the others, if amounts move.
    pub amount: Option<i64>,
    /// A transaction of one subchain alone, not a proposal.
    pub is_local: bool,
    /// Whether the last party is only notified.
    pub notifies: bool,
    /// Whether its client submits it once more.
    pub repeats: bool,
    /// The subchain of a further leg that reads the hot record and writes nothing.
    pub reader: Option<usize>,
    /// Whether that leg holds all keys that begin with the hot record's, not that one alone.
    pub scans: bool,
    /// Whether the voting legs hold the hot record shared beside what they write.
    pub shares: bool,
    /// Whether those who read the hot record assert the version that it has now.
    pub asserts: bool,
    /// After so long its proposer takes it back.
    pub cancelled_after_ms: Option<u64>,
}

/// The record that everybody writes.
pub const HOT: &str = "hot";
/// A proposal that is taken back is so within this time.
const CANCELLED_WITHIN_MS: u64 = 1_500;
/// How many of those who read assert a version, in thousandths: they are refused when it has changed meanwhile.
const ASSERTED_PER_MILLE: u32 = 300;
/// Most legs of a proposal.
const MAX_LEGS: usize = 16;
/// Longest wait in the relay's queue, in its blocks.
const MAX_VALID_BLOCKS: u64 = 100_000;

impl Workload {
    pub(super) fn check(&self, subchains: usize) -> Result<(), ScenarioError> {
        let value = |key: &str, problem: &str| Err(ScenarioError::value(&format!("workload.{key}"), problem));
        if self.proposals_per_s > 1_000 || self.local_per_s > 1_000 {
            return value("proposals_per_s", "at most 1000 proposals and 1000 local transactions per second");
        }
        let others = [("local_hot_per_mille", self.local_hot_per_mille), ("repeat_per_mille", self.repeat_per_mille)];
        let shares = [self.of_proposals().as_slice(), others.as_slice()].concat();
        if let Some((key, _)) = shares.iter().find(|(_, share)| *share > 1_000) {
            return value(key, "at most 1000");
        }
        if self.notify_per_mille > 0 && self.legs < 2 {
            return value("notify_per_mille", "a proposal with a NOTIFY leg has another leg too");
        }
        if self.t_prep == 0 || self.t_prep > 2_000 {
            return value("t_prep", "between 1 and 2000 blocks of the relay");
        }
        if !(1..=MAX_VALID_BLOCKS).contains(&self.valid_blocks) {
            return value("valid_blocks", "between 1 and 100000 blocks of the relay");
        }
        if !(0..=MAX_BALANCE).contains(&self.opening_balance) {
            return value("opening_balance", "between 0 and 1000000000, the bounds of every balance");
        }
        if self.local_hot_per_mille > 0 && self.local_kind == LocalKind::Transfers {
            return value("local_hot_per_mille", "local transfers write no record: leave one of the two keys out");
        }
        if self.local_hot_per_mille > 0 && self.local_per_s == 0 {
            return value("local_hot_per_mille", "there are no local transactions: write local_per_s too");
        }
        if self.kind == WorkloadKind::Csv {
            return self.check_csv();
        }
        if let Some((key, _)) = self.of_proposals().iter().find(|(_, share)| *share > 0)
            && self.proposals_per_s == 0
        {
            return value(key, "there are no proposals: write proposals_per_s above 0");
        }
        let of_csv =
            [("columns", !self.columns.is_empty()), ("file", self.file.is_some()), ("skip", !self.skip.is_empty())];
        if let Some((key, _)) = of_csv.into_iter().find(|(_, is_given)| *is_given) {
            return value(key, "only a workload of kind csv has it");
        }
        if self.proposals_per_s > 0 && (self.legs == 0 || self.legs > subchains.min(MAX_LEGS)) {
            return value("legs", "at least 1, at most 16 and at most as many as there are subchains");
        }
        let reads = self.read_per_mille > 0 || self.prefix_per_mille > 0;
        if self.proposals_per_s > 0 && reads && self.legs >= subchains.min(MAX_LEGS) {
            let key = if self.read_per_mille > 0 { "read_per_mille" } else { "prefix_per_mille" };
            return value(key, "the leg that reads is on a subchain of its own: write fewer legs, or more subchains");
        }
        Ok(())
    }

    /// What proposals that are made up do now and then.
    const fn of_proposals(&self) -> [(&'static str, u32); 6] {
        [
            ("hot_per_mille", self.hot_per_mille),
            ("notify_per_mille", self.notify_per_mille),
            ("read_per_mille", self.read_per_mille),
            ("prefix_per_mille", self.prefix_per_mille),
            ("shared_per_mille", self.shared_per_mille),
            ("cancel_per_mille", self.cancel_per_mille),
        ]
    }

    fn check_csv(&self) -> Result<(), ScenarioError> {
        let value = |key: &str, problem: &str| Err(ScenarioError::value(&format!("workload.{key}"), problem));
        if self.file.is_none() || self.columns.len() != 3 {
            return value("columns", "a CSV workload names its file and three columns: two parties and a reference");
        }
        if !self.skip.is_empty() && self.skip.len() != 2 {
            return value("skip", "two texts: a column and what stands in it when the row is left out");
        }
        if let Some((key, _)) = self.of_proposals().iter().find(|(_, share)| *share > 0) {
            return value(key, "a row of a CSV file says what its proposal does: leave this key out");
        }
        if self.legs != 2 {
            return value("legs", "a row of a CSV file has two parties: leave this key out");
        }
        Ok(())
    }

    /// Everything that comes within `length_ms`, in order of time. Rows come one after the other at the workload's
    /// rate, all of them.
    pub fn arrivals(&self, rows: &[Row], subchains: usize, length_ms: u64, seed: Seed) -> Vec<Arrival> {
        let mut random = Random::new(seed, 50);
        // A stream of its own: reads and cancels do not shift what else arrives.
        let mut on_reads = Random::new(seed, 51);
        let mut arrivals = Vec::new();
        if self.kind == WorkloadKind::Csv {
            let parties = Self::parties(rows);
            let position = |name: &String| parties.binary_search(name).unwrap_or(0);
            let gap_ms = 1_000 / u64::from(self.proposals_per_s.max(1));
            for (number, row) in (0u64..).zip(rows) {
                arrivals.push(Arrival {
                    at_ms: number * gap_ms,
                    parties: vec![position(&row.first), position(&row.second)],
                    reference: row.reference.clone(),
                    amount: Some(1),
                    repeats: random.chance(self.repeat_per_mille),
                    ..Arrival::default()
                });
            }
        } else {
            let proposals = u64::from(self.proposals_per_s) * length_ms / 1_000;
            for number in 0..proposals {
                let at_ms = random.below(length_ms);
                let parties = self.choose(subchains, &mut random);
                let is_hot = random.chance(self.hot_per_mille);
                let reference = if is_hot { HOT.to_owned() } else { format!("deal/{number}") };
                let amount = (self.kind == WorkloadKind::Transfers).then(|| 1 + random.below(20).min(19) as i64);
                let notifies = random.chance(self.notify_per_mille);
                let repeats = random.chance(self.repeat_per_mille);
                let drawn = Arrival { at_ms, parties, reference, amount, notifies, repeats, ..Arrival::default() };
                arrivals.push(self.with_reads(drawn, subchains, &mut on_reads));
            }
        }
        for chain in 0..subchains {
            for number in 0..u64::from(self.local_per_s) * length_ms / 1_000 {
                let at_ms = random.below(length_ms);
                let is_hot = random.chance(self.local_hot_per_mille);
                let repeats = random.chance(self.repeat_per_mille);
                arrivals.push(Arrival {
                    at_ms,
                    parties: vec![chain],
                    reference: if is_hot { HOT.to_owned() } else { format!("local/{number}") },
                    amount: match self.local_kind {
                        LocalKind::Records => None,
                        LocalKind::Transfers => Some(20 - random.below(41) as i64),
                    },
                    is_local: true,
                    repeats,
                    ..Arrival::default()
                });
            }
        }
        arrivals.sort_by_key(|arrival| arrival.at_ms);
        arrivals
    }

    /// What a proposal reads, and whether it is taken back.
    fn with_reads(&self, drawn: Arrival, subchains: usize, random: &mut Random) -> Arrival {
        let scans = random.chance(self.prefix_per_mille);
        let reads = random.chance(self.read_per_mille) || scans;
        let left: Vec<usize> = (0..subchains).filter(|position| !drawn.parties.contains(position)).collect();
        let place = usize::try_from(random.below(left.len() as u64)).unwrap_or(0);
        let is_cancelled = random.chance(self.cancel_per_mille);
        Arrival {
            reader: left.get(place).copied().filter(|_| reads),
            scans,
            // Who writes the record holds it already.
            shares: random.chance(self.shared_per_mille) && drawn.reference != HOT,
            asserts: random.chance(ASSERTED_PER_MILLE),
            cancelled_after_ms: is_cancelled.then(|| random.below(CANCELLED_WITHIN_MS + 1)),
            ..drawn
        }
    }

    /// As many different subchains as a proposal has legs.
    fn choose(&self, subchains: usize, random: &mut Random) -> Vec<usize> {
        let mut left: Vec<usize> = (0..subchains).collect();
        let mut chosen = Vec::new();
        while chosen.len() < self.legs && !left.is_empty() {
            let place = usize::try_from(random.below(left.len() as u64)).unwrap_or(0);
            chosen.push(left.remove(place));
        }
        chosen
    }
}
