//! When are the ports of weir's own servers closed? A weir that is told so binds them at once.

use std::time::Duration;
use tokio::time::timeout;
use tokio_util::{
    sync::CancellationToken,
    task::{TaskTracker, task_tracker::TaskTrackerToken},
};

/// Longest wait until ports are closed. One that is not closed by then is tried again by whoever wants it.
const MAX_CLOSING: Duration = Duration::from_secs(1);

/// Tells servers to close their ports, and knows when they have.
#[derive(Clone, Debug, Default)]
pub(crate) struct Closing {
    stop: CancellationToken,
    open: TaskTracker,
}

/// Held by a server from before it listens until its socket is closed.
#[derive(Clone, Debug)]
pub(crate) struct Listening {
    /// Set once the socket is to be closed.
    pub(crate) stop: CancellationToken,
    _open: TaskTrackerToken,
}

impl Closing {
    /// What a server holds as long as it may have a listening socket.
    pub(crate) fn listening(&self) -> Listening {
        Listening { stop: self.stop.clone(), _open: self.open.token() }
    }

    /// Set once servers are told to close their ports.
    pub(crate) fn told(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Tells all servers to close their ports; returns when these are closed, or after a second.
    pub(crate) async fn close(&self) {
        self.stop.cancel();
        self.open.close();
        if timeout(MAX_CLOSING, self.open.wait()).await.is_err() {
            tracing::info!("a port of weir's own is not closed yet: whoever waits for it has it later");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_port_that_stays_open_holds_nobody_up_for_ever() {
        let closing = Closing::default();
        let listening = closing.listening();
        closing.close().await;
        assert!(listening.stop.is_cancelled());
    }
}
