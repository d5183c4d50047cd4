//! How do listening sockets pass from one weir to another? What the two ask of their data planes.

use std::os::fd::OwnedFd;
use tokio::sync::{mpsc, oneshot};
use weir_core::Frontend;

/// A listening socket of a bound frontend, on its way to another weir or from there.
#[derive(Debug)]
pub struct ListeningSocket {
    /// Address and protocol that the socket is bound to.
    pub listen: Frontend,
    /// The socket, shared with the weir that opened it: its queue is one.
    pub socket: OwnedFd,
}

/// A request to the data plane of one of the two weirs.
#[derive(Debug)]
pub(crate) enum HandOverRequest {
    /// The older one: duplicate the listening sockets, and serve no new clients through them until told to resume.
    Pass { done: oneshot::Sender<Vec<ListeningSocket>> },
    /// The older one: serve clients through the listening sockets again.
    Resume { done: oneshot::Sender<()> },
    /// The newer one: use these sockets where their frontends are bound.
    Inherit { sockets: Vec<ListeningSocket>, done: oneshot::Sender<()> },
    /// The newer one: whether another weir runs on this host, which may hold addresses for a while.
    SetAccompanied { accompanied: bool },
}

/// Steers the part of a running [`Proxy`](crate::Proxy) in a hand-over.
#[derive(Clone, Debug)]
pub struct HandOver(mpsc::Sender<HandOverRequest>);

impl HandOver {
    /// Creates a connected pair of sender and receiver.
    pub(crate) fn new() -> (Self, mpsc::Receiver<HandOverRequest>) {
        let (sender, requests) = mpsc::channel(4);
        (Self(sender), requests)
    }

    /// Duplicates the listening sockets of bound frontends. Until [`Self::resume`] their clients wait in the queues, for
    /// whoever gets the duplicates. Returns none if the proxy has ended.
    pub async fn pass(&self) -> Vec<ListeningSocket> {
        self.ask(|done| HandOverRequest::Pass { done }).await.unwrap_or_default()
    }

    /// Serves clients through the listening sockets again: nobody took them.
    pub async fn resume(&self) {
        let _ = self.ask(|done| HandOverRequest::Resume { done }).await;
    }

    /// Uses sockets of another weir where their frontends are bound. Those that do not fit are closed.
    pub async fn inherit(&self, sockets: Vec<ListeningSocket>) {
        let _ = self.ask(|done| HandOverRequest::Inherit { sockets, done }).await;
    }

    /// Sets whether another weir runs on this host. While one does, addresses in use are tried again quickly and not
    /// complained about; afterwards inherited sockets that nobody wanted are closed.
    pub async fn set_accompanied(&self, accompanied: bool) {
        let _ = self.0.send(HandOverRequest::SetAccompanied { accompanied }).await;
    }

    async fn ask<T>(&self, request: impl FnOnce(oneshot::Sender<T>) -> HandOverRequest) -> Option<T> {
        let (done, answer) = oneshot::channel();
        self.0.send(request(done)).await.ok()?;
        answer.await.ok()
    }
}
