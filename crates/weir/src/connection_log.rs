//! How are connections and flows logged that have ended? One line each, by a thread of its own.

mod line;
mod options;
mod output;
mod writer;

use anyhow::Context;
pub(crate) use options::{ConnectionLogOptions, Destination};
use output::Output;
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread::{Builder, Thread},
    time::Duration,
};
use tokio::{sync::oneshot, time::timeout};
use tracing::warn;
use weir_proxy::ConnectionLog;
use writer::Writer;

/// Time that writing the last lines may delay the end of weir.
const LAST_LINES: Duration = Duration::from_secs(2);

/// The thread that writes lines.
#[derive(Debug)]
pub(crate) struct LogThread {
    reopen: Arc<AtomicBool>,
    thread: Thread,
    ended: oneshot::Receiver<()>,
}

/// Starts the thread; returns what the data plane tells it by. `None` if nothing is logged.
///
/// # Errors
/// Says why the file cannot be opened, and what to do.
pub(crate) fn start(options: &ConnectionLogOptions) -> anyhow::Result<Option<(ConnectionLog, LogThread)>> {
    let Some(destination) = &options.destination else { return Ok(None) };
    let output = Output::open(destination.clone())?;
    let (log, ended_sessions) = weir_proxy::connection_log(options.sample, options.rate);
    let reopen = Arc::<AtomicBool>::default();
    let writer = Writer::new(ended_sessions, output, options.format, Arc::clone(&reopen));
    let (done, ended) = oneshot::channel();
    let write = move || {
        writer.run();
        let _ = done.send(());
    };
    let thread = Builder::new().name("weir-log".into()).spawn(write);
    let thread = thread.context(
        "cannot start the thread that writes the connection log; is the limit of threads reached (ulimit -u)?",
    )?;
    Ok(Some((log, LogThread { reopen, thread: thread.thread().clone(), ended })))
}

impl LogThread {
    /// Has the file opened again, within a second: another one may be at its path by now.
    pub(crate) fn reopen(&self) {
        self.reopen.store(true, Relaxed);
        self.thread.unpark();
    }

    /// Waits until the last lines are written, once the data plane has ended. Not for long: whoever should read them may
    /// not.
    pub(crate) async fn finish(self) {
        if timeout(LAST_LINES, self.ended).await.is_err() {
            warn!(
                "ending without the last lines of the connection log: writing takes longer than {LAST_LINES:?}; does \
                 nobody read the FIFO, or is the file on a network file system?"
            );
        }
    }
}
