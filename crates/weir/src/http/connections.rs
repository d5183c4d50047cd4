//! How are the clients of weir's own HTTP servers kept from holding others up? Their connections are few, short and timed.

use super::{lifetime::Lifetime, reply::Reply};
use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
};
use std::{collections::VecDeque, convert::Infallible, future::ready, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    task::{AbortHandle, JoinSet},
    time::timeout,
};
use tokio_util::sync::CancellationToken;

/// Time that a client may take to send a request's header, and that an idle connection may stay.
pub(super) const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// Connections that may be open; one more closes the oldest.
pub(super) const MAX_CONNECTIONS: usize = 64;
/// Size of a request's header, in bytes.
const MAX_HEADER_BYTES: usize = 8 << 10;
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
    /// Serves a client until `end`, as [`Self::admit_later`] does.
    pub(crate) fn admit<S, H, F>(&mut self, stream: S, handler: H, end: CancellationToken)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        H: Fn(Request<Incoming>) -> F + Send + 'static,
        F: Future<Output = Reply> + Send + 'static,
    {
        self.admit_later(ready(Some((stream, handler))), end);
    }

    /// Serves a client until `end`, once its connection and the handler of its requests are there; `None` if there is nobody to
    /// serve. A request has the connection's [`Lifetime`] among its extensions.
    pub(crate) fn admit_later<S, H, F>(
        &mut self,
        connecting: impl Future<Output = Option<(S, H)>> + Send + 'static,
        end: CancellationToken,
    ) where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
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
        let watcher = self.graceful.watcher();
        self.oldest_first.push_back(self.tasks.spawn(async move {
            let Ok(Some((stream, handler))) = timeout(HEADER_TIMEOUT, connecting).await else { return };
            let lifetime = Lifetime::new();
            let of_connection = lifetime.clone();
            let service = service_fn(move |mut request: Request<Incoming>| {
                request.extensions_mut().insert(of_connection.clone());
                let reply = handler(request);
                async { Ok::<_, Infallible>(reply.await) }
            });
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEADER_TIMEOUT)
                .max_buf_size(MAX_HEADER_BYTES)
                .title_case_headers(true)
                .serve_connection(TokioIo::new(stream), service);
            let connection = watcher.watch(connection);
            tokio::select! {
                ended = end.run_until_cancelled(connection) => if let Some(Err(error)) = ended {
                    tracing::debug!(%error, "HTTP connection failed");
                },
                () = lifetime.over() => tracing::debug!("HTTP connection was open for too long"),
            }
        }));
    }

    /// Waits until answers under way have finished, at most [`STOP_TIMEOUT`].
    pub(crate) async fn finish(self) {
        let _ = timeout(STOP_TIMEOUT, self.graceful.shutdown()).await;
    }
}
