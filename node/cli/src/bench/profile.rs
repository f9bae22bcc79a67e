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

/// Measures the rest and writes the file.
pub(super) fn write(file: &Path, phases: &BTreeMap<&'static str, f64>, validators: u16, cores: usize) -> Outcome {
    let phase = |name| phases.get(name).copied().unwrap_or(0.0);
    let metered = meter_network(CpuClock, Suite::Standard, usize::from(validators), PROPOSALS)
        .map_err(|failure| Failure::internal(failure.property))?;
    let mut profile = Profile {
        format: FORMAT.to_owned(),
        machine: Machine { cores, validators, suite: "standard".to_owned() },
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
