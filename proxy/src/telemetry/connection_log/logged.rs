//! What does a connection or a flow that will be logged record beside the others?

use std::{
    cell::Cell,
    time::{Duration, Instant},
};

/// What a connection records that will be logged, if it will: the microseconds from its beginning until the endpoint's first
/// byte, up to 71 minutes. One number, as every connection has it.
#[derive(Debug, Default)]
pub(crate) struct LoggedConnection(Cell<u32>);

/// A connection that is not logged.
const NOT_LOGGED: u32 = 0;

/// A connection that is logged, and whose endpoint has sent nothing yet.
const NO_BYTE: u32 = u32::MAX;

impl LoggedConnection {
    /// Makes the connection log be told of the connection at its end.
    pub(crate) fn begin(&self) {
        self.0.set(NO_BYTE);
    }

    /// Records what another record of the same connection says.
    pub(crate) fn continue_from(&self, earlier: &Self) {
        self.0.set(earlier.0.get());
    }

    /// Records that a byte of the endpoint was relayed, `opened` being the beginning of the connection.
    pub(crate) fn record_byte(&self, opened: Instant) {
        if self.0.get() == NO_BYTE {
            let micros = u32::try_from(opened.elapsed().as_micros()).unwrap_or(NO_BYTE);
            self.0.set(micros.clamp(NOT_LOGGED + 1, NO_BYTE - 1));
        }
    }

    /// Time until the endpoint's first byte, for the log: `None` if the connection is not logged, or this was called before.
    pub(crate) fn take(&self) -> Option<Option<Duration>> {
        match self.0.replace(NOT_LOGGED) {
            NOT_LOGGED => None,
            NO_BYTE => Some(None),
            micros => Some(Some(Duration::from_micros(micros.into()))),
        }
    }
}

/// What a flow that will be logged records.
#[derive(Debug)]
pub(crate) struct LoggedFlow {
    pub(crate) opened: Instant,
    /// Time from the beginning until the endpoint's first reply.
    pub(crate) first_reply: Cell<Option<Duration>>,
    pub(crate) bytes_to_endpoint: Cell<u64>,
    pub(crate) bytes_to_client: Cell<u64>,
}

impl LoggedFlow {
    /// Creates the record of a flow that begins now.
    pub(crate) fn begin() -> Self {
        Self {
            opened: Instant::now(),
            first_reply: Cell::default(),
            bytes_to_endpoint: Cell::default(),
            bytes_to_client: Cell::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_that_is_not_logged_records_nothing_and_one_that_is_tells_once() {
        let (opened, logged) = (Instant::now(), LoggedConnection::default());
        logged.record_byte(opened);
        assert_eq!(logged.take(), None);
        logged.begin();
        let spoken_for = LoggedConnection::default();
        spoken_for.continue_from(&logged);
        assert_eq!((logged.take(), logged.take()), (Some(None), None));
        spoken_for.record_byte(opened);
        let first = spoken_for.take().unwrap().unwrap();
        assert!(first > Duration::ZERO && first <= opened.elapsed() + Duration::from_micros(1));
    }
}
