//! How do the bytes of one direction move?

pub(super) mod failure;
mod splice_mode;

use super::pump::{failure::PumpError, splice_mode::SpliceMode};
use crate::{
    buffers::{
        buffer_budget::{BufferBudget, Buffered},
        pipe_pool::{PipePool, PooledPipe},
    },
    session::yielding::yield_to_sockets,
    sys::pipe::Pipe,
};
use std::{
    io,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, ready},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, Interest, ReadBuf},
    net::TcpStream,
};

/// Bytes moved in one direction before other connections of the worker get their turn, and reads that may take: one
/// whose sender sends single bytes must not hold up the others either.
const MAX_BURST_BYTES: u64 = 64 * 1024;
const MAX_BURST_READS: usize = 16;

/// Bytes that are looked at in one go while there is no memory for what cannot be written.
const MAX_PEEK_BYTES: usize = 16 * 1024;

/// One direction of a relay.
#[derive(Debug, Default)]
pub(in crate::tcp) struct Half {
    pending: Pending,
    splice_mode: SpliceMode,
    state: State,
}

/// What was read but not yet written. It takes no memory and no descriptor while nothing is in flight.
#[derive(Debug, Default)]
enum Pending {
    #[default]
    Nothing,
    /// Boxed: few connections have any, and all would be larger for it.
    Bytes(Box<Buffered>),
    Piped(PooledPipe),
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
pub(super) struct Pump<'a, From, To> {
    pub(super) from: &'a mut From,
    pub(super) to: &'a mut To,
    /// The worker's buffer. Nothing stays in it between two looks.
    pub(super) scratch: &'a mut [u8],
    /// The worker's pipes.
    pub(super) pipes: &'a Rc<PipePool>,
    /// The worker's memory for what cannot be written yet.
    pub(super) buffers: &'a Rc<BufferBudget>,
    /// Whether nothing comes the other way any more: then closing `to` passes the end on, and no call before it.
    pub(super) last: bool,
    /// Bytes written so far.
    pub(super) moved: u64,
}

/// Where bytes come from: a socket, or what a test puts in its place.
pub(super) trait Source: AsyncRead + Unpin {
    /// Looks at what comes next and leaves it there.
    fn poll_peek(&mut self, buffer: &mut ReadBuf<'_>, context: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// Fills an empty pipe; 0 is the end.
    fn poll_fill(&mut self, pipe: &mut Pipe, context: &mut Context<'_>) -> Poll<io::Result<usize>>;
}

/// Where bytes go.
pub(super) trait Sink: AsyncWrite + Unpin {
    /// Drains a pipe as far as there is room.
    fn poll_drain(&mut self, pipe: &mut Pipe, context: &mut Context<'_>) -> Poll<io::Result<usize>>;
}

impl Half {
    /// The same on the way to somebody else: an end that was passed on is passed on once more. A header is not part of it.
    pub(super) fn for_another_endpoint(self) -> Self {
        let state = if self.state == State::Ended { State::Ending } else { self.state };
        let pending = match self.pending {
            Pending::Bytes(buffered) => Pending::of(buffered.without_header()),
            pending => pending,
        };
        Self { state, pending, ..self }
    }

    /// The same behind a header, which is held in `memory`.
    pub(in crate::tcp) fn with_header(self, header: &[u8], buffers: &Rc<BufferBudget>) -> Self {
        let rest = match &self.pending {
            Pending::Bytes(buffered) => buffered.rest(),
            // Nothing is spliced before much was relayed, and then no header comes any more.
            Pending::Nothing | Pending::Piped(_) => &[][..],
        };
        let pending = Pending::of(buffers.hold(&[header, rest].concat(), header.len()));
        Self { pending, ..self }
    }

    /// Whether a header, and nothing else yet, is on its way.
    fn is_at_header(&self) -> bool {
        self.state == State::Open && matches!(&self.pending, Pending::Bytes(buffered) if buffered.is_header())
    }

    /// Whether the end of this direction was passed on.
    pub(super) fn is_ended(&self) -> bool {
        self.state == State::Ended
    }
}

impl Pending {
    fn of(buffered: Buffered) -> Self {
        if buffered.rest().is_empty() { Self::Nothing } else { Self::Bytes(Box::new(buffered)) }
    }
}

impl<From: Source, To: Sink> Pump<'_, From, To> {
    /// Moves bytes until one of the two sides is not ready, the direction has ended, or the turn is over.
    pub(super) fn poll(&mut self, half: &mut Half, context: &mut Context<'_>) -> Poll<Result<(), PumpError>> {
        for _ in 0..MAX_BURST_READS {
            if half.is_at_header() {
                self.add_to_header(half, context)?;
            }
            ready!(self.flush(half, context))?;
            match half.state {
                State::Open if self.moved >= MAX_BURST_BYTES => break,
                State::Open => ready!(self.read(half, context))?,
                State::Ending if self.last => half.state = State::Ended,
                State::Ending => {
                    // Fails only when the connection is gone, which reading from that side reports.
                    let _ = ready!(Pin::new(&mut *self.to).poll_shutdown(context));
                    half.state = State::Ended;
                }
                State::Ended => return Poll::Ready(Ok(())),
            }
        }
        yield_to_sockets(context);
        Poll::Pending
    }

    /// Has what the sender says first leave together with the header. If that is nothing yet, the header does not wait.
    fn add_to_header(&mut self, half: &mut Half, context: &mut Context<'_>) -> Result<(), PumpError> {
        if !self.buffers.has_room(self.scratch.len()) {
            return Ok(());
        }
        let mut buffer = ReadBuf::new(self.scratch);
        let Poll::Ready(read) = Pin::new(&mut *self.from).poll_read(context, &mut buffer) else {
            return Ok(());
        };
        read.map_err(PumpError::Reading)?;
        match (&half.pending, buffer.filled()) {
            (_, []) => half.state = State::Ending,
            (Pending::Bytes(buffered), first) => {
                let header = buffered.rest();
                half.pending = Pending::of(self.buffers.hold(&[header, first].concat(), header.len()));
            }
            _ => {}
        }
        Ok(())
    }

    /// Reads once and writes at once; keeps what could not be written.
    fn read(&mut self, half: &mut Half, context: &mut Context<'_>) -> Poll<Result<(), PumpError>> {
        let pipe = if half.splice_mode.is_spliced() { self.pipes.lend() } else { None };
        let length = ready!(match pipe {
            Some(pipe) => self.splice(half, pipe, context),
            None if self.buffers.has_room(self.scratch.len()) => self.copy(half, context),
            None => self.copy_at_once(context),
        })?;
        match length {
            0 => half.state = State::Ending,
            length => half.splice_mode.learn(length),
        }
        Poll::Ready(Ok(()))
    }

    fn copy(&mut self, half: &mut Half, context: &mut Context<'_>) -> Poll<Result<usize, PumpError>> {
        let mut buffer = ReadBuf::new(self.scratch);
        ready!(Pin::new(&mut *self.from).poll_read(context, &mut buffer)).map_err(PumpError::Reading)?;
        let bytes = buffer.filled();
        if bytes.is_empty() {
            return Poll::Ready(Ok(0));
        }
        let result = match Pin::new(&mut *self.to).poll_write(context, bytes) {
            Poll::Ready(result) => result,
            Poll::Pending => Ok(0),
        };
        let written = *result.as_ref().unwrap_or(&0);
        self.moved += written as u64;
        if written < bytes.len() {
            // Also after an error: the client may yet be given to another endpoint.
            half.pending = Pending::of(self.buffers.hold(&bytes[written..], 0));
        }
        Poll::Ready(result.map(|_| bytes.len()).map_err(PumpError::Writing))
    }

    /// Copies only what can be written now; the rest stays in the socket that it comes from. Its bytes are copied once
    /// more, but none is ever pending.
    fn copy_at_once(&mut self, context: &mut Context<'_>) -> Poll<Result<usize, PumpError>> {
        let piece = self.scratch.len().min(MAX_PEEK_BYTES);
        let mut buffer = ReadBuf::new(&mut self.scratch[..piece]);
        ready!(self.from.poll_peek(&mut buffer, context)).map_err(PumpError::Reading)?;
        let bytes = buffer.filled();
        if bytes.is_empty() {
            return Poll::Ready(Ok(0));
        }
        let written =
            ready!(Pin::new(&mut *self.to).poll_write(context, bytes)).map_err(PumpError::Writing)?;
        self.moved += written as u64;
        let mut rest = written;
        while rest > 0 {
            let mut buffer = ReadBuf::new(&mut self.scratch[..rest]);
            // It is there: it was seen, and nobody else reads.
            ready!(Pin::new(&mut *self.from).poll_read(context, &mut buffer)).map_err(PumpError::Reading)?;
            match buffer.filled().len() {
                0 => break,
                taken => rest -= taken,
            }
        }
        Poll::Ready(Ok(written))
    }

    fn splice(
        &mut self,
        half: &mut Half,
        mut pipe: PooledPipe,
        context: &mut Context<'_>,
    ) -> Poll<Result<usize, PumpError>> {
        let length = ready!(self.from.poll_fill(&mut pipe, context)).map_err(PumpError::Reading)?;
        half.pending = Pending::Piped(pipe);
        match self.flush(half, context) {
            Poll::Ready(Err(failure)) => Poll::Ready(Err(failure)),
            _ => Poll::Ready(Ok(length)),
        }
    }

    /// Writes what is pending.
    fn flush(&mut self, half: &mut Half, context: &mut Context<'_>) -> Poll<Result<(), PumpError>> {
        match &mut half.pending {
            Pending::Nothing => return Poll::Ready(Ok(())),
            Pending::Bytes(buffered) => {
                while !buffered.rest().is_empty() {
                    let count = ready!(Pin::new(&mut *self.to).poll_write(context, buffered.rest()));
                    self.moved += buffered.advance(count.map_err(PumpError::Writing)?);
                }
            }
            Pending::Piped(pipe) => {
                while !pipe.is_empty() {
                    let count = ready!(self.to.poll_drain(pipe, context)).map_err(PumpError::Writing)?;
                    self.moved += count as u64;
                }
            }
        }
        half.pending = Pending::Nothing;
        Poll::Ready(Ok(()))
    }
}

impl Source for TcpStream {
    fn poll_peek(&mut self, buffer: &mut ReadBuf<'_>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Self::poll_peek(self, context, buffer).map_ok(|_| ())
    }

    fn poll_fill(&mut self, pipe: &mut Pipe, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.poll_read_ready(context))?;
            match self.try_io(Interest::READABLE, || pipe.fill(&*self)) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                result => return Poll::Ready(result),
            }
        }
    }
}

impl Sink for TcpStream {
    fn poll_drain(&mut self, pipe: &mut Pipe, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.poll_write_ready(context))?;
            match self.try_io(Interest::WRITABLE, || pipe.drain(&*self)) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                result => return Poll::Ready(result),
            }
        }
    }
}

#[cfg(test)]
mod tests;
