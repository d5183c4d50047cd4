//! What does a TCP connection need while it is served?

use super::{connection::Connection, context::WorkerContext, frontend::LocalFrontend};
use crate::telemetry::connection_log::SessionLog;
use std::{net::SocketAddr, os::fd::AsFd, rc::Rc};
use weir_core::Flow;

/// The context of one TCP connection, passed as an argument to all that happens to it. The worker lists the connection
/// until the context is dropped.
pub(crate) struct ConnectionContext {
    pub(crate) connection: Rc<Connection>,
    pub(crate) worker: Rc<WorkerContext>,
}

impl ConnectionContext {
    /// Lists a new connection through `frontend`.
    pub(crate) fn new(worker: &Rc<WorkerContext>, frontend: &Rc<LocalFrontend>, flow: Flow) -> Self {
        worker.siblings.add();
        let connection = worker.connections.borrow_mut().add(Rc::clone(frontend), flow);
        if worker.log.as_ref().is_some_and(SessionLog::samples) {
            connection.logged.begin();
        }
        Self { connection, worker: Rc::clone(worker) }
    }

    /// Continues as the connection of `client`, which the peer speaks for.
    pub(crate) fn speak_for(&mut self, client: SocketAddr) {
        self.connection = self.connection.speaking_for(client);
        self.worker.connections.borrow_mut().replace(&self.connection);
    }

    /// Watches the peers if nobody does yet, after bytes were passed on; after an `end` was, in any case.
    pub(crate) fn watch_peers(&self, end: bool) {
        if self.connection.may_watch_peers() || (end && self.connection.are_peers_watched()) {
            self.worker.peer_watch.borrow_mut().begin(&self.connection, self.worker.clock.get().into_std());
        }
    }

    /// Looks at the peers, at the other ends of these sockets, if it is time to.
    pub(crate) fn look_at_peers(&self, client: &impl AsFd, endpoint: &impl AsFd) {
        let Self { connection, worker } = self;
        if connection.must_look()
            && let Some(answer_to) = worker.siblings.own_commands()
        {
            let now = worker.clock.get().into_std();
            worker.peer_watch.borrow_mut().look(
                now,
                connection,
                [client.as_fd(), endpoint.as_fd()],
                &answer_to,
            );
        }
    }

    /// Registers the connection's deadline; to be called again once the deadline became earlier.
    pub(crate) fn watch_deadline(&self) {
        self.worker.connections.borrow_mut().watch(&self.connection);
    }
}

impl Drop for ConnectionContext {
    fn drop(&mut self) {
        self.worker.siblings.remove();
        if self.connection.are_peers_watched() {
            self.worker.peer_watch.borrow_mut().remove(self.connection.id);
        }
        self.worker.connections.borrow_mut().remove(self.connection.id);
        self.worker.answer_if_drained();
    }
}
