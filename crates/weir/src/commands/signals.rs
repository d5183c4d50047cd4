//! What is weir told from outside? To end, or to read its settings again.

use crate::output::terminal::Terminal;
use anyhow::Context;
use std::time::Duration;
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    time::Instant,
};
use tracing::info;

/// Time in which a further signal counts as the same one: timeout(1), for one, signals its child and then its group.
const DUPLICATE_WINDOW: Duration = Duration::from_millis(500);

/// Signals that an operator or a supervisor sends.
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
    user1: Signal,
    user2: Signal,
    terminal: Terminal,
}

/// What a signal asks for.
enum Request {
    /// To end; with the reason.
    End(&'static str),
    /// To read settings and credentials again: SIGHUP, as for most daemons.
    Reload,
    /// Nothing: a signal that weir has no use for, and that would end it by default.
    Nothing(&'static str),
}

impl Signals {
    /// Listens for signals from now on; earlier ones have their usual effect.
    pub(crate) fn new() -> anyhow::Result<Self> {
        let listen = |kind| signal(kind).context("cannot listen for signals");
        Ok(Self {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
            hangup: listen(SignalKind::hangup())?,
            user1: listen(SignalKind::user_defined1())?,
            user2: listen(SignalKind::user_defined2())?,
            terminal: Terminal::of_process(),
        })
    }

    /// Waits until weir shall end; returns the reason. Until then `reload` is called for each request to read settings
    /// again.
    pub(crate) async fn end(&mut self, mut reload: impl AsyncFnMut()) -> &'static str {
        loop {
            match self.next().await {
                Request::End(reason) => return reason,
                Request::Reload => reload().await,
                Request::Nothing(name) => {
                    info!("{name}: ignored; SIGHUP reads settings again, SIGTERM ends weir");
                }
            }
        }
    }

    /// Waits for a signal to end that is no duplicate of one just before; returns the reason.
    pub(crate) async fn another_end(&mut self) -> &'static str {
        let before = Instant::now();
        loop {
            let reason = self.end(async || info!("SIGHUP: ignored, weir is ending")).await;
            if before.elapsed() >= DUPLICATE_WINDOW {
                return reason;
            }
        }
    }

    async fn next(&mut self) -> Request {
        tokio::select! {
            _ = self.terminate.recv() => Request::End("SIGTERM"),
            _ = self.interrupt.recv() => Request::End("SIGINT"),
            _ = self.hangup.recv() => match self.terminal.is_closed() {
                true => Request::End("SIGHUP, the terminal was closed"),
                false => Request::Reload,
            },
            _ = self.user1.recv() => Request::Nothing("SIGUSR1"),
            _ = self.user2.recv() => Request::Nothing("SIGUSR2"),
        }
    }
}
