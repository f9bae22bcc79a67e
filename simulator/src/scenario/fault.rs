//! Faults as a scenario file plans them: once at a time, again and again, or by chance.

use super::ScenarioError;
use serde::Deserialize;

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FaultKind {
    /// The process dies and its disk keeps everything that was written.
    Crash,
    /// The power goes: what was not synced is lost.
    PowerCut,
    /// The power goes: the seed says how much of what was not synced is kept.
    TornTail,
    /// The process dies and comes back with an empty disk.
    Wipe,
    /// The target can neither be reached nor reach anybody else.
    Partition,
    /// The target can be reached, but reaches nobody: half of every link is dead.
    OneWayPartition,
    /// Every courier is dead.
    CourierOutage,
    /// The disk refuses to write: the process stops, and stops again until there is room.
    DiskFull,
    /// Every barrier of the target's disk takes 250 ms longer.
    SlowDisk,
    /// The target's clock jumps two minutes ahead and, when it is over, back.
    ClockJump,
    /// The target's clock stands still.
    ClockStop,
    /// All processes of a chain die and come back with the disks that they had a while ago: the chain has lost what it
    /// said since, and grows another branch.
    RestoreBackup,
    /// The disk answers some more reads, as many as the seed says, and then every one with an error: the process stops,
    /// and stops again until the disk is mended.
    DiskError,
}

impl FaultKind {
    /// Every kind.
    pub const ALL: [Self; 13] = [
        Self::Crash,
        Self::PowerCut,
        Self::TornTail,
        Self::Wipe,
        Self::Partition,
        Self::OneWayPartition,
        Self::CourierOutage,
        Self::DiskFull,
        Self::SlowDisk,
        Self::ClockJump,
        Self::ClockStop,
        Self::RestoreBackup,
        Self::DiskError,
    ];

    /// As scenario files and reports name it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Crash => "crash",
            Self::PowerCut => "power-cut",
            Self::TornTail => "torn-tail",
            Self::Wipe => "wipe",
            Self::Partition => "partition",
            Self::OneWayPartition => "one-way-partition",
            Self::CourierOutage => "courier-outage",
            Self::DiskFull => "disk-full",
            Self::SlowDisk => "slow-disk",
            Self::ClockJump => "clock-jump",
            Self::ClockStop => "clock-stop",
            Self::RestoreBackup => "restore-backup",
            Self::DiskError => "disk-error",
        }
    }
}

/// Whom it hits.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Target {
    /// One validator of any chain, chosen by the seed.
    #[default]
    Anyone,
    /// The proposer of the next block of a chain chosen by the seed.
    Leader,
    /// One validator of the relay.
    Relay,
    /// All validators of the relay.
    WholeRelay,
    /// One validator of this subchain.
    Subchain(String),
    /// All validators of this subchain.
    WholeSubchain(String),
    /// All validators of a subchain chosen by the seed.
    AnyWholeSubchain,
    /// Every process at once.
    Everybody,
}

/// A fault of a scenario: what, whom, when, how long.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultPlan {
    /// What.
    pub kind: FaultKind,
    /// Whom.
    #[serde(default)]
    pub target: Target,
    /// When it strikes first; by chance after this time.
    #[serde(default)]
    pub at_ms: u64,
    /// It strikes again after so long, up to the scenario's length; absent: once.
    #[serde(default)]
    pub every_ms: Option<u64>,
    /// How likely each strike is, in thousandths.
    #[serde(default = "always")]
    pub chance_per_mille: u32,
    /// How long it lasts.
    pub for_ms: u64,
    /// Of `restore-backup`: how old the disks are.
    #[serde(default)]
    pub backup_age_ms: Option<u64>,
    /// Of `restore-backup`: how long after the processes are back people begin to heal it.
    #[serde(default)]
    pub healed_after_ms: Option<u64>,
}

/// How long people need to notice that a chain lost blocks, unless a scenario says otherwise.
pub(super) const HEALED_AFTER_MS: u64 = 5_000;

const fn always() -> u32 {
    1_000
}

impl FaultPlan {
    pub(super) fn check(&self, name: &str) -> Result<(), ScenarioError> {
        if self.for_ms == 0 || self.for_ms > super::MAX_LENGTH_MS {
            return Err(ScenarioError::value(
                &format!("{name}.for_ms"),
                "a fault lasts at least 1 ms and at most a day",
            ));
        }
        if self.every_ms.is_some_and(|every_ms| every_ms < 10) {
            return Err(ScenarioError::value(&format!("{name}.every_ms"), "a fault strikes every 10 ms at most"));
        }
        if self.chance_per_mille > 1_000 {
            return Err(ScenarioError::value(&format!("{name}.chance_per_mille"), "at most 1000"));
        }
        if self.kind == FaultKind::CourierOutage && self.target != Target::Anyone {
            let problem = "every courier is dead in a courier-outage: leave the key out";
            return Err(ScenarioError::value(&format!("{name}.target"), problem));
        }
        let cuts_off = matches!(self.kind, FaultKind::Partition | FaultKind::OneWayPartition);
        if cuts_off && self.target == Target::Everybody {
            let problem = "everybody is cut off from nobody: write whom it cuts off from all others";
            return Err(ScenarioError::value(&format!("{name}.target"), problem));
        }
        self.check_backup(name)
    }

    /// People must come while the trial still waits for them.
    pub(super) fn check_settling(&self, name: &str, settle_ms: u64) -> Result<(), ScenarioError> {
        let healed_after_ms = self.healed_after_ms.unwrap_or(HEALED_AFTER_MS);
        if self.kind == FaultKind::RestoreBackup && healed_after_ms >= settle_ms {
            let problem = format!(
                "{healed_after_ms} ms are not below settle_ms, which is {settle_ms}: nobody could heal the chain in \
                 time; write less, or a longer settle_ms"
            );
            return Err(ScenarioError::value(&format!("{name}.healed_after_ms"), problem));
        }
        Ok(())
    }

    fn check_backup(&self, name: &str) -> Result<(), ScenarioError> {
        let (age, healed) = (self.backup_age_ms, self.healed_after_ms);
        if self.kind != FaultKind::RestoreBackup {
            let given = age.map(|_| "backup_age_ms").or(healed.map(|_| "healed_after_ms"));
            return given.map_or(Ok(()), |key| {
                Err(ScenarioError::value(&format!("{name}.{key}"), "only a restore-backup has it"))
            });
        }
        if !matches!(self.target, Target::WholeRelay | Target::WholeSubchain(_) | Target::AnyWholeSubchain) {
            let problem = "a whole chain is restored: whole-relay, { whole-subchain = … } or any-whole-subchain";
            return Err(ScenarioError::value(&format!("{name}.target"), problem));
        }
        if !age.is_some_and(|age| (1..=super::MAX_LENGTH_MS).contains(&age)) {
            return Err(ScenarioError::value(&format!("{name}.backup_age_ms"), "needed: at least 1 ms, at most a day"));
        }
        if healed.is_some_and(|healed| healed > super::MAX_LENGTH_MS) {
            return Err(ScenarioError::value(&format!("{name}.healed_after_ms"), "at most a day"));
        }
        Ok(())
    }
}
