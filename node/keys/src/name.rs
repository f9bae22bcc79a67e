//! Names of keys: safe as parts of file names on every system.

use std::fmt;
use std::str::FromStr;

/// The longest name.
const MAX_BYTES: usize = 64;

/// A key's name: 1 to 64 of `a-z 0-9 - _`, the first a letter or digit.
///
/// There is no upper case, because some file systems do not tell it from lower case, and no dot or slash.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeyName(String);

/// A text that is no key name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` is no key name; use 1 to 64 of a-z, 0-9, - and _, starting with a letter or digit")]
pub struct KeyNameError {
    /// The start of the text, printable.
    pub name: String,
}

impl KeyName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for KeyName {
    type Err = KeyNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let first = text.bytes().next().is_some_and(allowed);
        let rest = text.bytes().all(|byte| allowed(byte) || byte == b'-' || byte == b'_');
        if first && rest && text.len() <= MAX_BYTES {
            return Ok(KeyName(text.to_owned()));
        }
        Err(KeyNameError { name: text.chars().take(MAX_BYTES).flat_map(char::escape_default).collect() })
    }
}

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
