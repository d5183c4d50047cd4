//! Which worker serves a client? The one that accepted it, unless it has many more connections than another.
//!
//! The kernel chooses a worker by a hash of addresses. That is even for many connections; of four long ones it puts all
//! on one of two workers in one case of eight.

use crate::{limits::service_usage::ServiceUsage, shared::command::Command};
use std::{
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};
use tokio::sync::mpsc::WeakUnboundedSender;

/// A worker as its siblings see it, on a cache line of its own: each worker writes there at every connection.
#[derive(Debug)]
#[repr(align(128))]
pub(crate) struct Sibling {
    /// Live connections, and connections on their way to the worker.
    connections: AtomicUsize,
    /// Sender of commands. Weak, as a worker ends when no strong sender is left.
    commands: WeakUnboundedSender<Command>,
}

impl Sibling {
    pub(crate) fn new(commands: WeakUnboundedSender<Command>) -> Self {
        Self { connections: AtomicUsize::new(0), commands }
    }

    /// Live connections, and those on their way to the worker.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Relaxed)
    }

    /// Sends a command; returns whether the worker still runs.
    pub(crate) fn send(&self, command: Command) -> bool {
        self.commands.upgrade().is_some_and(|commands| commands.send(command).is_ok())
    }
}

/// All workers, and the position of this one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Siblings {
    all: Arc<[Sibling]>,
    index: usize,
}

impl Siblings {
    pub(crate) fn new(all: &Arc<[Sibling]>, index: usize) -> Self {
        Self { all: Arc::clone(all), index }
    }

    /// Number of workers; 1 where they do not know each other.
    pub(crate) fn count(&self) -> usize {
        self.all.len().max(1)
    }

    /// Position of this worker among them.
    pub(crate) fn index(&self) -> u16 {
        u16::try_from(self.index).unwrap_or(u16::MAX)
    }

    /// Sender of commands to this worker itself.
    pub(crate) fn own_commands(&self) -> Option<WeakUnboundedSender<Command>> {
        self.all.get(self.index).map(|sibling| sibling.commands.clone())
    }

    /// Counts a connection that this worker serves.
    pub(crate) fn add(&self) {
        self.all.get(self.index).map(|sibling| sibling.connections.fetch_add(1, Relaxed));
    }

    /// Counts a connection of this worker that has ended.
    pub(crate) fn remove(&self) {
        self.all.get(self.index).map(|sibling| sibling.connections.fetch_sub(1, Relaxed));
    }

    /// Asks siblings to end the client's UDP flow that has been idle for longest; for a worker that has no flow of the
    /// client.
    pub(crate) fn evict_of(&self, service: Arc<ServiceUsage>, client: IpAddr) {
        self.pass_on(service, client, self.all.len().saturating_sub(1));
    }

    /// Passes [`Command::EvictFlow`] on to the next worker, if `left` workers were not asked yet.
    pub(crate) fn pass_on(&self, service: Arc<ServiceUsage>, client: IpAddr, left: usize) {
        let Some(left) = left.checked_sub(1) else { return };
        let Some(next) = self.all.get((self.index + 1) % self.all.len().max(1)) else { return };
        if let Some(commands) = next.commands.upgrade() {
            // A worker that has ended has no flows.
            let _ = commands.send(Command::EvictFlow { service, client, left });
        }
    }

    /// A sibling chosen at random, if it has so few connections that it should take the next one. Looking at one
    /// sibling instead of all costs the same with any number of workers, and is nearly as even.
    pub(crate) fn lighter(&self, random: u32) -> Option<&Sibling> {
        let others = self.all.len().checked_sub(1).filter(|&others| others > 0)?;
        let other = &self.all[(self.index + 1 + random as usize % others) % self.all.len()];
        let [own, theirs] = [&self.all[self.index], other].map(|sibling| sibling.connections.load(Relaxed));
        is_far_lighter(theirs, own).then_some(other)
    }
}

impl Sibling {
    /// Sends a command that hands a connection over; gives the command back if the sibling has ended.
    pub(crate) fn hand_over(&self, command: Command) -> Result<(), Command> {
        let Some(commands) = self.commands.upgrade() else { return Err(command) };
        self.connections.fetch_add(1, Relaxed);
        commands.send(command).map_err(|refused| {
            self.connections.fetch_sub(1, Relaxed);
            refused.0
        })
    }
}

/// Connections up to which a worker with one connection less takes the next.
const FEW_CONNECTIONS: usize = 4;

/// Whether a worker with `theirs` connections should take one from a worker with `own`. More than a few connections end
/// up even by chance, short ones above all; handing one over costs system calls and a wake-up.
fn is_far_lighter(theirs: usize, own: usize) -> bool {
    own.saturating_sub(theirs) >= if own <= FEW_CONNECTIONS { 1 } else { own * 3 / 4 }
}

#[cfg(test)]
mod tests;
