//! A random sample of bundles: each must verify offline, and no tampered one may.

use super::drive::End;
use super::network::DemoNetwork;
use super::rows::Departure;
use crate::exit::{Failure, Outcome};
use ledger_protocol::ProposalId;
use ledger_protocol::chain::Checkpoint;
use ledger_protocol::codec::{decode, encode};
use ledger_protocol::proof::{Bundle, CHECKSUM_BYTES, checksum};
use node_gateway::Backend as _;
use node_runtime::HostBackend;
use std::path::Path;

/// What the sample showed.
#[derive(Debug, Default)]
pub(super) struct Sampled {
    /// Bundles that verified.
    pub(super) verified: u64,
    /// Tampered copies tried.
    pub(super) tampered: u64,
    /// Tampered copies refused.
    pub(super) refused: u64,
    /// The first bundle that did not verify, or tampered copy that did.
    pub(super) problem: Option<String>,
}

/// Tampered copies per bundle: one flipped bit each, spread over the whole file.
const TAMPERED_PER_BUNDLE: usize = 64;

/// A small generator for choosing samples; nothing secret depends on it.
struct Chooser(u64);

impl Chooser {
    fn below(&mut self, limit: usize) -> usize {
        // SplitMix64 (Steele, Lea, Flood 2014).
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^= mixed >> 31;
        usize::try_from(mixed % (limit.max(1) as u64)).unwrap_or(0)
    }
}

/// Makes, verifies and tampers with `count` bundles chosen at random; writes them and the checkpoint if asked to.
pub(super) fn sample(
    network: &DemoNetwork,
    ends: &[(ProposalId, Departure, End)],
    count: usize,
    seed: u64,
    out: Option<&Path>,
) -> Outcome<Sampled> {
    let backend = HostBackend::new("demo", network.node.host().clone());
    let view = backend.checkpoint(node_runtime::devnet::RELAY, None).map_err(Failure::internal)?;
    let bytes = hex::decode(&view.checkpoint).map_err(Failure::internal)?;
    let checkpoint: Checkpoint = decode(&bytes, 4_096).map_err(Failure::internal)?;
    if let Some(out) = out {
        std::fs::create_dir_all(out).map_err(|error| Failure::input(out, error))?;
        let file = out.join("relay.checkpoint");
        std::fs::write(&file, encode(&checkpoint)).map_err(|error| Failure::input(&file, error))?;
    }
    let mut sampled = Sampled::default();
    let mut choose = Chooser(seed);
    // Refused submissions have no record and so no bundle.
    let mut left: Vec<&(ProposalId, Departure, End)> = ends
        .iter()
        .filter(|(_, _, end)| !matches!(end, End::Aborted(reason) if reason.starts_with("refused")))
        .collect();
    for _ in 0..count.min(left.len()) {
        let (id, row, _) = left.swap_remove(choose.below(left.len()));
        let file = match backend.bundle(*id, Some(checkpoint.height)) {
            Ok(file) => file,
            Err(problem) => {
                sampled.problem.get_or_insert(format!("no bundle of {id}: {problem}"));
                continue;
            }
        };
        if let Some(out) = out {
            let name = format!("{}-{}-{}-{}.bundle", row.date, row.carrier, row.flight, row.origin);
            let path = out.join(name);
            std::fs::write(&path, &file).map_err(|error| Failure::input(&path, error))?;
        }
        match Bundle::from_file(&file).and_then(|bundle| bundle.verify(&checkpoint)) {
            Ok(verified) if verified.id == *id => sampled.verified += 1,
            Ok(verified) => {
                sampled.problem.get_or_insert(format!("the bundle of {id} proves {}", verified.id));
            }
            Err(error) => {
                sampled.problem.get_or_insert(format!("the bundle of {id} does not verify: {error}"));
            }
        }
        for _ in 0..TAMPERED_PER_BUNDLE {
            let mut tampered = file.clone();
            let at = choose.below(tampered.len());
            if let Some(byte) = tampered.get_mut(at) {
                *byte ^= 1 << choose.below(8);
            }
            // Before the checksum the change is a forger's, who makes the checksum fit: the proof itself must refuse it.
            if let Some((before, stated)) = tampered.split_last_chunk_mut::<CHECKSUM_BYTES>()
                && at < before.len()
            {
                *stated = checksum(before);
            }
            sampled.tampered += 1;
            match Bundle::from_file(&tampered).and_then(|bundle| bundle.verify(&checkpoint)) {
                Err(_) => sampled.refused += 1,
                Ok(_) => {
                    sampled.problem.get_or_insert(format!("the bundle of {id} verifies with byte {at} changed"));
                }
            }
        }
    }
    Ok(sampled)
}
