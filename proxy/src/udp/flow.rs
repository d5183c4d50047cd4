//! What is one client's UDP mapping, and how long does it live?

use super::{Clients, is_refused};
use crate::{
    Closed,
    frontend::Frontend,
    slot::{Picked, Route},
    tally::Opened,
};
use socket2::SockRef;
use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    future::{Future, poll_fn},
    io::{self, ErrorKind},
    net::SocketAddr,
    pin::pin,
    rc::{Rc, Weak},
    task::{Context, Poll, Waker, ready},
    time::Duration,
};
use tokio::{io::ReadBuf, net::UdpSocket, time::Instant};
use weir_core::{Lease, idle::OldestIdle};

/// Datagrams of each side after which a flow counts as a conversation, which may pause for longer.
const ASSURED: u32 = 2;

/// Replies forwarded before other tasks of the worker get their turn.
const TURN: usize = 64;

/// One client of a UDP frontend and the endpoint that it got.
pub(crate) struct UdpFlow {
    pub(crate) client: SocketAddr,
    pub(crate) endpoint: SocketAddr,
    upstream: UdpSocket,
    /// The route by which the flow was last found to be in order.
    epoch: Cell<u64>,
    last_active: Cell<Instant>,
    from_client: Cell<u32>,
    from_endpoint: Cell<u32>,
    timeout: Duration,
    assured_timeout: Duration,
    /// Whether the endpoint said that nobody listens there; the next datagram looks for another one.
    refused: Cell<bool>,
    ended: Cell<Option<Closed>>,
    waker: RefCell<Option<Waker>>,
    /// Counts the flow as load of its endpoint.
    _lease: Lease,
}

impl UdpFlow {
    /// Starts a flow; its replies are forwarded until it ends.
    pub(super) fn start(
        clients: &Rc<Clients>,
        frontend: &Rc<Frontend>,
        client: SocketAddr,
        picked: Picked,
        upstream: UdpSocket,
        route: &Route,
    ) -> Rc<Self> {
        let flow = Rc::new(Self {
            client,
            endpoint: picked.address,
            upstream,
            epoch: Cell::new(route.epoch),
            last_active: Cell::new(Instant::now()),
            from_client: Cell::new(0),
            from_endpoint: Cell::new(0),
            timeout: route.port.settings.udp_idle_timeout,
            assured_timeout: route.port.settings.udp_assured_timeout,
            refused: Cell::new(false),
            ended: Cell::new(None),
            waker: RefCell::default(),
            _lease: picked.lease,
        });
        let opened = Opened::new(&frontend.slot.counters);
        let id = frontend.worker.flows.borrow_mut().add(&flow);
        tokio::task::spawn_local(Rc::clone(&flow).run(Rc::clone(clients), Rc::clone(frontend), opened, id));
        flow
    }

    /// Why the flow cannot stay with its endpoint. Costs comparisons only while the Snapshot is the same.
    pub(super) fn must_move(&self, route: &Route) -> Option<Closed> {
        if self.refused.get() {
            return Some(Closed::ConnectRefused);
        }
        if self.ended.get().is_none() && self.epoch.replace(route.epoch) == route.epoch {
            return None;
        }
        self.ended.get().or_else(|| (!route.serves(self.endpoint)).then_some(Closed::EndpointRemoved))
    }

    /// Sends a client's datagram to the endpoint.
    pub(super) fn send(&self, datagram: &[u8]) -> io::Result<()> {
        // Not through the runtime: it would wait to hear that the new socket is writable, and this one just is.
        SockRef::from(&self.upstream).send(datagram)?;
        self.last_active.set(Instant::now());
        self.from_client.set(self.from_client.get().saturating_add(1));
        Ok(())
    }

    /// Tells the flow to end.
    pub(crate) fn end(&self, reason: Closed) {
        if self.ended.get().is_none() {
            self.ended.set(Some(reason));
            if let Some(waker) = self.waker.take() {
                waker.wake();
            }
        }
    }

    async fn run(self: Rc<Self>, clients: Rc<Clients>, frontend: Rc<Frontend>, opened: Opened, id: u64) {
        let mut timer = pin!(tokio::time::sleep_until(self.deadline()));
        let reason = poll_fn(|context| {
            if let Poll::Ready(reason) = self.poll_replies(&clients, &frontend, context) {
                return Poll::Ready(reason);
            }
            while timer.as_mut().poll(context).is_ready() {
                let deadline = self.deadline();
                if deadline <= Instant::now() {
                    return Poll::Ready(Closed::IdleTimeout);
                }
                timer.as_mut().reset(deadline);
            }
            Poll::Pending
        })
        .await;
        self.ended.set(Some(reason));
        clients.forget(&self);
        frontend.worker.flows.borrow_mut().remove(id);
        tracing::debug!(client = %self.client, frontend = %frontend.address, endpoint = %self.endpoint, %reason, "flow ended");
        opened.end(reason);
    }

    /// Forwards the endpoint's datagrams until there are none; ready when the flow ends.
    fn poll_replies(
        &self,
        clients: &Clients,
        frontend: &Frontend,
        context: &mut Context<'_>,
    ) -> Poll<Closed> {
        self.listen(context);
        let mut scratch = frontend.worker.scratch.borrow_mut();
        for _ in 0..TURN {
            if let Some(reason) = self.ended.get() {
                return Poll::Ready(reason);
            }
            let mut buffer = ReadBuf::new(&mut scratch);
            match ready!(self.upstream.poll_recv(context, &mut buffer)) {
                Ok(()) => {
                    self.last_active.set(Instant::now());
                    self.from_endpoint.set(self.from_endpoint.get().saturating_add(1));
                    clients.reply(frontend, self.client, buffer.filled());
                }
                Err(error) if is_refused(&error) => self.refused.set(true),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // The host or network is unreachable for now; the flow lives until it is idle for too long.
                Err(_) => {}
            }
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }

    fn listen(&self, context: &Context<'_>) {
        let mut waker = self.waker.borrow_mut();
        if !waker.as_ref().is_some_and(|known| known.will_wake(context.waker())) {
            *waker = Some(context.waker().clone());
        }
    }

    fn deadline(&self) -> Instant {
        let assured = self.from_client.get() >= ASSURED && self.from_endpoint.get() >= ASSURED;
        self.last_active.get() + if assured { self.assured_timeout } else { self.timeout }
    }
}

/// All UDP flows of one worker: bounded, whatever its listeners.
pub(crate) struct FlowTable {
    flows: HashMap<u64, Weak<UdpFlow>>,
    oldest: OldestIdle,
    next: u64,
    most: usize,
}

impl FlowTable {
    pub(crate) fn new(most: usize) -> Self {
        Self { flows: HashMap::new(), oldest: OldestIdle::default(), next: 0, most: most.max(1) }
    }

    /// Ends the flow that has been idle for longest if there is no room for another.
    pub(super) fn make_room(&mut self) {
        while self.flows.len() >= self.most {
            let last_active = |id| Some(self.flows.get(&id)?.upgrade()?.last_active.get().into_std());
            let Some(id) = self.oldest.pop(last_active) else { return };
            if let Some(flow) = self.flows.remove(&id).and_then(|flow| flow.upgrade()) {
                flow.end(Closed::Evicted);
            }
        }
    }

    fn add(&mut self, flow: &Rc<UdpFlow>) -> u64 {
        let id = self.next;
        self.next += 1;
        self.flows.insert(id, Rc::downgrade(flow));
        self.oldest.push(flow.last_active.get().into_std(), id);
        id
    }

    fn remove(&mut self, id: u64) {
        self.flows.remove(&id);
        let Self { flows, oldest, .. } = self;
        oldest.compact(flows.len(), |id| flows.contains_key(&id));
    }
}

#[cfg(test)]
mod tests;
