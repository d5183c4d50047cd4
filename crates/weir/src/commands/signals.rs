//! What ends weir from outside?

use anyhow::Context;
use std::time::Duration;
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    time::Instant,
};

/// Signals that come this soon after one are the same: timeout(1), for one, signals its child and then its whole group.
const DUPLICATE_WINDOW: Duration = Duration::from_millis(500);

/// What an operator or a supervisor sends to end weir.
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// Listens from now on; what came before has its usual effect.
    pub(crate) fn new() -> anyhow::Result<Self> {
        let listen = |kind| signal(kind).context("cannot listen for signals");
        Ok(Self { terminate: listen(SignalKind::terminate())?, interrupt: listen(SignalKind::interrupt())? })
    }

    /// The next one's name.
    pub(crate) async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }

    /// The next one that is no echo of one that came just before.
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
