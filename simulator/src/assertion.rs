//! Failing assertions of the code under test: caught where they fail, so that a run reports them as a broken property with
//! its scenario, seed and recent past instead of ending the process.
//!
//! While [`catch`] runs, this thread's panics are not printed: their words are in the contradiction. Somebody who sets
//! `RUST_BACKTRACE` gets them with the backtrace on stderr as well. Other threads and panics outside of it are untouched.
//! Bounds: what aborts the process (a stack that overflows, memory that is used up) is not caught.

use crate::failure::Contradiction;
use std::any::Any;
use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind, set_hook, take_hook};
use std::sync::Once;

/// What a failing assertion of the code under test is reported as.
pub const ASSERTION: &str = "no assertion fails";

thread_local! {
    /// How many calls of [`catch`] are under way.
    static DEPTH: Cell<u32> = const { Cell::new(0) };
    /// File and line of the last panic that was caught.
    static PLACE: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Runs something of which an assertion may fail; what it leaves half done must not be run on.
///
/// # Errors
/// [`Contradiction`] with the words of the assertion, its file and its line.
pub fn catch<T>(run: impl FnOnce() -> T) -> Result<T, Contradiction> {
    listen();
    DEPTH.with(|depth| depth.set(depth.get() + 1));
    let run = catch_unwind(AssertUnwindSafe(run));
    DEPTH.with(|depth| depth.set(depth.get() - 1));
    run.map_err(|payload| {
        let place = PLACE.with(RefCell::take).unwrap_or_else(|| "an unknown place".to_owned());
        let words = format!("{} ({place})", words(&*payload));
        Contradiction::new("no assertion of the code under test fails", words)
    })
}

/// What a panic says.
fn words(payload: &(dyn Any + Send)) -> &str {
    let owned = payload.downcast_ref::<String>().map(String::as_str);
    owned.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or("it says nothing")
}

/// Puts itself before the hook of panics, once in a process.
fn listen() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = take_hook();
        set_hook(Box::new(move |info| {
            if DEPTH.with(Cell::get) == 0 {
                before(info);
                return;
            }
            note(info);
            if std::env::var_os("RUST_BACKTRACE").is_some_and(|value| value != "0") {
                before(info);
            }
        }));
    });
}

fn note(info: &PanicHookInfo<'_>) {
    let place = info.location().map(|place| format!("{}:{}", place.file(), place.line()));
    PLACE.with(|last| *last.borrow_mut() = place);
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn what_runs_through_is_handed_on() {
        assert_eq!(catch(|| 7), Ok(7));
    }

    #[test]
    fn a_failing_assertion_is_told_with_its_words_and_place() {
        let told = catch(|| assert!(std::env::args().count() > 9_999, "{} are too few", 3)).unwrap_err();
        assert!(told.second.starts_with("3 are too few ("), "{told:?}");
        assert!(told.second.contains(&format!("{}:", file!())), "{told:?}");
        // The next one does not inherit its place.
        let told = catch(|| std::panic::resume_unwind(Box::new("no hook is asked"))).map(|()| 0).unwrap_err();
        assert_eq!(told.second, "no hook is asked (an unknown place)");
    }
}
