//! How do all tasks of one server end together?

use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The tasks of one server, which end when this is dropped.
#[derive(Debug)]
pub(crate) struct Tasks {
    spawner: Spawner,
}

impl Tasks {
    /// No tasks yet. They will run on `runtime`.
    pub(crate) fn new(runtime: Handle) -> Self {
        let (stop, tracker) = (CancellationToken::new(), TaskTracker::new());
        Self { spawner: Spawner { runtime, stop, tracker } }
    }

    /// Starts further tasks of this server.
    pub(crate) fn spawner(&self) -> Spawner {
        self.spawner.clone()
    }

    /// Cancels every task and waits until all of them are gone, with their sockets.
    pub(crate) async fn stop(&self) {
        self.spawner.stop.cancel();
        self.spawner.tracker.close();
        self.spawner.tracker.wait().await;
    }
}

impl Drop for Tasks {
    fn drop(&mut self) {
        self.spawner.stop.cancel();
    }
}

/// Starts tasks that belong to one server.
#[derive(Clone, Debug)]
pub(crate) struct Spawner {
    runtime: Handle,
    stop: CancellationToken,
    tracker: TaskTracker,
}

impl Spawner {
    /// Runs `task` until it ends or the server does.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let stop = self.stop.clone();
        let until_stopped = async move {
            stop.run_until_cancelled(task).await;
        };
        self.tracker.spawn_on(until_stopped, &self.runtime);
    }
}
