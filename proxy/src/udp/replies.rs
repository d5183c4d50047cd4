//! How do an endpoint's datagrams get back to its client, and when does that end?

use super::{Clients, TURN, flow::UdpFlow, gso::Unsent, requests::Datagrams};
use crate::{
    session::{
        frontend::LocalFrontend,
        local_metrics::{Direction, Opened},
        yielding::give_way,
    },
    telemetry::close_reason::Closed,
};
use std::{
    future::poll_fn,
    io::ErrorKind,
    rc::Rc,
    task::{Context, Poll, ready},
};

/// Lists a flow and forwards its replies until it ends.
pub(super) fn start(clients: &Rc<Clients>, frontend: &Rc<LocalFrontend>, flow: &Rc<UdpFlow>) {
    let opened = Opened::new(&frontend.slot.counters);
    let id = frontend.worker.flows.borrow_mut().add(flow);
    let (tasks, clients) = (clients.tasks.clone(), Rc::clone(clients));
    let (frontend, flow) = (Rc::clone(frontend), Rc::clone(flow));
    tasks.spawn_local(async move {
        let reason = poll_fn(|context| poll(&frontend, &flow, context)).await;
        flow.end.give(reason);
        clients.forget(&flow);
        frontend.worker.flows.borrow_mut().remove(id, &flow);
        tracing::debug!(client = %flow.client, frontend = %frontend.address, endpoint = %flow.endpoint, %reason, "flow ended");
        opened.end(reason);
    });
}

/// Forwards what waits, up to a turn; ready when the flow was told to end, by the worker's clock for instance.
fn poll(frontend: &LocalFrontend, flow: &UdpFlow, context: &mut Context<'_>) -> Poll<Closed> {
    for _ in 0..TURN {
        if let Some(reason) = flow.end.poll(context) {
            return Poll::Ready(reason);
        }
        if ready!(flow.upstream.poll_readable(context)).is_err() {
            // The runtime is ending, and this task with it.
            return Poll::Pending;
        }
        forward_waiting(frontend, flow, &mut frontend.worker.datagrams.borrow_mut());
    }
    give_way(context);
    Poll::Pending
}

/// Forwards a batch to the client. A reply that the socket has no room for is dropped, as any network may do.
fn forward_waiting(frontend: &LocalFrontend, flow: &UdpFlow, datagrams: &mut Datagrams) {
    let Datagrams { batch, outbox, .. } = datagrams;
    match flow.upstream.receive(batch) {
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => frontend.note_refused(flow),
        // The host or network is unreachable for now; the flow lives until it is idle for too long.
        Ok(_) | Err(_) => {}
    }
    let mut unsent = Unsent::new(&mut batch.trains);
    flow.endpoint_spoke(unsent.datagrams());
    let sent = outbox.send_all(&batch.buffer, &mut unsent, &flow.to_client());
    flow.upstream.saw(sent.longest);
    frontend.count(Direction::ToClient, &sent);
    frontend.worker.tallies.dropped(&frontend.tally, unsent.datagrams());
}

#[cfg(test)]
mod tests;
