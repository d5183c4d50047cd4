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
    task::{Context, Poll},
};

/// Forwards replies until the close signal of the flow, which the worker's clock sends for instance; returns the
/// reason.
pub(super) async fn forward(udp: &UdpContext, frontend: &LocalFrontend, flow: &UdpFlow) -> Closed {
    let mut failed = pin!(flow.upstream.failed());
    let (mut is_sound, mut is_watched) = (true, false);
    poll_fn(|context| {
        let forwarded = match poll(udp, frontend, flow, context) {
            Ok(forwarded) => forwarded,
            Err(reason) => return Poll::Ready(reason),
        };
        // What woke the task was a reply; an error that came with it was received.
        if is_watched && (forwarded || !is_sound) {
            return Poll::Pending;
        }
        is_watched = true;
        if let Poll::Ready(result) = failed.as_mut().poll(context) {
            // Any other error is about one datagram, as in every network.
            is_sound = false;
            if result.is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused) {
                record_endpoint_refusal(udp, frontend, flow);
            }
        }
        Poll::Pending
    })
    .await
}

/// Forwards replies that wait, up to a burst, and has the task woken for others; returns whether there were any. Fails with
/// the reason to end.
fn poll(
    udp: &UdpContext,
    frontend: &LocalFrontend,
    flow: &UdpFlow,
    context: &mut Context<'_>,
) -> Result<bool, Closed> {
    let mut any = false;
    for _ in 0..MAX_BURST_BATCHES {
        if let Some(reason) = flow.close_signal.poll(context) {
            return Err(reason);
        }
        // The kernel is asked only once it has reported something.
        any |= forward_waiting(udp, frontend, flow, &mut udp.scratch.borrow_mut());
        match flow.upstream.poll_readable(context) {
            Poll::Ready(Ok(())) => {}
            // After an error the runtime is ending, and this task with it.
            Poll::Ready(Err(_)) | Poll::Pending => return Ok(any),
        }
    }
    yield_to_sockets(context);
    Ok(any)
}

/// Forwards a batch to the client; returns whether there was one. A reply that the socket has no room for is dropped, as any
/// network may do.
fn forward_waiting(
    udp: &UdpContext,
    frontend: &LocalFrontend,
    flow: &UdpFlow,
    scratch: &mut DatagramScratch,
) -> bool {
    let DatagramScratch { received, sender, .. } = scratch;
    match flow.upstream.receive(received) {
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
            record_endpoint_refusal(udp, frontend, flow)
        }
        // The host or network is unreachable for now; the flow lives until it is idle for too long.
        Ok(_) | Err(_) => {}
    }
    if received.gro_batches.is_empty() {
        return false;
    }
    let mut unsent = Unsent::new(&mut received.gro_batches);
    flow.record_replies(unsent.datagrams());
    let sent = sender.send_all(&received.buffer, &mut unsent, &flow.to_client());
    flow.upstream.learn(sent.longest);
    record_sent(&udp.worker, frontend, flow, Direction::ToClient, &sent);
    udp.worker.unflushed.dropped(&frontend.local_metrics, unsent.datagrams());
    true
}
