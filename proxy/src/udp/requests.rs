//! How do clients' datagrams come in?

use super::{
    captured::CapturedSessions,
    context::UdpContext,
    datagrams::{
        batch::ReceiveMode,
        batch_socket::{BatchSocket, MAX_BURST_BATCHES},
    },
    scratch::DatagramScratch,
    sessions::Sessions,
};
use crate::session::yielding::yield_to_sockets;
use std::{
    future::poll_fn,
    io::{self, ErrorKind},
    net::UdpSocket,
    pin::pin,
    rc::Rc,
    task::Poll,
};
use tokio_util::sync::CancellationToken;
use weir_core::{Frontend, Origin, Protocol};

/// Forwards what is sent to a bound socket while `serving` is not cancelled. After `stop`, whose child that is, ends the
/// flows and closes the socket; until then flows go on replying.
pub(crate) async fn listen(
    udp: Rc<UdpContext>,
    sessions: Rc<Sessions>,
    serving: CancellationToken,
    stop: CancellationToken,
) {
    if let Some(socket) = sessions.bound() {
        receive(&socket, &udp, |scratch| sessions.forward(&udp, scratch, &socket, None), &serving).await;
    }
    if !stop.is_cancelled() {
        return;
    }
    // The flows share the socket, which must be closed when this ends: clients that send after that are refused.
    sessions.end_flows().await;
}

/// Watches a capture socket for [`listen_captured`].
pub(crate) fn watch_captured(socket: UdpSocket) -> io::Result<BatchSocket> {
    let from = if socket.local_addr()?.is_ipv4() { ReceiveMode::CapturedV4 } else { ReceiveMode::CapturedV6 };
    BatchSocket::new(socket, from)
}

/// Forwards what arrives at a capture socket, whatever address it was sent to, until `stop`.
pub(crate) async fn listen_captured(
    udp: Rc<UdpContext>,
    socket: BatchSocket,
    captured: Rc<CapturedSessions>,
    origin: Origin,
    stop: CancellationToken,
) {
    let forward = |scratch: &mut DatagramScratch| {
        scratch.received.list_destinations();
        while let Some(address) = scratch.received.next_destination() {
            let frontend = Frontend { protocol: Protocol::Udp, address };
            // Not served any more: the rules are about to hear of that, and will refuse clients.
            let Some(sessions) = captured.get(frontend, origin) else { continue };
            sessions.forward(&udp, scratch, &socket, Some(address));
        }
    };
    receive(&socket, &udp, forward, &stop).await;
}

/// Forwards what comes in through a socket until `stop`.
async fn receive(
    socket: &BatchSocket,
    udp: &UdpContext,
    forward: impl Fn(&mut DatagramScratch),
    stop: &CancellationToken,
) {
    let mut stopped = pin!(stop.cancelled());
    let ended = poll_fn(|context| {
        loop {
            // The kernel is asked only once it has reported something.
            if forward_waiting(socket, udp, &forward) {
                // The runtime finds a socket with a backlog ready at once, so other tasks would not run.
                yield_to_sockets(context);
                break;
            }
            match socket.poll_readable(context) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => break,
            }
        }
        stopped.as_mut().poll(context).map(Ok)
    });
    if let Err(error) = ended.await {
        tracing::error!(%error, "cannot watch a UDP socket");
    }
}

/// Forwards datagrams that wait, up to a burst; returns whether more may wait.
pub(super) fn forward_waiting(
    socket: &BatchSocket,
    udp: &UdpContext,
    forward: impl Fn(&mut DatagramScratch),
) -> bool {
    let scratch = &mut *udp.scratch.borrow_mut();
    for _ in 0..MAX_BURST_BATCHES {
        let received = socket.receive(&mut scratch.received);
        forward(scratch);
        match received {
            Ok(false) => return false,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return false,
            // An ICMP error about an earlier reply: that client is gone, the others are not.
            Ok(true) | Err(_) => {}
        }
    }
    true
}

#[cfg(test)]
mod tests;
