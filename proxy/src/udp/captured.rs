//! Where do datagrams go that were sent to many addresses and came in through one socket? (node mode)

use super::{batch::Senders, batch_socket::BatchSocket, receive, requests::Datagrams};
use crate::session::captured_frontends::Catalog;
use std::{io, net::UdpSocket, rc::Rc};
use tokio_util::sync::CancellationToken;
use weir_core::{Frontend, Origin, Protocol};

/// Watches a receiving socket for [`listen`].
pub(crate) fn watch(socket: UdpSocket) -> io::Result<BatchSocket> {
    let from = if socket.local_addr()?.is_ipv4() { Senders::DialledV4 } else { Senders::DialledV6 };
    BatchSocket::new(socket, from)
}

/// Forwards what comes in through a receiving socket until `stop`.
pub(crate) async fn listen(
    socket: BatchSocket,
    catalog: Rc<Catalog>,
    origin: Origin,
    stop: CancellationToken,
) {
    let forward = |datagrams: &mut Datagrams| forward(&socket, &catalog, origin, datagrams);
    receive(&socket, &catalog.worker, forward, &stop).await;
}

/// Forwards a batch, address by address.
fn forward(socket: &BatchSocket, catalog: &Catalog, origin: Origin, datagrams: &mut Datagrams) {
    datagrams.batch.list_dialled();
    while let Some(address) = datagrams.batch.next_dialled() {
        let dialled = Frontend { protocol: Protocol::Udp, address };
        // Nobody serves it any more: the rules are about to hear of that, and will refuse it.
        let Some(clients) = catalog.clients(dialled, origin) else { continue };
        clients.forward(datagrams, socket, Some(address));
    }
}

#[cfg(test)]
mod tests;
