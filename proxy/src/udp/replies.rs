//! How do an endpoint's datagrams get back to its client?

use super::{
    accounting::{record_endpoint_refusal, record_sent},
    context::UdpContext,
    datagrams::{batch_socket::MAX_BURST_BATCHES, gso::Unsent},
    flow::UdpFlow,
    scratch::DatagramScratch,
};
use crate::{
    session::{frontend::LocalFrontend, local_metrics::Direction, yielding::yield_to_sockets},
    telemetry::close_reason::Closed,
};
use std::{
    future::poll_fn,
    io::ErrorKind,
    pin::pin,
    task::{Context, Poll, ready},
};

/// Forwards replies until the close signal of the flow, which the worker's clock sends for instance; returns the
/// reason.
pub(super) async fn forward(udp: &UdpContext, frontend: &LocalFrontend, flow: &UdpFlow) -> Closed {
    let mut failed = pin!(flow.upstream.failed());
    let mut is_sound = true;
    poll_fn(|context| {
        if is_sound && let Poll::Ready(result) = failed.as_mut().poll(context) {
            // Any other error is about one datagram, as in every network.
            is_sound = false;
            if result.is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused) {
                record_endpoint_refusal(udp, frontend, flow);
            }
        }
        poll(udp, frontend, flow, context)
    })
    .await
}

/// Forwards replies that wait, up to a burst.
fn poll(
    udp: &UdpContext,
    frontend: &LocalFrontend,
    flow: &UdpFlow,
    context: &mut Context<'_>,
) -> Poll<Closed> {
    for _ in 0..MAX_BURST_BATCHES {
        if let Some(reason) = flow.close_signal.poll(context) {
            return Poll::Ready(reason);
        }
        if ready!(flow.upstream.poll_readable(context)).is_err() {
            // The runtime is ending, and this task with it.
            return Poll::Pending;
        }
        forward_waiting(udp, frontend, flow, &mut udp.scratch.borrow_mut());
    }
    yield_to_sockets(context);
    Poll::Pending
}

/// Forwards a batch to the client. A reply that the socket has no room for is dropped, as any network may do.
fn forward_waiting(
    udp: &UdpContext,
    frontend: &LocalFrontend,
    flow: &UdpFlow,
    scratch: &mut DatagramScratch,
) {
    let DatagramScratch { received, sender, .. } = scratch;
    match flow.upstream.receive(received) {
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
            record_endpoint_refusal(udp, frontend, flow)
        }
        // The host or network is unreachable for now; the flow lives until it is idle for too long.
        Ok(_) | Err(_) => {}
    }
    let mut unsent = Unsent::new(&mut received.gro_batches);
    flow.record_replies(unsent.datagrams());
    let sent = sender.send_all(&received.buffer, &mut unsent, &flow.to_client());
    flow.upstream.learn(sent.longest);
    record_sent(&udp.worker, frontend, Direction::ToClient, &sent);
    udp.worker.unflushed.dropped(&frontend.local_metrics, unsent.datagrams());
}
