//! Which of several endpoints accepts first?

use crate::{
    Closed,
    descriptors::Taken,
    slot::Picked,
    socket::{Egress, tcp_connecting},
};
use std::{
    future::Future,
    io::{self, ErrorKind},
    pin::pin,
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};
use tokio::{io::Interest, net::TcpStream};
use weir_core::{Failure, dial::MAX_RACING};

/// A connection that is being opened.
pub(super) struct Attempt {
    pub(super) picked: Picked,
    pub(super) stream: TcpStream,
    started: Instant,
    /// Its descriptor, beside another attempt.
    _extra: Option<Taken>,
}

/// The attempts of one client that have neither succeeded nor failed.
#[derive(Default)]
pub(super) struct Race {
    attempts: [Option<Attempt>; MAX_RACING],
}

/// An attempt that has ended, and how.
pub(super) struct Ended {
    pub(super) attempt: Attempt,
    pub(super) error: Option<io::Error>,
}

impl Attempt {
    /// Begins to connect. What fails at once is given back with its endpoint.
    pub(super) fn begin(
        picked: Picked,
        egress: Egress,
        now: Instant,
        extra: Option<Taken>,
    ) -> Result<Self, (Picked, io::Error)> {
        match tcp_connecting(picked.address, egress).and_then(TcpStream::from_std) {
            Ok(stream) => Ok(Self { picked, stream, started: now, _extra: extra }),
            Err(error) => Err((picked, error)),
        }
    }

    /// How long it has taken.
    pub(super) fn took(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.started)
    }

    fn poll(&self, context: &mut Context<'_>) -> Poll<Option<io::Error>> {
        if let Err(error) = ready!(self.stream.poll_write_ready(context)) {
            return Poll::Ready(Some(error));
        }
        // The event tells success from failure: only a failed connection is asked why.
        let failed = match pin!(self.stream.ready(Interest::WRITABLE | Interest::ERROR)).poll(context) {
            Poll::Ready(Ok(ready)) => ready.is_error() || ready.is_write_closed(),
            Poll::Ready(Err(_)) | Poll::Pending => true,
        };
        Poll::Ready(failed.then(|| self.stream.take_error().unwrap_or_else(Some)).flatten())
    }
}

impl Race {
    /// Lets another one take part.
    pub(super) fn add(&mut self, attempt: Attempt) {
        if let Some(free) = self.attempts.iter_mut().find(|attempt| attempt.is_none()) {
            *free = Some(attempt);
        }
    }

    /// Ready when one has succeeded or failed.
    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<Ended> {
        for entry in &mut self.attempts {
            if let Some(attempt) = entry
                && let Poll::Ready(error) = attempt.poll(context)
                && let Some(attempt) = entry.take()
            {
                return Poll::Ready(Ended { attempt, error });
            }
        }
        Poll::Pending
    }

    /// Those that are left.
    pub(super) fn into_attempts(self) -> impl Iterator<Item = Attempt> {
        self.attempts.into_iter().flatten()
    }

    /// Whether none is left.
    pub(super) fn is_empty(&self) -> bool {
        self.attempts.iter().all(Option::is_none)
    }
}

/// What a failed attempt says: the endpoint's failure, or else what this host lacks.
pub(crate) fn classify(error: &io::Error) -> Result<Failure, Closed> {
    match error.kind() {
        ErrorKind::ConnectionRefused | ErrorKind::ConnectionReset => Ok(Failure::Refused),
        ErrorKind::TimedOut => Ok(Failure::TimedOut),
        // No free port towards this endpoint, no descriptor, no memory: this host's limits, not the endpoint's fault.
        ErrorKind::AddrNotAvailable | ErrorKind::OutOfMemory => Err(Closed::LocalLimit),
        _ if matches!(error.raw_os_error(), Some(EMFILE | ENFILE | ENOBUFS)) => Err(Closed::LocalLimit),
        _ => Ok(Failure::Unreachable),
    }
}

const ENFILE: i32 = rustix::io::Errno::NFILE.raw_os_error();
const EMFILE: i32 = rustix::io::Errno::MFILE.raw_os_error();
const ENOBUFS: i32 = rustix::io::Errno::NOBUFS.raw_os_error();

impl From<Failure> for Closed {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Refused => Self::ConnectRefused,
            Failure::Unreachable => Self::ConnectUnreachable,
            Failure::TimedOut => Self::ConnectTimeout,
            Failure::Reset => Self::EndpointReset,
        }
    }
}
