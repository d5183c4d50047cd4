//! How do an endpoint's datagrams get back to its client, and when does that end?

use super::{Clients, flow::UdpFlow};
use crate::{Closed, frontend::Frontend, tally::Opened};
use std::{
    future::{Future, poll_fn},
    pin::pin,
    rc::Rc,
    task::{Context, Poll, ready},
};
use tokio::{io::ReadBuf, time::Instant};

/// Replies forwarded before other tasks of the worker get their turn.
const TURN: usize = 64;

/// Lists a flow and forwards its replies until it ends.
pub(super) fn start(clients: &Rc<Clients>, frontend: &Rc<Frontend>, flow: &Rc<UdpFlow>) {
    let opened = Opened::new(&frontend.slot.counters);
    let id = frontend.worker.flows.borrow_mut().add(flow);
    let (clients, frontend, flow) = (Rc::clone(clients), Rc::clone(frontend), Rc::clone(flow));
    tokio::task::spawn_local(async move {
        let reason = forward(&clients, &frontend, &flow).await;
        flow.end.give(reason);
        clients.forget(&flow);
        frontend.worker.flows.borrow_mut().remove(id);
        tracing::debug!(client = %flow.client, frontend = %frontend.address, endpoint = %flow.endpoint, %reason, "flow ended");
        opened.end(reason);
    });
}

/// Forwards until the flow is told to end or has been idle for too long.
///
/// The timer is not touched by datagrams: it looks at the last activity when it fires.
async fn forward(clients: &Clients, frontend: &Frontend, flow: &UdpFlow) -> Closed {
    let mut timer = pin!(tokio::time::sleep_until(flow.deadline()));
    poll_fn(|context| {
        if let Poll::Ready(reason) = poll(clients, frontend, flow, context) {
            return Poll::Ready(reason);
        }
        while timer.as_mut().poll(context).is_ready() {
            let deadline = flow.deadline();
            if deadline <= Instant::now() {
                return Poll::Ready(Closed::IdleTimeout);
            }
            timer.as_mut().reset(deadline);
        }
        Poll::Pending
    })
    .await
}

/// Forwards what waits, up to a turn; ready when the flow was told to end.
fn poll(clients: &Clients, frontend: &Frontend, flow: &UdpFlow, context: &mut Context<'_>) -> Poll<Closed> {
    let mut scratch = frontend.worker.scratch.borrow_mut();
    for _ in 0..TURN {
        if let Some(reason) = flow.end.poll(context) {
            return Poll::Ready(reason);
        }
        let mut buffer = ReadBuf::new(&mut scratch);
        if ready!(flow.poll_receive(context, &mut buffer)).is_ok() {
            clients.reply(frontend, flow.client, buffer.filled());
        }
    }
    context.waker().wake_by_ref();
    Poll::Pending
}

#[cfg(test)]
mod tests;
