//! What its scenario expects of a trial that is over: judged once, after every property.

use super::Trial;
use crate::failure::Contradiction;
use crate::scenario::{Committed, EXPECTATIONS, Expect, Scenario, is_step};
use crate::world::World;

/// Breaks a trial in which no property is broken by the first expectation that it misses.
pub(super) fn judge(trial: &mut Trial, scenario: &Scenario, world: &mut World) {
    if trial.failure.is_none()
        && let Some(missed) = missed(trial, &scenario.expect)
    {
        trial.failure = Some(world.contradicted(EXPECTATIONS, missed));
    }
}

fn missed(trial: &Trial, expect: &Expect) -> Option<Contradiction> {
    missed_ends(trial, expect).or_else(|| missed_deeds(trial, expect))
}

/// How proposals ended.
fn missed_ends(trial: &Trial, expect: &Expect) -> Option<Contradiction> {
    let ended = |end: &str| trial.ends.get(end).copied().unwrap_or(0);
    let least = match &expect.committed {
        Some(Committed::AtLeast(least)) => Some(*least),
        Some(Committed::Named(_)) => {
            let honest: usize = trial.honest_ends.values().sum();
            if honest == 0 || trial.honest_ends.get("committed") != Some(&honest) {
                let ends = &trial.honest_ends;
                return Some(Contradiction::new(
                    "every proposal that names no bad chain commits, and there are some",
                    format!("of {honest} that do not name one: {ends:?}"),
                ));
            }
            None
        }
        None => None,
    };
    let counts = [
        ("committed", least),
        ("aborted", expect.aborted_at_least),
        ("rejected", expect.rejected_at_least),
        ("lost", expect.lost_at_least),
    ];
    let (end, least) = counts.into_iter().find_map(|(end, least)| {
        let least = least.filter(|least| ended(end) < *least)?;
        Some((end, least))
    })?;
    Some(Contradiction::new(
        format!("at least {least} proposals are {end}"),
        format!("of {} proposals {} are: {:?}", trial.submitted, ended(end), trial.ends),
    ))
}

/// Who is frozen, which steps were taken, what actors did.
fn missed_deeds(trial: &Trial, expect: &Expect) -> Option<Contradiction> {
    if let Some(frozen) = &expect.frozen {
        let (mut expected, mut found) = (frozen.clone(), trial.frozen.clone());
        expected.sort();
        found.sort();
        if expected != found {
            let expected = format!("the relay has frozen {expected:?} and no others");
            return Some(Contradiction::new(expected, format!("it has frozen {found:?}")));
        }
    }
    let taken = &trial.chronicle.coverage;
    if let Some(step) = expect.reaches.iter().find(|step| !taken.iter().any(|one| is_step(step, *one))) {
        let taken: Vec<String> = taken.iter().map(|(table, from, to)| format!("{table}: {from} -> {to}")).collect();
        return Some(Contradiction::new(format!("the step {step:?} is taken"), format!("the steps are {taken:?}")));
    }
    let deed = expect.misdeeds.iter().find(|deed| !trial.misdeeds.contains_key(*deed))?;
    Some(Contradiction::new(format!("an actor does {deed:?}"), format!("they do {:?}", trial.misdeeds)))
}
