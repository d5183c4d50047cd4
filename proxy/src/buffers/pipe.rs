//! How do bytes get from one socket to another without being copied? Through a pipe, by splice(2).

use crate::limits::descriptor_budget::{DescriptorBudget, DescriptorPermit};
use rustix::{
    io::Errno,
    pipe::{PipeFlags, SpliceFlags, fcntl_setpipe_size, pipe_with, splice},
};
use std::{
    cell::RefCell,
    io,
    os::fd::{AsFd, OwnedFd},
    rc::Rc,
    sync::Arc,
};

/// How much a pipe is asked to hold. The kernel gives unprivileged processes less when they have many pipes (pipe(7)).
pub(crate) const SIZE: usize = 256 * 1024;

/// PipePool that one worker opens at most; they take two descriptors each. Directions that get none copy.
const MOST: usize = 128;

/// A pipe that bytes of one direction go through.
#[derive(Debug)]
pub(crate) struct Pipe {
    reader: OwnedFd,
    writer: OwnedFd,
    /// How many bytes are in it.
    held: usize,
}

impl Pipe {
    fn open() -> io::Result<Self> {
        let (reader, writer) = pipe_with(PipeFlags::NONBLOCK | PipeFlags::CLOEXEC)?;
        // A smaller pipe works, too.
        let _ = fcntl_setpipe_size(&writer, SIZE);
        Ok(Self { reader, writer, held: 0 })
    }

    /// Whether all that came in went out.
    pub(crate) fn is_empty(&self) -> bool {
        self.held == 0
    }

    /// Takes in what `from` has received; 0 is its end, and `WouldBlock` means that there is nothing now.
    ///
    /// Only for an empty pipe: with a full one the kernel says the same as with nothing to read.
    pub(crate) fn fill(&mut self, from: impl AsFd) -> io::Result<usize> {
        debug_assert!(self.is_empty());
        self.held = retry(|| splice(&from, None, &self.writer, None, SIZE, SpliceFlags::NONBLOCK))?;
        Ok(self.held)
    }

    /// Gives to `to` what it has room for; `WouldBlock` means none.
    pub(crate) fn drain(&mut self, to: impl AsFd) -> io::Result<usize> {
        let given = retry(|| splice(&self.reader, None, &to, None, self.held, SpliceFlags::NONBLOCK))?;
        self.held -= given;
        Ok(given)
    }
}

/// What a test does in a socket's place.
#[cfg(test)]
impl Pipe {
    /// Takes in bytes, as many as fit.
    pub(crate) fn put(&mut self, bytes: &[u8]) -> usize {
        assert!(self.is_empty());
        self.held = rustix::io::write(&self.writer, bytes).unwrap();
        self.held
    }

    /// Gives out the next bytes, no more than `most`.
    pub(crate) fn take(&mut self, most: usize) -> Vec<u8> {
        let mut bytes = vec![0; most.min(self.held)];
        let permit = rustix::io::read(&self.reader, &mut bytes).unwrap();
        assert_eq!(permit, bytes.len());
        self.held -= permit;
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

/// The pipes of one worker. Most directions that need one need it for a moment, so few are shared by many.
#[derive(Debug)]
pub(crate) struct PipePool {
    free: RefCell<Vec<Pipe>>,
    /// The descriptors of each that is open.
    open: RefCell<Vec<DescriptorPermit>>,
    descriptors: Arc<DescriptorBudget>,
}

impl PipePool {
    /// PipePool that are opened while `descriptors` are not scarce.
    pub(crate) fn new(descriptors: Arc<DescriptorBudget>) -> Rc<Self> {
        Rc::new(Self { free: RefCell::default(), open: RefCell::default(), descriptors })
    }

    /// Closes what is not lent while descriptors are scarce: bytes can be copied, connections need them.
    pub(crate) fn close_unused(&self) {
        if self.descriptors.are_scarce() {
            self.free.take().into_iter().for_each(|pipe| self.close(pipe));
        }
    }

    /// Lends an empty pipe. `None` when there may be no more, or descriptors are scarce.
    pub(crate) fn lend(self: &Rc<Self>) -> Option<PooledPipe> {
        let pipe = self.free.borrow_mut().pop().or_else(|| self.open_another())?;
        Some(PooledPipe { pipe: Some(pipe), pipes: Rc::clone(self) })
    }

    /// How many are open but not lent, and how many are open.
    #[cfg(test)]
    pub(crate) fn count(&self) -> (usize, usize) {
        (self.free.borrow().len(), self.open.borrow().len())
    }

    fn open_another(&self) -> Option<Pipe> {
        if self.open.borrow().len() >= MOST || self.descriptors.are_scarce() {
            return None;
        }
        let permit = self.descriptors.acquire(2)?;
        let pipe = Pipe::open().ok()?;
        self.open.borrow_mut().push(permit);
        Some(pipe)
    }

    fn close(&self, pipe: Pipe) {
        drop(pipe);
        self.open.borrow_mut().pop();
    }
}

/// A pipe on loan. An empty one goes back when this is dropped; one with bytes that nobody wants any more is closed.
#[derive(Debug)]
pub(crate) struct PooledPipe {
    pipe: Option<Pipe>,
    pipes: Rc<PipePool>,
}

impl std::ops::Deref for PooledPipe {
    type Target = Pipe;

    fn deref(&self) -> &Pipe {
        self.pipe.as_ref().expect("only dropping takes it")
    }
}

impl std::ops::DerefMut for PooledPipe {
    fn deref_mut(&mut self) -> &mut Pipe {
        self.pipe.as_mut().expect("only dropping takes it")
    }
}

impl Drop for PooledPipe {
    fn drop(&mut self) {
        match self.pipe.take() {
            Some(pipe) if pipe.is_empty() => self.pipes.free.borrow_mut().push(pipe),
            Some(pipe) => self.pipes.close(pipe),
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{io::Write, os::unix::net::UnixStream};

    #[test]
    fn an_empty_pipe_is_lent_again_and_one_with_bytes_is_closed() {
        let pipes = PipePool::new(DescriptorBudget::new(1024));
        drop(pipes.lend().unwrap());
        assert_eq!(pipes.count(), (1, 1));
        let (mut near, far) = UnixStream::pair().unwrap();
        near.write_all(b"abandoned").unwrap();
        let mut lent = pipes.lend().unwrap();
        assert_eq!((lent.fill(&far).unwrap(), lent.is_empty()), (9, false));
        drop(lent);
        assert_eq!(pipes.count(), (0, 0));
    }

    #[test]
    fn a_worker_opens_a_bounded_number_of_pipes() {
        let pipes = PipePool::new(DescriptorBudget::new(1024));
        let lent: Vec<_> = (0..MOST).map(|_| pipes.lend().unwrap()).collect();
        assert!(pipes.lend().is_none());
        drop(lent);
        assert!(pipes.lend().is_some());
    }

    #[test]
    fn while_descriptors_are_scarce_no_pipe_is_opened_and_none_is_kept() {
        let descriptors = DescriptorBudget::new(16);
        let pipes = PipePool::new(Arc::clone(&descriptors));
        drop(pipes.lend().unwrap());
        let mut connections = vec![descriptors.acquire(10).unwrap()];
        pipes.close_unused();
        assert_eq!((pipes.count(), descriptors.free()), ((1, 1), 4), "a quarter is not scarce");
        connections.extend(descriptors.acquire(1));
        drop(pipes.lend().expect("one that is open is lent"));
        pipes.close_unused();
        assert_eq!((pipes.count(), descriptors.free()), ((0, 0), 5));
        connections.extend(descriptors.acquire(2));
        assert!(pipes.lend().is_none());
        drop(connections);
        assert!(pipes.lend().is_some());
    }
}
