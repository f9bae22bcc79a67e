//! The smallest list of strikes that still breaks a property: delta debugging (Zeller and Hildebrandt, "Simplifying and
//! Isolating Failure-Inducing Input", 2002, algorithm ddmin).
//!
//! Deterministic, as every trial is. Ends when no single strike can be left out, or after `budget` trials.

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shrunk {
    /// Numbers of the strikes that are left.
    pub strikes: Vec<usize>,
    /// Trials run.
    pub trials: usize,
    /// Whether none of them can be left out; otherwise the budget ended the search.
    pub is_minimal: bool,
}

/// Shrinks a failing list; `fails` runs a trial with some of the strikes and tells whether the same property breaks.
pub fn shrink(strikes: &[usize], budget: usize, mut fails: impl FnMut(&[usize]) -> bool) -> Shrunk {
    let mut left = strikes.to_vec();
    let mut trials = 0;
    let mut parts = 2usize;
    while !left.is_empty() {
        let size = left.len().div_ceil(parts).max(1);
        let mut smaller = None;
        for start in (0..left.len()).step_by(size) {
            if trials == budget {
                return Shrunk { strikes: left, trials, is_minimal: false };
            }
            // ddmin's "reduce to complement"; with parts of one strike it is also the check of minimality.
            let end = (start + size).min(left.len());
            let without: Vec<usize> =
                left.iter().enumerate().filter(|(place, _)| !(start..end).contains(place)).map(|(_, it)| *it).collect();
            trials += 1;
            if fails(&without) {
                smaller = Some(without);
                break;
            }
        }
        match smaller {
            Some(without) => {
                left = without;
                parts = parts.saturating_sub(1).max(2);
            }
            None if size == 1 => break,
            None => parts = (parts * 2).min(left.len()),
        }
    }
    Shrunk { strikes: left, trials, is_minimal: true }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_needed_is_left_and_nothing_else() {
        let all: Vec<usize> = (0..97).collect();
        for needed in [vec![], vec![0], vec![96], vec![13, 14], vec![3, 50, 90]] {
            let shrunk = shrink(&all, 10_000, |some| needed.iter().all(|it| some.contains(it)));
            assert_eq!(shrunk.strikes, needed);
            assert!(shrunk.is_minimal);
        }
    }

    #[test]
    fn a_budget_ends_the_search_with_a_list_that_fails() {
        let all: Vec<usize> = (0..64).collect();
        let shrunk = shrink(&all, 3, |some| some.contains(&7) && some.contains(&60));
        assert!(shrunk.strikes.contains(&7) && shrunk.strikes.contains(&60));
        assert_eq!((shrunk.trials, shrunk.is_minimal), (3, false));
    }
}
