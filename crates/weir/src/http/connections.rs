//! How are the clients of weir's own HTTP servers kept from holding others up? Their connections are few, short and timed.

use super::reply::Reply;
use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
};
use std::{collections::VecDeque, convert::Infallible, time::Duration};
use tokio::{
    net::TcpStream,
    task::{AbortHandle, JoinSet},
    time::timeout,
};
use tokio_util::sync::CancellationToken;

/// Time that a client may take to send a request's header, and that an idle connection may stay.
pub(super) const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// Lifetime of a connection: a client that does not read its answer must not keep the answer in memory.
pub(super) const CONNECTION_LIFETIME: Duration = Duration::from_secs(60);
/// Connections that may be open; one more closes the oldest.
pub(super) const MAX_CONNECTIONS: usize = 64;
/// Size of a request's header, in bytes.
const MAX_HEADER_BYTES: usize = 16 << 10;
/// Time that answers under way may take when the server stops.
const STOP_TIMEOUT: Duration = Duration::from_secs(1);

/// Open connections of one server, however many sockets it listens on, at most [`MAX_CONNECTIONS`].
#[derive(Debug, Default)]
pub(crate) struct Connections {
    tasks: JoinSet<()>,
    oldest_first: VecDeque<AbortHandle>,
    graceful: GracefulShutdown,
}

impl Connections {
    /// Serves a client until `end`.
    pub(crate) fn admit<H, F>(&mut self, stream: TcpStream, handler: H, end: CancellationToken)
    where
        H: Fn(Request<Incoming>) -> F + Send + 'static,
        F: Future<Output = Reply> + Send + 'static,
    {
        while self.tasks.try_join_next().is_some() {}
        self.oldest_first.retain(|connection| !connection.is_finished());
        // A request takes milliseconds, so the oldest connection is one that is idle or slow.
        if self.oldest_first.len() >= MAX_CONNECTIONS
            && let Some(oldest) = self.oldest_first.pop_front()
        {
            oldest.abort();
        }
        let service = service_fn(move |request| {
            let reply = handler(request);
            async { Ok::<_, Infallible>(reply.await) }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEADER_TIMEOUT)
            .max_buf_size(MAX_HEADER_BYTES)
            .title_case_headers(true)
            .serve_connection(TokioIo::new(stream), service);
        let connection = self.graceful.watch(connection);
        self.oldest_first.push_back(self.tasks.spawn(async move {
            match timeout(CONNECTION_LIFETIME, end.run_until_cancelled(connection)).await {
                Ok(None | Some(Ok(()))) => {}
                Ok(Some(Err(error))) => tracing::debug!(%error, "HTTP connection failed"),
                Err(_) => tracing::debug!("HTTP connection was open for too long"),
            }
        }));
    }

    /// Waits until answers under way have finished, at most [`STOP_TIMEOUT`].
    pub(crate) async fn finish(self) {
        let _ = timeout(STOP_TIMEOUT, self.graceful.shutdown()).await;
    }
}
