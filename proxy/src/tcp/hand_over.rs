//! Which worker serves a client, and how does it get there?

use super::session::begin;
use crate::{
    limits::admission::Admitted,
    session::{context::Worker, frontend::LocalFrontend, siblings::Peer},
    shared::command::{Command, HandedOver},
};
use std::{net::SocketAddr, rc::Rc, sync::Arc};
use tokio::net::TcpStream;

/// Serves a client on this worker, or hands it over to another one that has far fewer.
pub(super) fn assign(
    worker: &Rc<Worker>,
    frontend: &Rc<LocalFrontend>,
    client: TcpStream,
    peer: SocketAddr,
    admitted: Admitted,
) {
    match worker.peers.lighter(rand::random()) {
        Some(other) => hand_over(worker, frontend, other, client, peer, admitted),
        None => begin(worker, frontend, client, peer, admitted),
    }
}

/// Serves a client that another worker handed over, and has counted as this one's already.
pub(crate) fn adopt(worker: &Rc<Worker>, handed_over: HandedOver) {
    let HandedOver { client, peer, address, kind, origin, slot, admitted } = handed_over;
    let frontend = LocalFrontend::at(address, kind, slot, origin);
    match TcpStream::from_std(client) {
        Ok(client) => begin(worker, &frontend, client, peer, admitted),
        Err(error) => tracing::warn!(%error, client = %peer, "cannot serve a client"),
    }
    worker.peers.remove();
}

fn hand_over(
    worker: &Rc<Worker>,
    frontend: &Rc<LocalFrontend>,
    other: &Peer,
    client: TcpStream,
    peer: SocketAddr,
    admitted: Admitted,
) {
    // It fails only if the socket is not watched, and then there is nothing to serve.
    let Ok(client) = client.into_std() else { return };
    let LocalFrontend { address, kind, origin, .. } = **frontend;
    let slot = Arc::clone(&frontend.slot);
    let handed_over = HandedOver { client, peer, address, kind, origin, slot, admitted };
    if let Err(Command::Adopt(refused)) = other.hand_over(Command::Adopt(handed_over)) {
        worker.peers.add();
        adopt(worker, refused);
    }
}
