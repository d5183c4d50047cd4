//! Which flow does a datagram of a UDP frontend belong to?

mod batch;
mod batch_socket;
mod by_flow;
pub(crate) mod captured;
#[cfg(test)]
mod fixture;
mod flow;
pub(crate) mod flow_table;
mod gso;
mod replies;
mod reply_socket;
mod requests;
mod sender;

use crate::{
    routing::port_runtime::{Picked, Route},
    session::{context::Worker, frontend::LocalFrontend},
    sys::socket::{Egress, udp_connected},
    telemetry::close_reason::Closed,
};
use batch::Senders;
pub(crate) use batch_socket::BatchSocket;
use flow::{OfClient, Room, UdpFlow};
use reply_socket::{ReplySocket, ReplySockets};
pub(crate) use requests::Datagrams;
use std::{
    cell::RefCell,
    collections::HashMap,
    io::{self, ErrorKind},
    net::{IpAddr, SocketAddr, UdpSocket},
    rc::Rc,
    sync::Arc,
    time::Instant,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use weir_core::{Protocol, Request};

/// Batches that a socket forwards before other tasks of the worker get their turn.
const TURN: usize = 4;

/// The clients of a UDP frontend on one worker, with a flow for each that it knows.
pub(crate) struct Clients {
    /// Replies come from the address that the client dialled.
    reply_sockets: ReplySockets,
    /// What it serves now.
    frontend: RefCell<Rc<LocalFrontend>>,
    flows: RefCell<HashMap<SocketAddr, Rc<UdpFlow>>>,
    /// The tasks of the flows, which share the socket.
    tasks: TaskTracker,
}

/// Forwards until `stop`; then ends the flows and closes the socket.
pub(crate) async fn listen(clients: Rc<Clients>, stop: CancellationToken) {
    if let Some(socket) = clients.bound() {
        let worker = Rc::clone(&clients.frontend().worker);
        receive(&socket, &worker, |datagrams| clients.forward(datagrams, &socket, None), &stop).await;
    }
    // The flows share the socket. It must be closed when this ends: whoever sends after that hears a refusal.
    clients.end_flows().await;
}

/// Has what comes in through a socket forwarded until `stop`.
async fn receive(
    socket: &BatchSocket,
    worker: &Worker,
    forward: impl Fn(&mut Datagrams),
    stop: &CancellationToken,
) {
    loop {
        tokio::select! {
            ready = socket.readable() => match ready {
                // The runtime finds a socket with a backlog ready at once, so it would not be the others' turn.
                Ok(()) => if forward_waiting(socket, worker, &forward) {
                    tokio::task::yield_now().await;
                },
                Err(error) => return tracing::error!(%error, "cannot watch a UDP socket"),
            },
            () = stop.cancelled() => return,
        }
        tokio::task::consume_budget().await;
    }
}

/// Forwards the datagrams that are waiting, up to a turn; returns whether more may wait.
fn forward_waiting(socket: &BatchSocket, worker: &Worker, forward: impl Fn(&mut Datagrams)) -> bool {
    let datagrams = &mut *worker.datagrams.borrow_mut();
    for _ in 0..TURN {
        let received = socket.receive(&mut datagrams.batch);
        forward(datagrams);
        match received {
            Ok(false) => return false,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return false,
            // An ICMP error about an earlier reply: that client is gone, the others are not.
            Ok(true) | Err(_) => {}
        }
    }
    true
}

impl Clients {
    /// Those who send to a socket, from which they hear replies.
    pub(crate) fn new(frontend: Rc<LocalFrontend>, socket: UdpSocket) -> io::Result<Rc<Self>> {
        let from = if socket.local_addr()?.is_ipv4() { Senders::V4 } else { Senders::V6 };
        Ok(Self::with(frontend, ReplySockets::bound(BatchSocket::new(socket, from)?)))
    }

    /// Those who dial an address whose packets are received elsewhere (node mode).
    pub(crate) fn dialled(frontend: Rc<LocalFrontend>) -> Rc<Self> {
        Self::with(frontend, ReplySockets::OnDemand(RefCell::default()))
    }

    fn with(frontend: Rc<LocalFrontend>, reply_sockets: ReplySockets) -> Rc<Self> {
        Rc::new(Self {
            reply_sockets,
            frontend: RefCell::new(frontend),
            flows: RefCell::default(),
            tasks: TaskTracker::new(),
        })
    }

    /// The socket that receives from these clients alone, if there is one.
    pub(crate) fn bound(&self) -> Option<Rc<ReplySocket>> {
        match &self.reply_sockets {
            ReplySockets::Bound(socket) => Some(Rc::clone(socket)),
            ReplySockets::OnDemand(_) => None,
        }
    }

    /// Who sends from now on reaches this frontend. Flows to another Service port move with their next datagram; until
    /// then their clients still hear what they have asked for.
    pub(crate) fn redirect(&self, frontend: Rc<LocalFrontend>) {
        self.frontend.replace(frontend);
    }

    fn frontend(&self) -> Rc<LocalFrontend> {
        Rc::clone(&self.frontend.borrow())
    }

    /// Ends all flows; resolves when their sockets are closed.
    pub(crate) async fn end_flows(&self) {
        self.flows.take().into_values().for_each(|flow| flow.end.give(Closed::FrontendRemoved));
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// The flow of a client: the one it has while its endpoint serves, else a new one (semantics C2, C3).
    fn flow(
        self: &Rc<Self>,
        frontend: &Rc<LocalFrontend>,
        route: &Route,
        client: SocketAddr,
        known: Option<Rc<UdpFlow>>,
    ) -> Option<Rc<UdpFlow>> {
        let Some(flow) = known else { return self.open(frontend, route, client, &[]) };
        match flow.must_move(&frontend.slot, route) {
            None => Some(flow),
            Some(reason) => self.reopen(frontend, route, &flow, reason),
        }
    }

    /// Ends a flow and begins another one for its client, with another endpoint if this one refused.
    fn reopen(
        self: &Rc<Self>,
        frontend: &Rc<LocalFrontend>,
        route: &Route,
        flow: &UdpFlow,
        reason: Closed,
    ) -> Option<Rc<UdpFlow>> {
        flow.end.give(reason);
        self.flows.borrow_mut().remove(&flow.client);
        let tried = [flow.endpoint];
        self.open(frontend, route, flow.client, if reason == Closed::ConnectRefused { &tried } else { &[] })
    }

    fn open(
        self: &Rc<Self>,
        frontend: &Rc<LocalFrontend>,
        route: &Route,
        client: SocketAddr,
        tried: &[SocketAddr],
    ) -> Option<Rc<UdpFlow>> {
        let LocalFrontend { worker, slot, .. } = &**frontend;
        if worker.draining.get() {
            return None;
        }
        let flow = frontend.flow(Protocol::Udp, client);
        let traffic = frontend.traffic(route, flow.client.ip()).ok()?;
        let request = |tried| Request { flow: &flow, now: Instant::now(), entropy: rand::random(), tried };
        // With nothing else left, the endpoint that refused gets another chance.
        let picked = slot
            .pick(route, traffic, &request(tried))
            .or_else(|| slot.pick(route, traffic, &request(&[])))?;
        if picked.lease.load().is_forbidden() {
            worker.counters.attempt(Some(Closed::LoopRefused));
            return None;
        }
        let room = self.room(frontend, route, flow.client.ip())?;
        let egress = frontend.egress(route, client, picked.address);
        let sockets =
            upstream(&picked, egress).and_then(|to| Ok((to, self.reply_sockets.get(frontend, route)?)));
        let (upstream, reply_socket) = match sockets {
            Ok((upstream, Some(reply_socket))) => (upstream, reply_socket),
            Ok((_, None)) => {
                frontend.note_rejected(flow.client.ip(), Closed::LocalLimit);
                return None;
            }
            Err(error) => {
                tracing::debug!(%error, endpoint = %picked.address, "cannot open a socket for a UDP flow");
                return None;
            }
        };
        let flow = Rc::new(UdpFlow::new(client, picked, (upstream, reply_socket), (slot, route), room));
        replies::start(self, frontend, &flow);
        self.flows.borrow_mut().insert(client, Rc::clone(&flow));
        Some(flow)
    }

    /// Room for another flow of a client, if need be in place of one that has been idle for longest.
    fn room(&self, frontend: &Rc<LocalFrontend>, route: &Route, client: IpAddr) -> Option<Room> {
        let LocalFrontend { worker, slot, .. } = &**frontend;
        let taken = worker.flows.borrow_mut().make_room(&worker.admission.descriptors);
        let Some(taken) = taken else {
            frontend.note_rejected(client, Closed::LocalLimit);
            return None;
        };
        let limited = route.port.settings.limits.udp_flows_per_client;
        let of_client = limited.map(|most| {
            let (service, fits) = (&slot.service, slot.service.flows.add(client, most));
            if !fits && !worker.flows.borrow_mut().evict_of(service, client) {
                worker.peers.evict_of(Arc::clone(service), client);
            }
            OfClient { service: Arc::clone(service), client }
        });
        Some(Room { _taken: taken, of_client })
    }

    /// Forgets a flow that has ended, unless the client has a newer one.
    fn forget(&self, flow: &Rc<UdpFlow>) {
        let mut flows = self.flows.borrow_mut();
        if flows.get(&flow.client).is_some_and(|known| Rc::ptr_eq(known, flow)) {
            flows.remove(&flow.client);
        }
    }
}

fn upstream(picked: &Picked, egress: Egress) -> io::Result<BatchSocket> {
    BatchSocket::new(udp_connected(picked.address, egress)?, Senders::Peer)
}

#[cfg(test)]
mod tests;
