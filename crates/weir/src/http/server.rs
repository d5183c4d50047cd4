//! How does weir answer HTTP itself? One small server for health and one for metrics, that nobody can hold up.

use http_body_util::Full;
use hyper::{
    Request, Response, StatusCode,
    body::{Bytes, Incoming},
    header::{CONTENT_TYPE, HeaderName, HeaderValue, X_CONTENT_TYPE_OPTIONS},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
};
use std::{
    collections::VecDeque,
    convert::Infallible,
    io::{self, ErrorKind},
    net::SocketAddr,
    time::Duration,
};
use tokio::{
    net::{TcpListener, TcpStream},
    task::{AbortHandle, JoinSet},
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

/// How long until a bind that failed is tried again, as kube-proxy does (semantics Z4).
const BIND_RETRY: Duration = Duration::from_secs(5);
/// How long a client may take to send a request, and an idle connection may stay.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// How long one connection may live: a client that does not read its answer must not keep it in memory.
const CONNECTION_LIFETIME: Duration = Duration::from_secs(60);
/// How many connections may be open; one more closes the oldest.
const MAX_CONNECTIONS: usize = 64;
/// How large a request's header may be.
const MAX_HEADER: usize = 16 << 10;
/// How long answers under way may take when the server stops.
const STOP_TIMEOUT: Duration = Duration::from_secs(1);
/// How long accepting pauses after an error such as EMFILE: at first, and at most.
const ACCEPT_PAUSE: (Duration, Duration) = (Duration::from_millis(10), Duration::from_secs(1));

/// An answer.
pub(crate) type Reply = Response<Full<Bytes>>;

/// One of weir's own servers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Server {
    /// What it is called in logs.
    pub(crate) name: &'static str,
    /// The flag that says where it listens, and a value that does not collide with kube-proxy.
    pub(crate) elsewhere: &'static str,
}

impl Server {
    /// Serves on `address` until `stop`. An address that cannot be bound is reported and tried again for ever.
    pub(crate) async fn serve<H, F>(self, address: SocketAddr, handler: H, stop: CancellationToken)
    where
        H: Fn(Request<Incoming>) -> F + Clone + Send + 'static,
        F: Future<Output = Reply> + Send + 'static,
    {
        if let Some(listener) = stop.run_until_cancelled(self.bind(address)).await {
            self.accept_all(listener, handler, stop).await;
        }
    }

    async fn bind(self, address: SocketAddr) -> TcpListener {
        let mut reported = None;
        loop {
            match TcpListener::bind(address).await {
                Ok(listener) => {
                    tracing::info!(server = self.name, %address, "listening");
                    return listener;
                }
                Err(error) => {
                    // Once per cause; the same again every few seconds is no news.
                    if reported.replace(error.kind()) != Some(error.kind()) {
                        let advice = self.advice(&error);
                        let retry = humantime::format_duration(BIND_RETRY);
                        tracing::warn!(server = self.name, %address, %error, "cannot listen; {advice}; trying again every {retry}");
                    }
                    sleep(BIND_RETRY).await;
                }
            }
        }
    }

    fn advice(self, error: &io::Error) -> String {
        match error.kind() {
            ErrorKind::AddrInUse => format!("is kube-proxy running? use {}", self.elsewhere),
            ErrorKind::AddrNotAvailable => "the address is none of this host's".to_owned(),
            ErrorKind::PermissionDenied => "ports below 1024 need CAP_NET_BIND_SERVICE".to_owned(),
            _ => format!("another address: {}", self.elsewhere),
        }
    }

    /// Serves on a bound socket until `stop`.
    pub(crate) async fn accept_all<H, F>(self, listener: TcpListener, handler: H, stop: CancellationToken)
    where
        H: Fn(Request<Incoming>) -> F + Clone + Send + 'static,
        F: Future<Output = Reply> + Send + 'static,
    {
        let mut connections = Connections::default();
        while let Some(stream) = stop.run_until_cancelled(self.accept(&listener)).await {
            connections.admit(stream, handler.clone(), CancellationToken::new());
        }
        drop(listener);
        connections.finish().await;
    }

    /// Waits for a client. Errors such as too many open files are reported and tried again.
    pub(crate) async fn accept(self, listener: &TcpListener) -> TcpStream {
        let (mut pause, longest) = ACCEPT_PAUSE;
        loop {
            match listener.accept().await {
                Ok((stream, _)) => return stream,
                Err(error) => {
                    if pause == ACCEPT_PAUSE.0 {
                        tracing::warn!(server = self.name, %error, "cannot accept; trying again");
                    }
                    sleep(pause).await;
                    pause = (pause * 2).min(longest);
                }
            }
        }
    }
}

/// The open connections of one server, however many sockets it listens on. Bounded: one more closes the oldest.
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
        // An honest request takes milliseconds, so the oldest connection is one that is idle or dawdles.
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
            .max_buf_size(MAX_HEADER)
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

    /// Lets answers under way finish, for a while.
    pub(crate) async fn finish(self) {
        let _ = timeout(STOP_TIMEOUT, self.graceful.shutdown()).await;
    }
}

/// An answer with a body.
pub(crate) fn reply(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Reply {
    let mut reply = Response::new(Full::new(body.into()));
    *reply.status_mut() = status;
    let headers: [(HeaderName, &'static str); 2] =
        [(CONTENT_TYPE, content_type), (X_CONTENT_TYPE_OPTIONS, "nosniff")];
    reply.headers_mut().extend(headers.map(|(name, value)| (name, HeaderValue::from_static(value))));
    reply
}

/// The content type of JSON.
pub(crate) const JSON: &str = "application/json";

/// The content type of text.
pub(crate) const TEXT: &str = "text/plain; charset=utf-8";

/// Go's answer for a path that does not exist.
pub(crate) fn not_found() -> Reply {
    reply(StatusCode::NOT_FOUND, TEXT, "404 page not found\n")
}

#[cfg(test)]
mod tests;
