//! How do the bytes of one direction move?

pub(super) mod failure;
mod half;
pub(super) mod side;
mod splice_mode;

pub(in crate::tcp) use self::half::Half;
use self::{
    failure::PumpError,
    half::{Pending, State},
    side::{Sink, Source},
};
use crate::{
    buffers::{
        buffer_budget::BufferBudget,
        pipe_pool::{PipePool, PooledPipe},
    },
    session::yielding::yield_to_sockets,
    sys::tcp::Rest,
};
use std::{
    rc::Rc,
    task::{Context, Poll, ready},
};

/// Bytes moved in one direction before other tasks of the worker run.
const MAX_BURST_BYTES: u64 = 64 * 1024;

/// Reads in one direction before other tasks of the worker run: a peer that sends single bytes must not hold up others.
const MAX_BURST_READS: usize = 16;

/// Bytes that are peeked at in one go while there is no memory for what cannot be written.
const MAX_PEEK_BYTES: usize = 16 * 1024;

/// What comes after a read.
enum Next {
    /// Whatever is next.
    Go,
    /// Other tasks; then the next read.
    Yield,
}

/// One look at a direction: its two sides, and resources of the worker.
pub(super) struct Pump<'a, From, To> {
    pub(super) from: &'a mut From,
    pub(super) to: &'a mut To,
    /// The worker's buffer. Nothing stays there between two looks.
    pub(super) scratch: &'a mut [u8],
    /// The worker's pipes.
    pub(super) pipes: &'a Rc<PipePool>,
    /// The worker's memory for what cannot be written yet.
    pub(super) buffers: &'a Rc<BufferBudget>,
    /// Whether no call passes the end on: closing `to` does, when the other direction has ended.
    pub(super) last: bool,
    /// Bytes relayed so far.
    pub(super) moved: u64,
}

impl<From: Source, To: Sink> Pump<'_, From, To> {
    /// Moves bytes until one of the two sides is not ready, the direction has ended, or a burst is done.
    pub(super) fn poll(&mut self, half: &mut Half, context: &mut Context<'_>) -> Poll<Result<(), PumpError>> {
        for _ in 0..MAX_BURST_READS {
            if half.is_at_header() {
                self.add_to_header(half, context)?;
            }
            ready!(self.flush(half, context))?;
            match half.state {
                State::Open if self.moved >= MAX_BURST_BYTES => break,
                State::Open => match ready!(self.read(half, context))? {
                    Next::Go => {}
                    Next::Yield => break,
                },
                State::Ending if self.last => half.state = State::Ended,
                State::Ending => {
                    self.to.shut_down();
                    half.state = State::Ended;
                }
                State::Ended => return Poll::Ready(Ok(())),
            }
        }
        yield_to_sockets(context);
        Poll::Pending
    }

    /// Adds the first bytes of the sender to the header, so that both leave together. If there are none yet, the header
    /// does not wait.
    fn add_to_header(&mut self, half: &mut Half, context: &mut Context<'_>) -> Result<(), PumpError> {
        if !self.buffers.has_room(self.scratch.len()) {
            return Ok(());
        }
        let Poll::Ready(read) = self.from.poll_read(self.scratch, context) else {
            return Ok(());
        };
        let length = read.map_err(PumpError::Reading)?;
        match (&half.pending, &self.scratch[..length]) {
            (_, []) => half.state = State::Ending,
            (Pending::Bytes(buffered), first) => {
                let header = buffered.rest();
                half.pending = Pending::of(self.buffers.hold(&[header, first].concat(), header.len()));
            }
            _ => {}
        }
        Ok(())
    }

    /// Reads once and writes at once; holds what could not be written.
    fn read(&mut self, half: &mut Half, context: &mut Context<'_>) -> Poll<Result<Next, PumpError>> {
        let pipe = if half.splice_mode.is_spliced() && !half.is_stuck { self.pipes.lend() } else { None };
        let (length, rest) = match pipe {
            Some(pipe) => match ready!(self.splice(half, pipe, context))? {
                Some(length) => (length, None),
                // Bytes that have just come are spliced the next time; what is copied then cannot be.
                None => {
                    half.is_stuck = true;
                    return Poll::Ready(Ok(Next::Yield));
                }
            },
            None if self.buffers.has_room(self.scratch.len()) => ready!(self.copy(half, context))?,
            None => (ready!(self.copy_at_once(context))?, None),
        };
        half.is_stuck = false;
        half.splice_mode.learn(length);
        if length == 0 || rest == Some(Rest::End) {
            half.state = State::Ending;
        }
        // Reading on at once would bring little at a time from a sender that is about as fast.
        Poll::Ready(Ok(if rest == Some(Rest::Unknown) { Next::Yield } else { Next::Go }))
    }

    /// Copies what one read brings. Also returns what is left, if the read did not fill the buffer.
    fn copy(
        &mut self,
        half: &mut Half,
        context: &mut Context<'_>,
    ) -> Poll<Result<(usize, Option<Rest>), PumpError>> {
        let length = ready!(self.from.poll_read(self.scratch, context)).map_err(PumpError::Reading)?;
        let bytes = &self.scratch[..length];
        if bytes.is_empty() {
            return Poll::Ready(Ok((0, None)));
        }
        let rest = (length < self.scratch.len()).then(|| self.from.rest(context));
        // After a failure the end is none, and is not passed on.
        let ends = rest == Some(Rest::End) && half.failure().is_none();
        let result = match self.to.poll_write(bytes, ends, context) {
            Poll::Ready(result) => result,
            Poll::Pending => Ok(0),
        };
        let written = *result.as_ref().unwrap_or(&0);
        self.moved += written as u64;
        if written < bytes.len() {
            // Also after an error: the client may yet be given to another endpoint.
            half.pending = Pending::of(self.buffers.hold(&bytes[written..], 0));
        }
        Poll::Ready(result.map(|_| (length, rest)).map_err(PumpError::Writing))
    }

    /// Copies only what can be written now; the rest stays in the socket of the sender. Bytes are copied twice, but
    /// none is ever pending.
    fn copy_at_once(&mut self, context: &mut Context<'_>) -> Poll<Result<usize, PumpError>> {
        let piece = self.scratch.len().min(MAX_PEEK_BYTES);
        let seen =
            ready!(self.from.poll_peek(&mut self.scratch[..piece], context)).map_err(PumpError::Reading)?;
        if seen == 0 {
            return Poll::Ready(Ok(0));
        }
        let written =
            ready!(self.to.poll_write(&self.scratch[..seen], false, context)).map_err(PumpError::Writing)?;
        self.moved += written as u64;
        let mut rest = written;
        while rest > 0 {
            // The bytes are there: they were seen, and nobody else reads.
            match ready!(self.from.poll_read(&mut self.scratch[..rest], context))
                .map_err(PumpError::Reading)?
            {
                0 => break,
                taken => rest -= taken,
            }
        }
        Poll::Ready(Ok(written))
    }

    /// Splices once; `None` if the next bytes must be copied.
    fn splice(
        &mut self,
        half: &mut Half,
        mut pipe: PooledPipe,
        context: &mut Context<'_>,
    ) -> Poll<Result<Option<usize>, PumpError>> {
        let filled = ready!(self.from.poll_fill(&mut pipe, context)).map_err(PumpError::Reading)?;
        let Some(length) = filled else { return Poll::Ready(Ok(None)) };
        half.pending = Pending::Piped(pipe);
        match self.flush(half, context) {
            Poll::Ready(Err(failure)) => Poll::Ready(Err(failure)),
            _ => Poll::Ready(Ok(Some(length))),
        }
    }

    /// Writes pending bytes.
    fn flush(&mut self, half: &mut Half, context: &mut Context<'_>) -> Poll<Result<(), PumpError>> {
        match &mut half.pending {
            Pending::Nothing => return Poll::Ready(Ok(())),
            Pending::Bytes(buffered) => {
                while !buffered.rest().is_empty() {
                    let count = ready!(self.to.poll_write(buffered.rest(), false, context));
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

#[cfg(test)]
mod tests;
