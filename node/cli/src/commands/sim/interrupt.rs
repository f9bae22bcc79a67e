//! Ctrl-C during a long command: the first asks it to end in good order, the second ends the process at once.
//!
//! No other signal is caught: what was started to outlive its terminal does.

use crate::exit::{Failure, Outcome};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::signal::unix::{SignalKind, signal};

/// What a shell says of a process that Ctrl-C has ended.
const ENDED_BY_INTERRUPT: i32 = 130;

/// Whether somebody asked the command to end.
pub(super) struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Listens from now on, on a thread of its own that ends with the process.
    pub(super) fn listen() -> Outcome<Self> {
        let cannot = |error: std::io::Error| Failure::internal(format_args!("signals cannot be received: {error}"));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().map_err(cannot)?;
        let mut interrupts = {
            let _entered = runtime.enter();
            signal(SignalKind::interrupt()).map_err(cannot)?
        };
        let asked = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&asked);
        let listen = move || {
            runtime.block_on(interrupts.recv());
            told.store(true, Ordering::Relaxed);
            runtime.block_on(interrupts.recv());
            std::process::exit(ENDED_BY_INTERRUPT);
        };
        std::thread::Builder::new().name("interrupt".to_owned()).spawn(listen).map_err(cannot)?;
        Ok(Self(asked))
    }

    /// Whether the first one has come.
    pub(super) fn is_asked(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
