//! What ends weir from outside?

use anyhow::Context;
use std::time::Duration;
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    time::Instant,
};

/// Time in which a further signal counts as the same one: timeout(1), for one, signals its child and then its group.
const DUPLICATE_WINDOW: Duration = Duration::from_millis(500);

/// Signals that an operator or a supervisor sends to end weir.
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// Listens for signals from now on; earlier ones have their usual effect.
    pub(crate) fn new() -> anyhow::Result<Self> {
        let listen = |kind| signal(kind).context("cannot listen for signals");
        Ok(Self { terminate: listen(SignalKind::terminate())?, interrupt: listen(SignalKind::interrupt())? })
    }

    /// Waits for the next signal; returns its name.
    pub(crate) async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }

    /// Waits for a signal that is no duplicate of one just before; returns its name.
    pub(crate) async fn another(&mut self) -> &'static str {
        let before = Instant::now();
        loop {
            let name = self.next().await;
            if before.elapsed() >= DUPLICATE_WINDOW {
                return name;
            }
        }
    }
}
