//! Every event and effect of a trial, one line each, written to a file while the trial runs.
//!
//! Errors: the first line that cannot be written ends the writing, not the trial; [`TraceFile::end`] tells it.

use crate::exit::{Failure, Outcome};
use simulator::trace::TraceSink;
use std::cell::RefCell;
use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// A file that a trial is traced to.
pub(super) struct TraceFile {
    path: PathBuf,
    /// What is written to, until it fails.
    writer: Rc<RefCell<io::Result<BufWriter<File>>>>,
}

impl TraceFile {
    /// Makes the file, or empties it.
    pub(super) fn create(path: &Path) -> Outcome<Self> {
        let file = File::create(path).map_err(|error| failure(path, &error))?;
        let writer = Rc::new(RefCell::new(Ok(BufWriter::new(file))));
        Ok(Self { path: path.to_path_buf(), writer })
    }

    /// Takes the lines.
    pub(super) fn sink(&self) -> TraceSink {
        let writer = Rc::clone(&self.writer);
        Box::new(move |line| {
            let mut writer = writer.borrow_mut();
            if let Ok(open) = &mut *writer
                && let Err(error) = writeln!(open, "{line}")
            {
                *writer = Err(error);
            }
        })
    }

    /// Writes what is left, and tells whether all of it was written.
    pub(super) fn end(self) -> Outcome {
        let mut writer = self.writer.borrow_mut();
        let written = match &mut *writer {
            Ok(open) => open.flush(),
            Err(error) => Err(io::Error::new(error.kind(), error.to_string())),
        };
        written.map_err(|error| failure(&self.path, &error))
    }
}

fn failure(path: &Path, error: &io::Error) -> Failure {
    Failure::input(path, error).next("name a file that this user can write, with --trace, on a disk with room for it")
}

#[cfg(test)]
mod tests {
    use super::*;
    use simulator::trace::TraceLine;

    #[test]
    fn a_full_disk_ends_the_trace_and_is_told() {
        // The device of Linux on which every write finds the disk full.
        let trace = TraceFile::create(Path::new("/dev/full")).expect("it opens");
        let mut sink = trace.sink();
        for at_ms in 0..1_000 {
            sink(&TraceLine { at_ms, process: Some(1), chain: None, what: "started", detail: 0 });
        }
        drop(sink);
        let failure = trace.end().expect_err("nothing could be written");
        assert!(failure.to_string().contains("/dev/full"), "{failure}");
    }
}
