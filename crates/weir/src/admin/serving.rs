//! On which thread are operators answered, and at which addresses?
//!
//! A thread of its own: a long answer delays neither probes nor changes of Services.

mod socket;
mod tls;

use crate::admin::{
    basics::caller::Caller,
    known::knowledge::Knowledge,
    router,
    serving::{socket::AdminSocket, tls::Tls},
};
use crate::{
    cli::AdminOptions,
    http::{Connections, Listening, Reply, Server},
};
use anyhow::Context;
use hyper::{Request, body::Incoming};
use std::{
    hash::{DefaultHasher, Hash, Hasher},
    net::SocketAddr,
    path::Path,
    pin::Pin,
    thread::{self, JoinHandle},
    time::Instant,
};
use tokio::{
    net::TcpStream,
    runtime::Builder,
    sync::{oneshot, watch},
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tokio_util::sync::CancellationToken;

const SERVER: Server = Server { name: "admin", alternative: "--admin-address 127.0.0.1:10267" };

/// The thread that answers operators.
#[derive(Debug)]
pub(crate) struct AdminServer {
    ended: oneshot::Receiver<()>,
    thread: Option<JoinHandle<()>>,
}

impl AdminServer {
    /// Starts the thread, which ends with [`Knowledge::closing`]. `accompanied` says whether another weir may have the addresses.
    ///
    /// # Errors
    /// When the thread cannot be started, or a certificate cannot be read.
    pub(crate) fn start(
        options: AdminOptions,
        accompanied: watch::Receiver<bool>,
        knowledge: Knowledge,
    ) -> anyhow::Result<Self> {
        let tls = match options.tls.clone().filter(|_| options.address.is_some()) {
            Some(files) => Some(Tls::read(files, Instant::now()).map_err(anyhow::Error::msg)?),
            None => None,
        };
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build()
            .context("cannot start a runtime for the admin server")?;
        let (end, ended) = oneshot::channel();
        let listening = knowledge.closing().listening();
        let body = move || {
            runtime.block_on(serve(options, tls, accompanied, &knowledge, listening));
            // Metrics may be rendered at this moment.
            runtime.shutdown_timeout(std::time::Duration::from_millis(100));
            let _ = end.send(());
        };
        let thread = thread::Builder::new()
            .name("weir-admin".into())
            .spawn(body)
            .context("cannot start the thread of the admin server")?;
        Ok(Self { ended, thread: Some(thread) })
    }

    /// Waits for the end, after [`Knowledge::closing`] has told of it.
    pub(crate) async fn ended(mut self) {
        let _ = self.ended.await;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn serve(
    options: AdminOptions,
    tls: Option<Tls>,
    accompanied: watch::Receiver<bool>,
    knowledge: &Knowledge,
    listening: Listening,
) {
    let at_address = {
        let (only_metrics, bound) = (options.shows_only_metrics(), (accompanied.clone(), listening.clone()));
        async move {
            let Some(address) = options.address else { return };
            serve_address(address, bound, tls, only_metrics, knowledge).await;
        }
    };
    let at_socket = async move {
        let Some(folder) = options.runtime_dir else { return };
        serve_socket(&folder, (accompanied, listening), knowledge).await;
    };
    tokio::join!(at_address, at_socket);
}

/// Answer of a request, as it is worked out.
type Answering = Pin<Box<dyn Future<Output = Reply> + Send>>;

/// What answers the requests of one connection.
fn handler(caller: Caller, knowledge: &Knowledge) -> impl Fn(Request<Incoming>) -> Answering + Send + use<> {
    let knowledge = knowledge.clone();
    move |request| Box::pin(router::answer(request, caller.clone(), knowledge.clone()))
}

async fn serve_address(
    address: SocketAddr,
    (accompanied, listening): (watch::Receiver<bool>, Listening),
    mut tls: Option<Tls>,
    only_metrics: bool,
    knowledge: &Knowledge,
) {
    let stop = &listening.stop;
    let Some(listener) = stop.run_until_cancelled(SERVER.bind(address, accompanied)).await else { return };
    let mut connections = Connections::default();
    while let Some(stream) = stop.run_until_cancelled(SERVER.accept(&listener)).await {
        let (Ok(from), Ok(to)) = (stream.peer_addr(), stream.local_addr()) else { continue };
        let anybody = Caller::Anybody { from, to, only_metrics };
        match &mut tls {
            None => connections.admit(stream, handler(anybody, knowledge), CancellationToken::new()),
            Some(tls) => {
                let (acceptor, knowledge) =
                    (TlsAcceptor::from(tls.current(Instant::now())), knowledge.clone());
                let connecting = async move {
                    let stream = accept_tls(acceptor, stream).await?;
                    let caller = certified(&stream).unwrap_or(anybody);
                    Some((stream, handler(caller, &knowledge)))
                };
                connections.admit_later(connecting, CancellationToken::new());
            }
        }
    }
    drop((listener, listening));
    connections.finish().await;
}

async fn accept_tls(acceptor: TlsAcceptor, stream: TcpStream) -> Option<TlsStream<TcpStream>> {
    match acceptor.accept(stream).await {
        Ok(stream) => Some(stream),
        Err(error) => {
            tracing::debug!(%error, "a client of the admin server was turned away");
            None
        }
    }
}

/// Who has shown a certificate; `None` without one.
fn certified(stream: &TlsStream<TcpStream>) -> Option<Caller> {
    let certificate = stream.get_ref().1.peer_certificates()?.first()?;
    let mut hasher = DefaultHasher::new();
    certificate.as_ref().hash(&mut hasher);
    Some(Caller::Certificate(format!("{:016x}", hasher.finish())))
}

async fn serve_socket(
    folder: &Path,
    (accompanied, listening): (watch::Receiver<bool>, Listening),
    knowledge: &Knowledge,
) {
    let stop = &listening.stop;
    let Some(socket) = stop.run_until_cancelled(AdminSocket::bind(folder, accompanied)).await else { return };
    let mut connections = Connections::default();
    while let Some((stream, caller)) = stop.run_until_cancelled(socket.accept()).await {
        connections.admit(stream, handler(caller, knowledge), CancellationToken::new());
    }
    drop((socket, listening));
    connections.finish().await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::TlsFiles;

    #[test]
    fn who_shows_no_certificate_is_anybody() {
        let files = TlsFiles { certificate: "/nowhere".into(), key: "/nowhere".into(), client_ca: None };
        let error = Tls::read(files, Instant::now()).unwrap_err();
        assert!(error.starts_with("--admin-tls-cert /nowhere: "), "{error}");
    }
}
