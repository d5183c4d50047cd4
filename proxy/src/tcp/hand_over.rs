//! Which worker serves a client, and how does it get there?

use super::session::begin;
use crate::{
    limits::admission::ConnectionPermit,
    session::{context::WorkerContext, frontend::LocalFrontend, siblings::Sibling},
    shared::command::{Command, HandedOver},
    sys::tcp::Stream,
};
use std::{net::SocketAddr, rc::Rc, sync::Arc};

/// Serves a client on this worker, or hands it over to a sibling that has far fewer.
pub(super) fn assign(
    worker: &Rc<WorkerContext>,
    frontend: &Rc<LocalFrontend>,
    client: Stream,
    peer: SocketAddr,
    permit: ConnectionPermit,
) {
    match worker.siblings.lighter(rand::random()) {
        Some(other) => hand_over(worker, frontend, other, client, peer, permit),
        None => begin(worker, frontend, client, peer, permit),
    }
}

/// Serves a client that a sibling handed over and has counted as this worker's already.
pub(crate) fn adopt(worker: &Rc<WorkerContext>, handed_over: HandedOver) {
    let HandedOver { client, peer, address, kind, origin, runtime, permit } = handed_over;
    let frontend = LocalFrontend::at(address, kind, runtime, origin);
    match Stream::watch(client) {
        Ok(client) => begin(worker, &frontend, client, peer, permit),
        Err(error) => tracing::warn!(%error, client = %peer, "cannot serve a client"),
    }
    worker.siblings.remove();
}

fn hand_over(
    worker: &Rc<WorkerContext>,
    frontend: &Rc<LocalFrontend>,
    other: &Sibling,
    client: Stream,
    peer: SocketAddr,
    permit: ConnectionPermit,
) {
    let LocalFrontend { address, kind, origin, .. } = **frontend;
    let runtime = Arc::clone(&frontend.runtime);
    let client = client.into_std();
    let handed_over = HandedOver { client, peer, address, kind, origin, runtime, permit };
    if let Err(Command::Adopt(refused)) = other.hand_over(Command::Adopt(handed_over)) {
        worker.siblings.add();
        adopt(worker, refused);
    }
}
