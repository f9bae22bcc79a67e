//! Reading requests and writing answers, so that every error is a problem document.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use node_api::{PROBLEM_MEDIA_TYPE, Problem, ProblemKind};
use serde::Serialize;
use std::str::FromStr;

/// A problem as a response.
pub(crate) struct Failed(pub(crate) Problem);

impl From<Problem> for Failed {
    fn from(problem: Problem) -> Self {
        Self(problem)
    }
}

impl IntoResponse for Failed {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.0.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(self.0)).into_response();
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_MEDIA_TYPE));
        response
    }
}

/// What every handler answers.
pub(crate) type Reply<T> = Result<Json<T>, Failed>;

/// Runs a read on a thread where it may block.
pub(crate) async fn blocking<T, F>(read: F) -> Reply<T>
where
    T: Serialize + Send + 'static,
    F: FnOnce() -> Result<T, Problem> + Send + 'static,
{
    match tokio::task::spawn_blocking(read).await {
        Ok(result) => Ok(Json(result?)),
        Err(_) => Err(Problem::new(ProblemKind::Internal, "the read did not end; see the node's log").into()),
    }
}

/// Parses a part of a path or query.
pub(crate) fn parse<T: FromStr>(what: &str, text: &str) -> Result<T, Failed>
where
    T::Err: std::fmt::Display,
{
    text.parse().map_err(|error| Problem::new(ProblemKind::BadRequest, format!("{what} {text:?}: {error}")).into())
}

/// Parses hex bytes.
pub(crate) fn bytes(what: &str, text: &str) -> Result<Vec<u8>, Failed> {
    hex::decode(text)
        .map_err(|error| Problem::new(ProblemKind::BadRequest, format!("{what} is not hex: {error}")).into())
}
