//! Which directions get one of a worker's pipes?

use crate::{
    limits::descriptor_budget::{DescriptorBudget, DescriptorPermit},
    sys::pipe::{LARGE_PIPE_BYTES, PIPE_BYTES, Pipe},
};
use std::{cell::RefCell, rc::Rc, sync::Arc};

/// Pipes that one worker opens at most, with two descriptors each. Directions that get none copy.
const MAX_PIPES: usize = 128;

/// Pipes of these that are large. A user without privileges may have 64 MiB in pipes altogether, whichever programs have
/// them, and then gets tiny ones (pipe(7), pipe-user-pages-soft).
const MAX_LARGE_PIPES: usize = 8;

/// The pipes of one worker. Most directions that need a pipe need it for a moment, so few are shared by many.
#[derive(Debug)]
pub(crate) struct PipePool {
    free: RefCell<Vec<Pipe>>,
    /// Descriptors of each open pipe.
    open: RefCell<Vec<DescriptorPermit>>,
    descriptors: Arc<DescriptorBudget>,
}

impl PipePool {
    /// Creates an empty pool, which opens pipes while `descriptors` are not scarce.
    pub(crate) fn new(descriptors: Arc<DescriptorBudget>) -> Rc<Self> {
        Rc::new(Self { free: RefCell::default(), open: RefCell::default(), descriptors })
    }

    /// Closes pipes that are not lent while descriptors are scarce: bytes can be copied, connections need descriptors.
    pub(crate) fn close_unused(&self) {
        if self.descriptors.are_scarce() {
            self.free.take().into_iter().for_each(|pipe| self.close(pipe));
        }
    }

    /// Lends an empty pipe. `None` if [`MAX_PIPES`] are lent, or descriptors are scarce.
    pub(crate) fn lend(self: &Rc<Self>) -> Option<PooledPipe> {
        let pipe = self.free.borrow_mut().pop().or_else(|| self.open_another())?;
        Some(PooledPipe { pipe: Some(pipe), pipes: Rc::clone(self) })
    }

    /// Number of pipes that are open but not lent, and of all that are open.
    #[cfg(test)]
    pub(crate) fn count(&self) -> (usize, usize) {
        (self.free.borrow().len(), self.open.borrow().len())
    }

    fn open_another(&self) -> Option<Pipe> {
        if self.open.borrow().len() >= MAX_PIPES || self.descriptors.are_scarce() {
            return None;
        }
        let permit = self.descriptors.acquire(2)?;
        let is_large = self.open.borrow().len() < MAX_LARGE_PIPES;
        let pipe = Pipe::open(if is_large { LARGE_PIPE_BYTES } else { PIPE_BYTES }).ok()?;
        self.open.borrow_mut().push(permit);
        Some(pipe)
    }

    fn close(&self, pipe: Pipe) {
        drop(pipe);
        self.open.borrow_mut().pop();
    }
}

/// A pipe on loan. Dropping returns an empty pipe to the pool; a pipe with bytes that nobody wants any more is closed.
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
        let lent: Vec<_> = (0..MAX_PIPES).map(|_| pipes.lend().unwrap()).collect();
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
