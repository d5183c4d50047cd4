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

    /// Moves bytes until one of the two sides is not ready, the direction has ended, or the turn is over.
    pub(super) fn poll<From, To>(
        &mut self,
        lane: &mut Lane<'_, From, To>,
        context: &mut Context<'_>,
    ) -> Poll<Result<(), Failure>>
    where
        From: AsyncRead + Unpin,
        To: AsyncWrite + Unpin,
    {
        for _ in 0..TURN {
            ready!(self.flush(lane, context))?;
            match self.state {
                State::Open => ready!(self.read(lane, context))?,
                State::Ending => {
                    // Fails only when the connection is gone, which reading from that side reports.
                    let _ = ready!(Pin::new(&mut *lane.to).poll_shutdown(context));
                    self.state = State::Ended;
                }
                State::Ended => return Poll::Ready(Ok(())),
            }
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }

    /// Reads once and writes at once; keeps what could not be written.
    fn read<From, To>(
        &mut self,
        lane: &mut Lane<'_, From, To>,
        context: &mut Context<'_>,
    ) -> Poll<Result<(), Failure>>
    where
        From: AsyncRead + Unpin,
        To: AsyncWrite + Unpin,
    {
        let mut buffer = ReadBuf::new(lane.scratch);
        ready!(Pin::new(&mut *lane.from).poll_read(context, &mut buffer)).map_err(Failure::Reading)?;
        let bytes = buffer.filled();
        if bytes.is_empty() {
            self.state = State::Ending;
            return Poll::Ready(Ok(()));
        }
        let written = match Pin::new(&mut *lane.to).poll_write(context, bytes) {
            Poll::Ready(result) => result.map_err(Failure::Writing)?,
            Poll::Pending => 0,
        };
        lane.moved += written as u64;
        self.pending.extend_from_slice(&bytes[written..]);
        Poll::Ready(Ok(()))
    }

    /// Writes what is pending.
    fn flush<From, To>(
        &mut self,
        lane: &mut Lane<'_, From, To>,
        context: &mut Context<'_>,
    ) -> Poll<Result<(), Failure>>
    where
        To: AsyncWrite + Unpin,
    {
        while self.written < self.pending.len() {
            let rest = &self.pending[self.written..];
            let written =
                ready!(Pin::new(&mut *lane.to).poll_write(context, rest)).map_err(Failure::Writing)?;
            self.written += written;
            lane.moved += written as u64;
        }
        if !self.pending.is_empty() {
            self.pending = Vec::new();
            self.written = 0;
        }
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests;
