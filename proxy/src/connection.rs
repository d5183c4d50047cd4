//! What is known of a live connection?

use crate::order::Order;
use std::{cell::Cell, net::SocketAddr, rc::Rc, time::Instant};
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
    /// Tells it to end.
    pub(crate) order: Order,
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
            order: Order::default(),
        })
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
