//! Rows of a CSV file as keys and values. A bad row is an error that names its line; memory is bounded by one row.

use crate::exit::{Failure, Outcome};
use ledger_protocol::transaction::{StateKey, Value};
use serde::Serializer as _;
use std::cell::Cell;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// Longest row in bytes: more than any value holds. A quote that is never closed ends here too.
const MAX_ROW_BYTES: u64 = 256 << 10;

/// A record to be written.
#[derive(Debug, Clone)]
pub(super) struct Row {
    /// The file's line on which it begins.
    pub(super) line: u64,
    /// Its key, made of the key columns.
    pub(super) key: StateKey,
    /// The row as a JSON object of its columns, in their order.
    pub(super) value: Value,
}

/// A CSV file, read row by row.
pub(super) struct Rows {
    file: PathBuf,
    reader: csv::Reader<Budgeted>,
    budget: Rc<Cell<u64>>,
    columns: Vec<String>,
    key_columns: Vec<usize>,
    record: csv::StringRecord,
    bytes: u64,
}

/// A file that may only be read so far until the next row is allowed.
struct Budgeted {
    file: File,
    budget: Rc<Cell<u64>>,
}

impl Read for Budgeted {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.budget.get() == 0 {
            return Err(std::io::Error::other(format!(
                "the row is longer than {MAX_ROW_BYTES} bytes; is a quote never closed?"
            )));
        }
        let read = self.file.read(buffer)?;
        self.budget.set(self.budget.get().saturating_sub(read as u64));
        Ok(read)
    }
}

impl Rows {
    /// Opens a file, reads its head and finds the key columns.
    pub(super) fn open(file: &Path, key_columns: &[String]) -> Outcome<Self> {
        let failed = |error: std::io::Error| {
            Failure::input(file, format_args!("cannot be read: {error}")).next("check the path and who may read it")
        };
        let opened = File::open(file).map_err(failed)?;
        let bytes = opened.metadata().map_err(failed)?.len();
        let budget = Rc::new(Cell::new(MAX_ROW_BYTES));
        let source = Budgeted { file: opened, budget: Rc::clone(&budget) };
        let mut reader = csv::ReaderBuilder::new().from_reader(source);
        let head = reader.headers().map_err(|error| row_failure(file, 1, &error))?;
        let columns: Vec<String> = head.iter().map(str::to_owned).collect();
        let at_head = |what: String| Failure::input_line(file, 1, what);
        if columns.iter().all(|column| column.trim().is_empty()) {
            return Err(at_head("the file names no columns".into()).next("its first line must name the columns"));
        }
        for (index, column) in columns.iter().enumerate() {
            if columns.iter().take(index).any(|other| other == column) {
                return Err(at_head(format!("two columns are named {column:?}")).next("rename one of them"));
            }
        }
        let mut chosen = Vec::new();
        for name in key_columns {
            let index = columns.iter().position(|column| column == name).ok_or_else(|| {
                at_head(format!("there is no column {name:?}"))
                    .next(format_args!("choose among: {}", columns.join(", ")))
            })?;
            chosen.push(index);
        }
        if chosen.is_empty() {
            chosen.push(0);
        }
        Ok(Self {
            file: file.to_owned(),
            reader,
            budget,
            columns,
            key_columns: chosen,
            record: csv::StringRecord::new(),
            bytes,
        })
    }

    /// Bytes of the file.
    pub(super) const fn file_bytes(&self) -> u64 {
        self.bytes
    }

    /// Bytes read so far.
    pub(super) fn position_bytes(&self) -> u64 {
        self.reader.position().byte()
    }

    /// The next row; nothing at the end.
    pub(super) fn next_row(&mut self) -> Outcome<Option<Row>> {
        self.budget.set(MAX_ROW_BYTES);
        let before = self.reader.position().line();
        match self.reader.read_record(&mut self.record) {
            Ok(true) => {}
            Ok(false) => return Ok(None),
            Err(error) => return Err(row_failure(&self.file, before, &error)),
        }
        let line = self.record.position().map_or(before, csv::Position::line);
        let wrong = |what: String, next: &str| Failure::input_line(&self.file, line, what).next(next);
        let key = self.key();
        if key.is_empty() {
            return Err(wrong("the key columns are empty".into(), "fill them in, or choose other --key-columns"));
        }
        let key = StateKey::new(key)
            .map_err(|error| wrong(format!("the key is too long: {error}"), "choose fewer or shorter --key-columns"))?;
        let value = Value::new(self.value()?)
            .map_err(|error| wrong(format!("the row is too long: {error}"), "split the row or drop columns"))?;
        Ok(Some(Row { line, key, value }))
    }

    /// The key columns' values, joined by `|`; in several columns, `\` and `|` of a value are escaped by `\`.
    fn key(&self) -> String {
        let field = |index: &usize| self.record.get(*index).unwrap_or_default();
        match self.key_columns.as_slice() {
            [only] => field(only).to_owned(),
            several if several.iter().all(|index| field(index).is_empty()) => String::new(),
            several => {
                let parts: Vec<String> =
                    several.iter().map(|index| field(index).replace('\\', "\\\\").replace('|', "\\|")).collect();
                parts.join("|")
            }
        }
    }

    fn value(&self) -> Outcome<Vec<u8>> {
        let mut bytes = Vec::new();
        let pairs = self.columns.iter().map(String::as_str).zip(self.record.iter());
        serde_json::Serializer::new(&mut bytes)
            .collect_map(pairs)
            .map_err(|error| Failure::internal(format_args!("a row cannot be written as JSON: {error}")))?;
        Ok(bytes)
    }
}

/// What is wrong with a row, in words.
fn row_failure(file: &Path, line: u64, error: &csv::Error) -> Failure {
    let line = error.position().map_or(line, csv::Position::line).max(1);
    let next = "correct the line, and run the same command again";
    match error.kind() {
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => Failure::input_line(
            file,
            line,
            format_args!("the row has {len} fields where the head names {expected_len}"),
        ),
        csv::ErrorKind::Utf8 { err, .. } => {
            Failure::input_line(file, line, format_args!("field {} is not UTF-8 text", err.field() + 1))
        }
        csv::ErrorKind::Io(error) => Failure::input_line(file, line, error),
        _ => Failure::input_line(file, line, error),
    }
    .next(next)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(content: &str) -> (tempfile::TempDir, PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("rows.csv");
        std::fs::write(&file, content).unwrap();
        (directory, file)
    }

    fn columns(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn rows_keep_their_columns_in_order_and_their_lines() {
        let (_directory, file) = write("b,a\n1,\"x|y\"\n\"2\n3\",z\n4,w\n");
        let mut rows = Rows::open(&file, &columns(&["a", "b"])).unwrap();
        let first = rows.next_row().unwrap().unwrap();
        assert_eq!((first.line, &*first.key, &*first.value), (2, &b"x\\|y|1"[..], &br#"{"b":"1","a":"x|y"}"#[..]));
        assert_eq!(rows.next_row().unwrap().unwrap().line, 3);
        assert_eq!(rows.next_row().unwrap().unwrap().line, 5);
        assert!(rows.next_row().unwrap().is_none());
    }

    #[test]
    fn a_bad_row_names_file_line_and_remedy() {
        let (_directory, file) = write("a,b\n1,2\n3\n");
        let mut rows = Rows::open(&file, &[]).unwrap();
        rows.next_row().unwrap();
        let failure = rows.next_row().unwrap_err();
        assert!(failure.place.as_deref().unwrap().ends_with("rows.csv:3"), "{failure}");
        assert!(failure.next.is_some());
        let (_directory, file) = write("a,b\n,2\n");
        let failure = Rows::open(&file, &[]).unwrap().next_row().unwrap_err();
        assert!(failure.place.as_deref().unwrap().ends_with("rows.csv:2"), "{failure}");
    }

    #[test]
    fn columns_must_exist_once() {
        let (_directory, file) = write("a,b\n1,2\n");
        assert!(Rows::open(&file, &columns(&["c"])).is_err());
        let (_directory, file) = write("a,a\n1,2\n");
        assert!(Rows::open(&file, &[]).is_err());
        let (_directory, file) = write("");
        assert!(Rows::open(&file, &[]).is_err());
    }

    #[test]
    fn a_quote_that_is_never_closed_takes_bounded_memory() {
        let endless = format!("a,b\n1,\"{}", "x".repeat(2 << 20));
        let (_directory, file) = write(&endless);
        let mut rows = Rows::open(&file, &[]).unwrap();
        let failure = rows.next_row().unwrap_err();
        assert!(failure.what.contains("quote"), "{failure}");
    }
}
