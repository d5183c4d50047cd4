//! What is known of a live connection, and how is it told to end?

use crate::Closed;
use std::{
    cell::{Cell, RefCell},
    net::SocketAddr,
    rc::Rc,
    task::{Context, Waker},
    time::Instant,
};
use weir_core::{Flow, PortKey};

/// A live connection as its worker sees it: enough to list it and to end it from outside.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) flow: Flow,
    pub(crate) port: PortKey,
    pub(crate) opened: Instant,
    /// Set once an endpoint accepted.
    pub(crate) endpoint: Cell<Option<SocketAddr>>,
    pub(crate) to_endpoint: Cell<u64>,
    pub(crate) to_client: Cell<u64>,
    order: Cell<Option<Closed>>,
    waker: RefCell<Option<Waker>>,
}

impl Connection {
    pub(crate) fn new(flow: Flow, port: PortKey) -> Rc<Self> {
        Rc::new(Self {
            flow,
            port,
            opened: Instant::now(),
            endpoint: Cell::default(),
            to_endpoint: Cell::default(),
            to_client: Cell::default(),
            order: Cell::default(),
            waker: RefCell::default(),
        })
    }

    /// Tells the connection to end. It does so at its next chance.
    pub(crate) fn order(&self, reason: Closed) {
        self.order.set(Some(reason));
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    /// What the connection was told, if anything.
    pub(crate) fn ordered(&self) -> Option<Closed> {
        self.order.get()
    }

    /// Has the task woken when an order comes.
    pub(crate) fn listen(&self, context: &Context<'_>) {
        let mut waker = self.waker.borrow_mut();
        if !waker.as_ref().is_some_and(|known| known.will_wake(context.waker())) {
            *waker = Some(context.waker().clone());
        }
    }

    /// Resolves when an order comes.
    pub(crate) async fn wait_for_order(&self) -> Closed {
        std::future::poll_fn(|context| {
            self.listen(context);
            self.ordered().map_or(std::task::Poll::Pending, std::task::Poll::Ready)
        })
        .await
    }

    /// A copy for other threads.
    pub(crate) fn info(&self) -> ConnectionInfo {
        ConnectionInfo {
            flow: self.flow,
            port: self.port.clone(),
            endpoint: self.endpoint.get(),
            opened: self.opened,
            to_endpoint: self.to_endpoint.get(),
            to_client: self.to_client.get(),
        }
    }
}

/// One live connection, as listed by [`crate::Proxy::connections`].
#[derive(Clone, Debug)]
pub struct ConnectionInfo {
    /// The connection as the client sees it.
    pub flow: Flow,
    /// The Service port that it came through.
    pub port: PortKey,
    /// The endpoint; `None` while it is being dialled.
    pub endpoint: Option<SocketAddr>,
    /// When it was accepted.
    pub opened: Instant,
    /// Bytes relayed to the endpoint.
    pub to_endpoint: u64,
    /// Bytes relayed to the client.
    pub to_client: u64,
}
