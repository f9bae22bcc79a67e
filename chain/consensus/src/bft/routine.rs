//! The core at rest, or stopped in the middle of an input.
//!
//! The core handles one input as a coroutine that yields effects. Ours owns the state while it runs, so that it can
//! be put aside at a signature until the log is durable, without blocking and without unsafe code. When it is
//! dropped half way (a halt) the state goes with it.

use super::context::{CoreEffect, CoreError, CoreInput, CoreResume, CoreState};
use crate::port::BarrierId;
use arc_malachitebft_core_consensus::handle;
use genawaiter::GeneratorState;
use genawaiter::sync::{Gen, GenBoxed};

/// One input on its way through the core.
pub(super) struct Routine(GenBoxed<CoreEffect, CoreResume, (Box<CoreState>, Result<(), CoreError>)>);

/// What a routine came to.
pub(super) enum Progress {
    /// An effect wants an answer.
    Asks(CoreEffect),
    /// The input is handled.
    Ended(Box<CoreState>, Result<(), CoreError>),
}

impl Routine {
    /// Begins to handle an input; nothing runs before the first [`Self::resume`], with [`CoreResume::Start`].
    pub(super) fn new(mut state: Box<CoreState>, input: CoreInput) -> Self {
        Self(Gen::new_boxed(|co| async move {
            let result = handle(co, &mut state, &(), input).await;
            (state, result)
        }))
    }

    /// Goes on until the next effect or the end.
    pub(super) fn resume(&mut self, answer: CoreResume) -> Progress {
        match self.0.resume_with(answer) {
            GeneratorState::Yielded(effect) => Progress::Asks(effect),
            GeneratorState::Complete((state, result)) => Progress::Ended(state, result),
        }
    }
}

/// Where the core is.
pub(super) enum Machine {
    /// Not there: before the first start, after a halt, or being worked with.
    Absent,
    /// Between two inputs.
    Idle(Box<CoreState>),
    /// Stopped at a signature until a barrier is durable.
    Parked {
        /// The input under way.
        routine: Routine,
        /// What it waits for.
        barrier: BarrierId,
        /// The signed message it goes on with.
        answer: CoreResume,
    },
}
