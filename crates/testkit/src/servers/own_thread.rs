//! How does a server run without sharing the caller's thread, as benchmarks need?

use std::io;
use std::ops::Deref;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};

use tokio::runtime::Builder;
use tokio_util::sync::CancellationToken;

/// A server on a current-thread runtime of its own; both end when this is dropped.
///
/// ```
/// use weir_testkit::{Behaviour, OwnThread, TcpServer};
///
/// let server = OwnThread::start(|| TcpServer::start(([127, 0, 0, 1], 0).into(), Behaviour::Echo))?;
/// std::net::TcpStream::connect(server.address())?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct OwnThread<Server> {
    server: Server,
    stop: CancellationToken,
    thread: Option<JoinHandle<()>>,
}

impl<Server: Send + 'static> OwnThread<Server> {
    /// Starts a thread with a runtime, runs `start` on it and waits (blocking) for its server.
    ///
    /// # Errors
    /// When no thread or runtime can be had, and what `start` reports.
    pub fn start<Start, Starting>(start: Start) -> io::Result<Self>
    where
        Start: FnOnce() -> Starting + Send + 'static,
        Starting: Future<Output = io::Result<Server>>,
    {
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let (started, starting) = mpsc::channel();
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let thread = thread::Builder::new().name("testkit".into()).spawn(move || {
            runtime.block_on(async {
                let server = start().await;
                let serving = server.is_ok();
                // A caller that is gone has no use for the server: the thread ends with its token.
                if started.send(server).is_ok() && serving {
                    stopped.cancelled().await;
                }
            });
        })?;
        let server = starting.recv().map_err(io::Error::other)??;
        Ok(Self { server, stop, thread: Some(thread) })
    }
}

impl<Server> Deref for OwnThread<Server> {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.server
    }
}

impl<Server> Drop for OwnThread<Server> {
    fn drop(&mut self) {
        self.stop.cancel();
        if let Some(thread) = self.thread.take() {
            // A panic of the server was already printed by its thread; a second one here would abort.
            let _ = thread.join();
        }
    }
}
