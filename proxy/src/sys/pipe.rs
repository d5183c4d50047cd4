//! How do bytes get from one socket to another without being copied? Through a pipe, by splice(2).

use rustix::{
    io::Errno,
    pipe::{PipeFlags, SpliceFlags, fcntl_setpipe_size, pipe_with, splice},
};
use std::{
    io,
    os::fd::{AsFd, OwnedFd},
};

/// Bytes that a large pipe is asked to hold, half of what the kernel gives to anybody (pipe(7), pipe-max-size): other
/// connections of a worker wait while a pipe is filled and drained, half a millisecond for this many bytes.
pub(crate) const LARGE_PIPE_BYTES: usize = 512 * 1024;

/// Bytes that any other pipe is asked to hold.
pub(crate) const PIPE_BYTES: usize = 256 * 1024;

/// A pipe that bytes of one direction go through.
#[derive(Debug)]
pub(crate) struct Pipe {
    reader: OwnedFd,
    writer: OwnedFd,
    /// Bytes in the pipe.
    held: usize,
}

impl Pipe {
    /// Opens an empty pipe that is asked to hold this number of bytes.
    pub(crate) fn open(bytes: usize) -> io::Result<Self> {
        let (reader, writer) = pipe_with(PipeFlags::NONBLOCK | PipeFlags::CLOEXEC)?;
        // A smaller pipe works, too: the kernel may give less, and gives unprivileged users with many pipes no more.
        let _ = fcntl_setpipe_size(&writer, bytes);
        Ok(Self { reader, writer, held: 0 })
    }

    /// Whether no bytes are in the pipe.
    pub(crate) fn is_empty(&self) -> bool {
        self.held == 0
    }

    /// Moves bytes that `from` has received into the pipe; returns their number. 0 means the end, `WouldBlock` that
    /// there is nothing now.
    ///
    /// Only for an empty pipe: with a full one splice(2) fails as with nothing to read.
    pub(crate) fn fill(&mut self, from: impl AsFd) -> io::Result<usize> {
        debug_assert!(self.is_empty());
        self.held =
            retry(|| splice(&from, None, &self.writer, None, LARGE_PIPE_BYTES, SpliceFlags::NONBLOCK))?;
        Ok(self.held)
    }

    /// Moves bytes from the pipe to `to`, as many as it has room for; returns their number. `WouldBlock` means no room.
    pub(crate) fn drain(&mut self, to: impl AsFd) -> io::Result<usize> {
        let given = retry(|| splice(&self.reader, None, &to, None, self.held, SpliceFlags::NONBLOCK))?;
        self.held -= given;
        Ok(given)
    }
}

/// Stands in for sockets in tests.
#[cfg(test)]
impl Pipe {
    /// Writes bytes into the pipe, as many as fit; returns their number.
    pub(crate) fn put(&mut self, bytes: &[u8]) -> usize {
        assert!(self.is_empty());
        self.held = rustix::io::write(&self.writer, bytes).unwrap();
        self.held
    }

    /// Reads the next bytes from the pipe, at most `max`.
    pub(crate) fn take(&mut self, max: usize) -> Vec<u8> {
        let mut bytes = vec![0; max.min(self.held)];
        let read = rustix::io::read(&self.reader, &mut bytes).unwrap();
        assert_eq!(read, bytes.len());
        self.held -= read;
        bytes
    }
}

fn retry(mut call: impl FnMut() -> Result<usize, Errno>) -> io::Result<usize> {
    loop {
        match call() {
            Err(Errno::INTR) => {}
            result => return Ok(result?),
        }
    }
}
