//! Errors of the interface as RFC 9457 problem details.

use serde::{Deserialize, Serialize};

/// The media type of every error body.
pub const PROBLEM_MEDIA_TYPE: &str = "application/problem+json";

/// A problem document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{title}: {detail}")]
pub struct Problem {
    /// `urn:crosstie:problem:<kind>`.
    #[serde(rename = "type")]
    pub kind: ProblemKind,
    /// Short words, the same for every problem of this kind.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What happened here and what to do next.
    pub detail: String,
    /// The protocol's stable code, where one says why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<u16>,
    /// When trying again makes sense, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
}

/// The kinds of problems.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ProblemKind {
    /// The request does not parse.
    #[serde(rename = "urn:crosstie:problem:bad-request")]
    BadRequest,
    /// Nothing of that name, id or height.
    #[serde(rename = "urn:crosstie:problem:not-found")]
    NotFound,
    /// This node does not host the chain.
    #[serde(rename = "urn:crosstie:problem:not-here")]
    NotHere,
    /// The pool refused the transaction.
    #[serde(rename = "urn:crosstie:problem:refused")]
    Refused,
    /// The node is full; try again later.
    #[serde(rename = "urn:crosstie:problem:busy")]
    Busy,
    /// What was asked for is no longer, or not yet, provable.
    #[serde(rename = "urn:crosstie:problem:not-provable")]
    NotProvable,
    /// The node failed.
    #[serde(rename = "urn:crosstie:problem:internal")]
    Internal,
}

impl Problem {
    /// A problem of a kind with the words of this case.
    pub fn new(kind: ProblemKind, detail: impl Into<String>) -> Self {
        let (title, status) = match kind {
            ProblemKind::BadRequest => ("the request is not understood", 400),
            ProblemKind::NotFound => ("not found", 404),
            ProblemKind::NotHere => ("the chain is not hosted here", 404),
            ProblemKind::Refused => ("refused", 422),
            ProblemKind::Busy => ("busy", 503),
            ProblemKind::NotProvable => ("not provable", 409),
            ProblemKind::Internal => ("the node failed", 500),
        };
        Self { kind, title: title.into(), status, detail: detail.into(), code: None, retry_after_ms: None }
    }

    /// With the protocol's code.
    #[must_use]
    pub fn with_code(mut self, code: ledger_protocol::Code) -> Self {
        self.code = Some(code.0);
        self
    }

    /// With a hint when to try again.
    #[must_use]
    pub fn retry_after(mut self, ms: Option<u64>) -> Self {
        self.retry_after_ms = ms;
        self
    }
}
