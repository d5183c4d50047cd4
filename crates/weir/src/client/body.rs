//! How is an answer read that may not end?

use super::failure::Cause;
use http_body_util::BodyExt;
use hyper::body::{Bytes, Incoming};
use std::{io, time::Duration};
use tokio::time::timeout;

/// Size of the largest answer: a page of 1,000 connections has one megabyte, what a Service with many thousand endpoints gets
/// a few.
pub(super) const MAX_ANSWER_BYTES: usize = 64 << 20;

/// Reads a body to its end.
pub(super) async fn whole(body: &mut Incoming, max: usize) -> Result<Vec<u8>, Cause> {
    let mut bytes = Vec::new();
    while let Some(part) = next(body).await? {
        if part.len() > max - bytes.len() {
            return Err(Cause::TooLarge(max));
        }
        bytes.extend_from_slice(&part);
    }
    Ok(bytes)
}

/// Waits for a part of a body for at most `longest`; `None` at the end.
pub(super) async fn next_within(body: &mut Incoming, longest: Duration) -> Result<Option<Bytes>, Cause> {
    timeout(longest, next(body)).await.unwrap_or(Err(Cause::Silent(longest)))
}

async fn next(body: &mut Incoming) -> Result<Option<Bytes>, Cause> {
    while let Some(frame) = body.frame().await {
        // Trailers say nothing that is asked for.
        if let Ok(data) = frame.map_err(|error| Cause::Connection(io::Error::other(error)))?.into_data() {
            return Ok(Some(data));
        }
    }
    Ok(None)
}
