//! How do the bytes of one direction move?

use super::Failure;
use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Reads in one direction before other connections of the worker get their turn.
const TURN: usize = 16;

/// One direction of a relay.
#[derive(Debug, Default)]
pub(super) struct Half {
    /// Read but not yet written; without memory while nothing is in flight.
    pending: Vec<u8>,
    /// How much of `pending` was written.
    written: usize,
    state: State,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// The sender may still send.
    #[default]
    Open,
    /// The sender has ended; what is pending is still to be written.
    Ending,
    /// The end was passed on.
    Ended,
}

/// What one look at a direction works with.
pub(super) struct Lane<'a, From, To> {
    pub(super) from: &'a mut From,
    pub(super) to: &'a mut To,
    /// The worker's buffer. Nothing stays in it between two looks.
    pub(super) scratch: &'a mut [u8],
    /// Bytes written so far.
    pub(super) moved: u64,
}

impl Half {
    /// Whether the end of this direction was passed on.
    pub(super) fn is_ended(&self) -> bool {
        self.state == State::Ended
    }
}

impl<From: AsyncRead + Unpin, To: AsyncWrite + Unpin> Lane<'_, From, To> {
    /// Moves bytes until one of the two sides is not ready, the direction has ended, or the turn is over.
    pub(super) fn poll(&mut self, half: &mut Half, context: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        for _ in 0..TURN {
            ready!(self.flush(half, context))?;
            match half.state {
                State::Open => ready!(self.read(half, context))?,
                State::Ending => {
                    // Fails only when the connection is gone, which reading from that side reports.
                    let _ = ready!(Pin::new(&mut *self.to).poll_shutdown(context));
                    half.state = State::Ended;
                }
                State::Ended => return Poll::Ready(Ok(())),
            }
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }

    /// Reads once and writes at once; keeps what could not be written.
    fn read(&mut self, half: &mut Half, context: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        let mut buffer = ReadBuf::new(self.scratch);
        ready!(Pin::new(&mut *self.from).poll_read(context, &mut buffer)).map_err(Failure::Reading)?;
        let bytes = buffer.filled();
        if bytes.is_empty() {
            half.state = State::Ending;
            return Poll::Ready(Ok(()));
        }
        let written = match Pin::new(&mut *self.to).poll_write(context, bytes) {
            Poll::Ready(result) => result.map_err(Failure::Writing)?,
            Poll::Pending => 0,
        };
        self.moved += written as u64;
        half.pending.extend_from_slice(&bytes[written..]);
        Poll::Ready(Ok(()))
    }

    /// Writes what is pending.
    fn flush(&mut self, half: &mut Half, context: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        while half.written < half.pending.len() {
            let rest = &half.pending[half.written..];
            let written =
                ready!(Pin::new(&mut *self.to).poll_write(context, rest)).map_err(Failure::Writing)?;
            half.written += written;
            self.moved += written as u64;
        }
        if !half.pending.is_empty() {
            half.pending = Vec::new();
            half.written = 0;
        }
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests;
