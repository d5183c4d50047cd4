//! How do an endpoint's datagrams get back to its client?

use super::{
    accounting::{count, note_refused},
    context::Udp,
    datagrams::{batch_socket::TURN, gso::Unsent},
    flow::UdpFlow,
    scratch::Datagrams,
};
use crate::{
    session::{frontend::LocalFrontend, local_metrics::Direction, yielding::give_way},
    telemetry::close_reason::Closed,
};
use std::{
    future::poll_fn,
    io::ErrorKind,
    task::{Context, Poll, ready},
};

/// Forwards replies until the flow is told to end, by the worker's clock for instance.
pub(super) async fn forward(udp: &Udp, frontend: &LocalFrontend, flow: &UdpFlow) -> Closed {
    poll_fn(|context| poll(udp, frontend, flow, context)).await
}

/// Forwards what waits, up to a turn.
fn poll(udp: &Udp, frontend: &LocalFrontend, flow: &UdpFlow, context: &mut Context<'_>) -> Poll<Closed> {
    for _ in 0..TURN {
        if let Some(reason) = flow.end.poll(context) {
            return Poll::Ready(reason);
        }
        if ready!(flow.upstream.poll_readable(context)).is_err() {
            // The runtime is ending, and this task with it.
            return Poll::Pending;
        }
        forward_waiting(udp, frontend, flow, &mut udp.datagrams.borrow_mut());
    }
    give_way(context);
    Poll::Pending
}

/// Forwards a batch to the client. A reply that the socket has no room for is dropped, as any network may do.
fn forward_waiting(udp: &Udp, frontend: &LocalFrontend, flow: &UdpFlow, datagrams: &mut Datagrams) {
    let Datagrams { batch, outbox, .. } = datagrams;
    match flow.upstream.receive(batch) {
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
            note_refused(&udp.worker, frontend, flow)
        }
        // The host or network is unreachable for now; the flow lives until it is idle for too long.
        Ok(_) | Err(_) => {}
    }
    let mut unsent = Unsent::new(&mut batch.trains);
    flow.endpoint_spoke(unsent.datagrams());
    let sent = outbox.send_all(&batch.buffer, &mut unsent, &flow.to_client());
    flow.upstream.saw(sent.longest);
    count(&udp.worker, frontend, Direction::ToClient, &sent);
    udp.worker.tallies.dropped(&frontend.tally, unsent.datagrams());
}
