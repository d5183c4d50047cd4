//! What does a stream tell, event by event? Server-sent events (WHATWG HTML, section 9.2), as far as weir sends them.

use super::{
    body,
    failure::{Cause, Failure},
};
use hyper::body::Incoming;
use serde_json::Value;
use std::{mem, path::PathBuf, time::Duration};
use tokio::task::JoinHandle;

/// Size of the largest event, in bytes: a list of 1,000 connections.
const MAX_EVENT_BYTES: usize = 16 << 20;

/// Longest silence of a stream: weir says that it is alive every 15 seconds.
const MAX_SILENCE: Duration = Duration::from_secs(60);

/// Event of a stream.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Event {
    /// Word that tells what the event is, as in `changes`.
    pub(crate) name: String,
    /// Contents of the event.
    pub(crate) data: Value,
}

/// Events of a stream, in order.
#[derive(Debug)]
pub(crate) struct Events {
    body: Incoming,
    parser: Parser,
    socket: PathBuf,
    connection: JoinHandle<()>,
}

impl Events {
    pub(super) fn new(body: Incoming, socket: PathBuf, connection: JoinHandle<()>) -> Self {
        Self { body, parser: Parser::default(), socket, connection }
    }

    /// Waits for the next event; `None` when the weir has ended the stream.
    pub(crate) async fn next(&mut self) -> Result<Option<Event>, Failure> {
        loop {
            match self.parser.next() {
                Ok(Some(event)) => return Ok(Some(event)),
                Ok(None) => {}
                Err(cause) => return Err(Failure::new(&self.socket, cause)),
            }
            match body::next_within(&mut self.body, MAX_SILENCE).await {
                Ok(Some(bytes)) => self.parser.push(&bytes),
                Ok(None) => return Ok(None),
                Err(cause) => return Err(Failure::new(&self.socket, cause)),
            }
        }
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        self.connection.abort();
    }
}

/// Splits a stream into events, whatever pieces it comes in.
#[derive(Debug, Default)]
struct Parser {
    bytes: Vec<u8>,
    /// Bytes that were looked at and have no end of a line.
    seen: usize,
    name: String,
    data: Vec<u8>,
}

impl Parser {
    fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Next complete event among what came so far.
    fn next(&mut self) -> Result<Option<Event>, Cause> {
        let mut start = 0;
        let mut found = None;
        while found.is_none() {
            let from = start.max(self.seen);
            let Some(end) = self.bytes[from..].iter().position(|byte| *byte == b'\n') else {
                self.seen = self.bytes.len();
                break;
            };
            let line = start..from + end;
            start = line.end + 1;
            let line = self.bytes[line].to_vec();
            found = self.line(line.strip_suffix(b"\r").unwrap_or(&line))?;
        }
        self.bytes.drain(..start);
        self.seen = self.seen.saturating_sub(start);
        if self.bytes.len() + self.data.len() > MAX_EVENT_BYTES {
            return Err(Cause::TooLarge(MAX_EVENT_BYTES));
        }
        Ok(found)
    }

    /// Takes a line; returns the event that it ends.
    fn line(&mut self, line: &[u8]) -> Result<Option<Event>, Cause> {
        if line.is_empty() {
            let (name, data) = (mem::take(&mut self.name), mem::take(&mut self.data));
            if data.is_empty() {
                return Ok(None);
            }
            let data = serde_json::from_slice(&data)
                .map_err(|error| Cause::NoAnswer(format!("an event is no JSON: {error}")))?;
            return Ok(Some(Event { name, data }));
        }
        let value = |field: &[u8]| {
            let value = line.strip_prefix(field)?.strip_prefix(b":")?;
            Some(value.strip_prefix(b" ").unwrap_or(value))
        };
        if let Some(name) = value(b"event") {
            self.name = String::from_utf8_lossy(name).into_owned();
        } else if let Some(data) = value(b"data") {
            if !self.data.is_empty() {
                self.data.push(b'\n');
            }
            self.data.extend_from_slice(data);
            if self.data.len() > MAX_EVENT_BYTES {
                return Err(Cause::TooLarge(MAX_EVENT_BYTES));
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// The events of a stream that comes in pieces of this many bytes.
    fn events(stream: &str, piece: usize) -> Vec<Event> {
        let mut parser = Parser::default();
        let mut events = Vec::new();
        for bytes in stream.as_bytes().chunks(piece) {
            parser.push(bytes);
            while let Some(event) = parser.next().unwrap() {
                events.push(event);
            }
        }
        events
    }

    #[test]
    fn events_are_the_same_whatever_pieces_they_come_in() {
        let stream = ": alive\n\nevent: list\nid: 7\ndata: {\"items\": []}\n\nevent:changes\r\ndata:{\"opened\":\r\n\
                      data: [1]}\r\n\r\nfuture: x\n\nevent: cut\ndata: {}\n";
        let event = |name: &str, data: Value| Event { name: name.to_owned(), data };
        let expected = [event("list", json!({"items": []})), event("changes", json!({"opened": [1]}))];
        for piece in [1, 2, 3, 7, 1000] {
            assert_eq!(events(stream, piece), expected, "{piece}");
        }
    }

    #[test]
    fn an_event_that_does_not_end_or_is_no_json_is_an_error() {
        for endless in ["data: x", "data: x\n"] {
            let mut parser = Parser::default();
            let mut failed = false;
            for _ in 0..(5 * MAX_EVENT_BYTES / (1 << 16)) {
                parser.push(endless.repeat((1 << 16) / endless.len()).as_bytes());
                failed |= parser.next().is_err();
            }
            assert!(failed, "{endless:?}");
        }
        let mut parser = Parser::default();
        parser.push(b"data: \x1b[2J\n\n");
        assert!(matches!(parser.next(), Err(Cause::NoAnswer(_))));
    }
}
