//! What a command prints: data on stdout, words on stderr.
//!
//! With `--json` stdout holds JSON only, one object per line; a failure is then one line `{"error":{…}}` too.
//! Progress bars appear only when stderr is a terminal and `--json` is off; colour also needs `NO_COLOR` unset.
//! A reader that closes the pipe early is no failure.

use crate::exit::Failure;
use anstyle::{AnsiColor, Style};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;
use std::fmt::Display;
use std::io::{IsTerminal as _, Write as _};

/// Where and how a command prints.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    json: bool,
    color: bool,
    interactive: bool,
}

impl Output {
    /// Looks at the terminal and the environment.
    pub(crate) fn new(json: bool) -> Self {
        let terminal = std::io::stderr().is_terminal();
        let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self { json, color: terminal && !no_color, interactive: terminal && !json }
    }

    /// Whether a person watches progress bars.
    pub(crate) const fn is_interactive(&self) -> bool {
        self.interactive
    }

    /// Prints the outcome: as JSON, or as words.
    pub(crate) fn data<T: Serialize>(&self, outcome: &T, words: impl FnOnce(&T) -> String) {
        let text = if self.json { to_json(outcome) } else { words(outcome) };
        let mut stdout = std::io::stdout().lock();
        // A closed pipe is the reader's choice.
        writeln!(stdout, "{}", text.trim_end_matches('\n')).and_then(|()| stdout.flush()).ok();
    }

    /// Words for people, on stderr.
    pub(crate) fn say(&self, text: impl Display) {
        writeln!(std::io::stderr().lock(), "{text}").ok();
    }

    /// A warning, on stderr.
    pub(crate) fn warn(&self, text: impl Display) {
        self.labelled("warning", AnsiColor::Yellow, text);
    }

    /// A failure: words on stderr, and with `--json` an object on stdout.
    pub(crate) fn failure(&self, failure: &Failure) {
        self.labelled("error", AnsiColor::Red, failure);
        if self.json {
            #[derive(Serialize)]
            struct Shown<'a> {
                error: &'a Failure,
                exit_code: u8,
            }
            self.data(&Shown { error: failure, exit_code: failure.kind.code() }, |_| String::new());
        }
    }

    fn labelled(&self, label: &str, color: AnsiColor, text: impl Display) {
        let style = if self.color { Style::new().bold().fg_color(Some(color.into())) } else { Style::new() };
        self.say(format_args!("{style}{label}:{style:#} {text}"));
    }

    /// A bar that counts to `length`, or a spinner without a length; invisible unless a person watches.
    pub(crate) fn progress(&self, length: Option<u64>, template: &str) -> ProgressBar {
        let target = if self.interactive { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(length, target);
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar
    }
}

/// One line of JSON.
fn to_json<T: Serialize>(value: &T) -> String {
    // Every outcome is made of strings, numbers and lists; a failure here would be a bug, and is shown as one.
    serde_json::to_string(value).unwrap_or_else(|error| format!("{{\"error\":{{\"what\":\"{error}\"}}}}"))
}

/// Lines up rows under a head; the last column is not padded.
pub(crate) fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let mut widths: Vec<usize> = head.iter().map(|cell| cell.chars().count()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut text = String::new();
    let mut line = |cells: &mut dyn Iterator<Item = &str>| {
        let mut out = String::new();
        for (cell, width) in cells.zip(&widths) {
            out.push_str(cell);
            out.extend(std::iter::repeat_n(' ', width.saturating_sub(cell.chars().count()) + 2));
        }
        text.push_str(out.trim_end());
        text.push('\n');
    };
    line(&mut head.iter().copied());
    for row in rows {
        line(&mut row.iter().map(String::as_str));
    }
    text
}
