//! How does one of weir's own HTTP servers listen and accept? A bind that fails is tried again for ever.

use super::{closing::Listening, connections::Connections, reply::Reply};
use hyper::{Request, body::Incoming};
use std::{
    io::{self, ErrorKind},
    net::SocketAddr,
    time::Duration,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    time::sleep,
};
use tokio_util::sync::CancellationToken;

/// Time until a bind that failed is tried again, as in kube-proxy (semantics Z4).
const BIND_RETRY: Duration = Duration::from_secs(5);
/// Time until an address is tried again that an earlier weir has, which is about to let go.
pub(crate) const QUICK_RETRY: Duration = Duration::from_millis(100);
/// Pause of accepting after an error such as EMFILE: the first one, and the longest.
const ACCEPT_PAUSE: (Duration, Duration) = (Duration::from_millis(10), Duration::from_secs(1));

/// HTTP server of weir's own.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Server {
    /// Name in log lines.
    pub(crate) name: &'static str,
    /// Flag that sets the address, with a value that does not collide with kube-proxy's.
    pub(crate) alternative: &'static str,
}

impl Server {
    /// Serves on `address` until told to close it. An address that cannot be bound is reported and tried again for ever; quickly and
    /// without a complaint while it is known that another weir has it.
    pub(crate) async fn serve<H, F>(
        self,
        address: SocketAddr,
        accompanied: watch::Receiver<bool>,
        handler: H,
        listening: Listening,
    ) where
        H: Fn(Request<Incoming>) -> F + Clone + Send + 'static,
        F: Future<Output = Reply> + Send + 'static,
    {
        let bound = listening.stop.run_until_cancelled(self.bind(address, accompanied)).await;
        if let Some(listener) = bound {
            self.accept_all(listener, handler, listening).await;
        }
    }

    /// Listens at an address, which is tried until it can be bound.
    pub(crate) async fn bind(
        self,
        address: SocketAddr,
        mut accompanied: watch::Receiver<bool>,
    ) -> TcpListener {
        let (mut reported, mut waits) = (None, false);
        loop {
            match TcpListener::bind(address).await {
                Ok(listener) => {
                    tracing::info!(server = self.name, %address, "listening");
                    return listener;
                }
                Err(error) if error.kind() == ErrorKind::AddrInUse && *accompanied.borrow_and_update() => {
                    if !waits {
                        waits = true;
                        tracing::info!(server = self.name, %address, "the earlier weir still listens here; waiting for it");
                    }
                    quick_pause(&mut accompanied).await;
                }
                Err(error) => {
                    // Once per cause; the same line every few seconds would say nothing new.
                    if reported.replace(error.kind()) != Some(error.kind()) {
                        let advice = self.advice(&error, holders(address, &error).await.as_deref());
                        let retry = humantime::format_duration(BIND_RETRY);
                        tracing::warn!(server = self.name, %address, %error, "cannot listen; {advice}; trying again every {retry}");
                    }
                    sleep(BIND_RETRY).await;
                }
            }
        }
    }

    fn advice(self, error: &io::Error, holders: Option<&str>) -> String {
        match (error.kind(), holders) {
            (ErrorKind::AddrInUse, Some(holders)) => {
                format!("it is held by {holders}; use {}", self.alternative)
            }
            (ErrorKind::AddrInUse, None) => format!(
                "a weir that drains lets go when it ends; if kube-proxy is running, use {}",
                self.alternative
            ),
            (ErrorKind::AddrNotAvailable, _) => "this host does not have the address".to_owned(),
            (ErrorKind::PermissionDenied, _) => "ports below 1024 need CAP_NET_BIND_SERVICE".to_owned(),
            _ => format!("another address: {}", self.alternative),
        }
    }

    /// Serves on a bound socket until told to close it.
    pub(crate) async fn accept_all<H, F>(self, listener: TcpListener, handler: H, listening: Listening)
    where
        H: Fn(Request<Incoming>) -> F + Clone + Send + 'static,
        F: Future<Output = Reply> + Send + 'static,
    {
        let mut connections = Connections::default();
        while let Some(stream) = listening.stop.run_until_cancelled(self.accept(&listener)).await {
            connections.admit(stream, handler.clone(), CancellationToken::new());
        }
        drop((listener, listening));
        connections.finish().await;
    }

    /// Accepts a client. After an error such as too many open files it reports, pauses and tries again.
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

/// Waits until an address that an earlier weir has is worth another try: a moment, or until that weir has let go. Later ones,
/// which try as soon as they start, do not come first then.
pub(crate) async fn quick_pause(accompanied: &mut watch::Receiver<bool>) {
    tokio::select! {
        () = sleep(QUICK_RETRY) => {}
        Ok(()) = accompanied.changed() => {}
    }
}

/// Names of the processes that have an address in use; `None` if they cannot be told.
async fn holders(address: SocketAddr, error: &io::Error) -> Option<String> {
    if error.kind() != ErrorKind::AddrInUse {
        return None;
    }
    // This thread has probes to answer meanwhile.
    tokio::task::spawn_blocking(move || weir_proxy::listeners_at(address)).await.ok().flatten()
}

#[cfg(test)]
mod tests;
