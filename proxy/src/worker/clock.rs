//! From where do workers learn that a second has passed?
//!
//! From a thread of its own. With a timer in its runtime a worker would make the kernel set one and cancel it at every
//! wait for sockets, which was measured to cost 3 to 5 % of the processor time of an exchange.

use crate::shared::{
    command::{Command, TICK},
    error::Error,
};
use std::{
    sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    thread::{Builder, JoinHandle},
};
use tokio::sync::mpsc::WeakUnboundedSender;

/// The clock of all workers, which stops on drop.
#[derive(Debug)]
pub(crate) struct Clock {
    running: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Clock {
    /// Starts a thread that sends [`Command::Tick`] to all `workers` once a [`TICK`].
    pub(crate) fn start(workers: Vec<WeakUnboundedSender<Command>>) -> Result<Self, Error> {
        let (running, stopped) = channel();
        let thread = Builder::new()
            .name("weir-clock".into())
            .spawn(move || tick(&workers, &stopped))
            .map_err(Error::Clock)?;
        Ok(Self { running: Some(running), thread: Some(thread) })
    }
}

fn tick(workers: &[WeakUnboundedSender<Command>], stopped: &Receiver<()>) {
    while let Err(RecvTimeoutError::Timeout) = stopped.recv_timeout(TICK) {
        for worker in workers.iter().filter_map(WeakUnboundedSender::upgrade) {
            // A worker that has ended needs no clock.
            let _ = worker.send(Command::Tick);
        }
    }
}

impl Drop for Clock {
    fn drop(&mut self) {
        self.running = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
