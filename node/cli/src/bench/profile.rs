//! `crosstie bench --profile-out FILE`: what `crosstie sim scale` needs to know about this machine.
//!
//! Phases of a transaction come from the bench itself: real sockets, disks, signatures. What blocks, votes, certificates
//! and cross-chain work cost comes from the real state machines, consensus and couriers in virtual time, each step
//! timed by the CPU clock of the thread: no other load of the machine is in it.

use crate::exit::{Failure, Outcome};
use cpu_time::ThreadTime;
use ledger_protocol::Suite;
use ledger_protocol::suite::{BatchItem, SecretKey, Verifier};
use simulator::scale::{FORMAT, Machine, Profile, Stopwatch, TransactionCosts, meter_network};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::SystemTime;

/// Proposals by which cross-chain work is priced.
const PROPOSALS: usize = 400;
/// Certificates by which one is priced.
const CERTIFICATES: u32 = 300;

struct CpuClock;

impl Stopwatch for CpuClock {
    fn time(&mut self, run: &mut dyn FnMut()) -> f64 {
        let start = ThreadTime::now();
        run();
        start.elapsed().as_secs_f64() * 1e6
    }
}

/// CPU microseconds to verify a quorum's signatures of one certificate.
fn certificate_us(validators: u16) -> Outcome<f64> {
    let quorum = usize::from(validators) * 2 / 3 + 1;
    let message = [7u8; 120];
    let mut signed = Vec::new();
    for number in 0..quorum {
        let seed = [number as u8 + 1; 32];
        let key = SecretKey::from_seed(Suite::Standard, seed);
        signed.push((key.public_key(), key.sign(&message)));
    }
    let items: Vec<BatchItem<'_>> =
        signed.iter().map(|(public_key, signature)| BatchItem { public_key, message: &message, signature }).collect();
    let start = ThreadTime::now();
    for _ in 0..CERTIFICATES {
        if Verifier.verify_batch(std::hint::black_box(&items)).iter().any(Result::is_err) {
            return Err(Failure::internal("a good signature is refused"));
        }
    }
    Ok(start.elapsed().as_secs_f64() * 1e6 / f64::from(CERTIFICATES))
}

/// The machine's load of the last minute, where the system tells it.
pub(super) fn load_average() -> Option<f64> {
    std::fs::read_to_string("/proc/loadavg").ok()?.split(' ').next()?.parse().ok()
}

/// The time of the machine's clock, in UTC.
fn utc_now() -> String {
    let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    utc(since_1970.as_secs())
}

/// So many seconds after 1970 began, by the calendar.
fn utc(seconds: u64) -> String {
    let (mut days, of_day) = (seconds / 86_400, seconds % 86_400);
    let is_leap = |year: u64| year.is_multiple_of(4) && !year.is_multiple_of(100) || year.is_multiple_of(400);
    let mut year = 1970;
    while days >= 365 + u64::from(is_leap(year)) {
        days -= 365 + u64::from(is_leap(year));
        year += 1;
    }
    let mut month = 1;
    for length in [31, 28 + u64::from(is_leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    let (hour, minute, second) = (of_day / 3_600, of_day / 60 % 60, of_day % 60);
    format!("{year}-{month:02}-{:02}T{hour:02}:{minute:02}:{second:02}Z", days + 1)
}

/// What the bench itself found.
#[derive(Debug)]
pub(super) struct Bench<'a> {
    pub(super) phases: &'a BTreeMap<&'static str, f64>,
    pub(super) validators: u16,
    pub(super) cores: usize,
    /// The machine's load before it began.
    pub(super) load_before: Option<f64>,
}

/// Measures the rest and writes the file.
pub(super) fn write(file: &Path, bench: &Bench<'_>) -> Outcome {
    let Bench { phases, validators, cores, load_before } = *bench;
    let phase = |name| phases.get(name).copied().unwrap_or(0.0);
    let metered = meter_network(CpuClock, Suite::Standard, usize::from(validators), PROPOSALS)
        .map_err(|failure| Failure::internal(failure.property))?;
    let mut profile = Profile {
        format: FORMAT.to_owned(),
        machine: Machine {
            cores,
            validators,
            suite: "standard".to_owned(),
            measured_at: utc_now(),
            load_average: load_before.zip(load_average()).map(|(before, after)| [before, after]),
        },
        transaction: TransactionCosts {
            verify: phase("verify"),
            execute: phase("execute"),
            state: phase("state"),
            store: phase("store"),
            log: phase("log"),
            consensus: phase("consensus"),
            serve: phase("serve"),
            network: phase("network"),
        },
        block: metered.block,
        certificate_verify: certificate_us(validators)?,
        relay: metered.relay,
        subchain: metered.subchain,
    };
    profile.round();
    std::fs::write(file, profile.to_text() + "\n")
        .map_err(|error| Failure::input(file, error).next("name a file that this user can write, with --profile-out"))
}

#[cfg(test)]
mod tests {
    use super::utc;

    #[test]
    fn seconds_become_dates() {
        assert_eq!(utc(0), "1970-01-01T00:00:00Z");
        assert_eq!(utc(951_782_399), "2000-02-28T23:59:59Z");
        assert_eq!(utc(951_782_400), "2000-02-29T00:00:00Z");
        assert_eq!(utc(1_735_689_599), "2024-12-31T23:59:59Z");
        assert_eq!(utc(1_795_435_200), "2026-11-23T12:00:00Z");
    }
}
