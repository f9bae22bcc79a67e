//! What the figures of `crosstie sim scale` rest on, in words.

use simulator::scale::{Plan, Profile};

/// One sentence each, without its full stop.
pub(super) fn list(profile: &Profile, plan: &Plan) -> Vec<String> {
    let (machine, timing, limits) = (&profile.machine, &plan.timing, &plan.limits);
    let load = match machine.load_average {
        Some([before, after]) => {
            let doubt = if machine.was_loaded() {
                ": other work kept it busy, so costs are too high rather than too low"
            } else {
                ""
            };
            format!("load average {before:.2} before and {after:.2} after{doubt}")
        }
        None => "its load is not known".to_owned(),
    };
    vec![
        format!(
            "CPU costs are the profile's: measured {} on a machine of {} cores ({load}), {} validators per chain, suite \
             {}. `crosstie bench --profile-out FILE` takes them again",
            machine.measured_at, machine.cores, machine.validators, machine.suite
        ),
        format!(
            "Times that are not CPU time were measured in the simulator, on its local network (1 to 12 ms per message, \
             disks of up to 2 ms): votes of a block {:.0} ms, a list to the relay {:.0} ms, to a subchain {:.0} ms, a \
             submission {:.0} ms",
            timing.votes_ms, timing.to_relay_ms, timing.to_subchain_ms, timing.submit_ms
        ),
        format!(
            "A validator of a subchain has {} core of its own, one of the relay {}; processes of one machine would share \
             them. The proposer executes a block, then the others do",
            plan.subchain_cores, plan.relay_cores
        ),
        format!(
            "Blocks not before {} ms (relay) and {} ms (subchain)",
            plan.relay_interval_ms, plan.subchain_interval_ms
        ),
        format!(
            "Limits are the protocol's: {} messages per list, one Advance per subchain and block of the relay; of the \
             relay's block {} inputs, {:.0} KiB, of it {:.0} KiB for Advances, messages until {:.0} changes; {} \
             proposals in the relay's queue, where only those wait that have not begun; {} legs in flight per chain; {} \
             transactions in a subchain's block",
            limits.list_messages,
            limits.relay_inputs,
            limits.relay_bytes / 1024.0,
            limits.relay_interchain_bytes / 1024.0,
            limits.relay_changes,
            limits.queued,
            limits.in_flight,
            limits.subchain_inputs
        ),
        format!(
            "Sizes as measured in the simulator: a proposal {:.0} bytes, an Advance {:.0} and {:.0} per message; {:.1} \
             changes of the relay's state per proposal, {:.1} per message",
            timing.proposal_bytes,
            timing.advance_bytes,
            timing.message_bytes,
            timing.proposal_changes,
            timing.message_changes
        ),
        format!(
            "Clients of every subchain keep up to {} proposals and {} transactions under way, begun in the fixed mix, so a \
             saturated relay holds back local work too, as it does for a business whose work comes in that mix. They hold \
             proposals back while {} of all of them wait for a block of the relay: with more, its blocks would take \
             longer than consensus waits for them",
            plan.window, plan.local_window, plan.unordered
        ),
        format!(
            "Proposals of {} legs over subchains picked evenly, all committed, no two on one key; proposers so many that \
             no limit per proposer binds",
            plan.legs
        ),
        "To store, log and send a proposal, an Advance or a message costs what it costs for one transaction: bench does \
         not measure it apart"
            .to_owned(),
    ]
}
