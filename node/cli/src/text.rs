//! Texts that people type: keys, values, suites, and files of bounded length.

use crate::exit::{Failure, Outcome};
use ledger_protocol::codec::{BoundedBytes, DecodeError, Text, decode};
use std::fmt;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

/// Bytes of a text: `hex:…` is hexadecimal, everything else stands for itself.
pub(crate) fn bytes(what: &str, text: &str) -> Outcome<Vec<u8>> {
    match text.strip_prefix("hex:") {
        Some(digits) => hex::decode(digits).map_err(|error| {
            Failure::usage(format_args!("{what}: {error}")).next("write pairs of hexadecimal digits after hex:")
        }),
        None => Ok(text.as_bytes().to_vec()),
    }
}

/// As [`bytes`]; `@FILE` stands for a file's content.
pub(crate) fn bytes_or_file(what: &str, text: &str, limit: usize) -> Outcome<Vec<u8>> {
    match text.strip_prefix('@') {
        Some(file) => read_bounded(Path::new(file), limit),
        None => bytes(what, text),
    }
}

/// At most `N` bytes.
pub(crate) fn bounded<const N: usize>(what: &str, bytes: Vec<u8>) -> Outcome<BoundedBytes<N>> {
    BoundedBytes::new(bytes).map_err(|error| Failure::usage(format_args!("{what} is too long: {error}")))
}

/// A text of the protocol.
pub(crate) fn words<const N: usize>(what: &str, text: &str) -> Outcome<Text<N>> {
    Text::new(text).map_err(|error| Failure::usage(format_args!("{what} {text:?}: {error}")))
}

/// Anything with a text form of its own.
pub(crate) fn parse<T: std::str::FromStr>(what: &str, text: &str) -> Outcome<T>
where
    T::Err: fmt::Display,
{
    text.trim().parse().map_err(|error| Failure::usage(format_args!("{what}: {error}")))
}

/// A whole file of at most `limit` bytes. Reads no more than that, whatever the file is.
pub(crate) fn read_bounded(file: &Path, limit: usize) -> Outcome<Vec<u8>> {
    let failed = |error: std::io::Error| {
        Failure::input(file, format_args!("cannot be read: {error}")).next("check the path and who may read it")
    };
    let mut content = Vec::new();
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    File::open(file).map_err(failed)?.take(most).read_to_end(&mut content).map_err(failed)?;
    if content.len() > limit {
        return Err(Failure::input(file, format_args!("is longer than {limit} bytes; this is another kind of file")));
    }
    Ok(content)
}

/// As [`read_bounded`], UTF-8.
pub(crate) fn read_text(file: &Path, limit: usize) -> Outcome<String> {
    String::from_utf8(read_bounded(file, limit)?).map_err(|error| {
        let good = error.utf8_error().valid_up_to();
        let line = error.as_bytes().iter().take(good).filter(|byte| **byte == b'\n').count() as u64 + 1;
        Failure::input_line(file, line, "is not UTF-8 text").next("save it as UTF-8")
    })
}

/// A borsh object of a file, or its hexadecimal text.
pub(crate) fn read_object<T: borsh::BorshDeserialize>(file: &Path, what: &str, limit: usize) -> Outcome<T> {
    let content = read_bounded(file, limit.saturating_mul(2).saturating_add(2))?;
    let shown = |error: DecodeError| {
        Failure::input(file, format_args!("is no {what}: {error}")).next("check that it is the right file, whole")
    };
    if let Ok(text) = std::str::from_utf8(&content)
        && let Ok(binary) = hex::decode(text.trim())
        && !binary.is_empty()
    {
        return decode(&binary, limit).map_err(shown);
    }
    decode(&content, limit).map_err(shown)
}

/// Decodes hexadecimal borsh that a node sent.
pub(crate) fn from_node<T: borsh::BorshDeserialize>(what: &str, text: &str, limit: usize) -> Outcome<T> {
    let binary = hex_from_node(what, text)?;
    decode(&binary, limit)
        .map_err(|error| Failure::internal(format_args!("the node sent a {what} that does not decode: {error}")))
}

/// Hexadecimal that a node sent.
pub(crate) fn hex_from_node(what: &str, text: &str) -> Outcome<Vec<u8>> {
    hex::decode(text)
        .map_err(|error| Failure::internal(format_args!("the node sent a {what} that is no hexadecimal: {error}")))
}

/// Writes a file whole or not at all.
pub(crate) fn write_file(file: &Path, content: &[u8]) -> Outcome {
    let failed = |error: std::io::Error| {
        Failure::input(file, format_args!("cannot be written: {error}")).next("choose a directory that you may write")
    };
    if let Some(directory) = file.parent().filter(|directory| !directory.as_os_str().is_empty()) {
        std::fs::create_dir_all(directory).map_err(failed)?;
    }
    let mut name = file.as_os_str().to_owned();
    name.push(".partial");
    let partial = std::path::PathBuf::from(name);
    std::fs::write(&partial, content).and_then(|()| std::fs::rename(&partial, file)).map_err(failed)
}

/// A number of bytes from the system's randomness.
pub(crate) fn random_u64() -> Outcome<u64> {
    getrandom::u64().map_err(|error| Failure::internal(format_args!("the system gives no random bytes: {error}")))
}
