//! Which flow does a client's datagram belong to, and how does it get to an endpoint?

use super::{
    accounting::{count, note_refused},
    context::Udp,
    datagrams::{batch::Senders, batch_socket::BatchSocket, gso::Unsent},
    flow::{OfClient, Room, UdpFlow},
    replies,
    reply_socket::{ReplySocket, ReplySockets},
    scratch::Datagrams,
};
use crate::{
    routing::port_runtime::{Picked, Route},
    session::{
        frontend::LocalFrontend,
        local_metrics::{Direction, Opened},
    },
    sys::socket::{Egress, udp_connected},
    telemetry::close_reason::Closed,
};
use std::{
    cell::RefCell,
    collections::HashMap,
    io,
    net::{IpAddr, SocketAddr, UdpSocket},
    rc::Rc,
    sync::Arc,
    time::Instant,
};
use tokio_util::task::TaskTracker;
use weir_core::{Protocol, Request};

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

impl Clients {
    /// Clients that send to a bound socket, from which they hear replies.
    pub(crate) fn new(frontend: Rc<LocalFrontend>, socket: UdpSocket) -> io::Result<Rc<Self>> {
        let from = if socket.local_addr()?.is_ipv4() { Senders::V4 } else { Senders::V6 };
        Ok(Self::with(frontend, ReplySockets::bound(BatchSocket::new(socket, from)?)))
    }

    /// Clients that dial an address whose packets are received elsewhere (node mode).
    pub(super) fn dialled(frontend: Rc<LocalFrontend>) -> Rc<Self> {
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

    /// Ends all flows; resolves when their sockets are closed.
    pub(super) async fn end_flows(&self) {
        self.flows.take().into_values().for_each(|flow| flow.end.give(Closed::FrontendRemoved));
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// Forwards a batch that came in through `socket`, or the part of it that was sent to `address`, flow by flow.
    pub(super) fn forward(
        self: &Rc<Self>,
        udp: &Rc<Udp>,
        datagrams: &mut Datagrams,
        socket: &BatchSocket,
        address: Option<SocketAddr>,
    ) {
        let frontend = &Rc::clone(&self.frontend.borrow());
        let route = frontend.slot.route();
        self.place(udp, frontend, &route, datagrams, address);
        let Datagrams { batch, outbox, flows, placed, by_flow } = datagrams;
        by_flow.sort(placed, flows.len());
        placed.clear();
        for (place, flow) in flows.drain(..).enumerate() {
            let mut unsent = Unsent::new(by_flow.of(place));
            let mut refuses = |flow: &UdpFlow| {
                let sent = outbox.send_all(&batch.buffer, &mut unsent, &flow.to_endpoint());
                socket.saw(sent.longest);
                flow.client_spoke(sent.datagrams);
                count(&udp.worker, frontend, Direction::ToEndpoint, &sent);
                if sent.refused {
                    note_refused(&udp.worker, frontend, flow);
                }
                sent.refused
            };
            // The endpoint answered an earlier datagram with "port unreachable"; what is left was not sent.
            if refuses(&flow)
                && let Some(next) = self.reopen(udp, frontend, &route, &flow, Closed::ConnectRefused)
            {
                refuses(&next);
            }
            udp.worker.tallies.dropped(&frontend.tally, unsent.datagrams());
        }
    }

    /// Finds or opens the flow of each train of the batch.
    fn place(
        self: &Rc<Self>,
        udp: &Rc<Udp>,
        frontend: &Rc<LocalFrontend>,
        route: &Route,
        datagrams: &mut Datagrams,
        address: Option<SocketAddr>,
    ) {
        let Datagrams { batch, flows, placed, .. } = datagrams;
        let mut last = None;
        for (client, train) in batch.to(address) {
            let place = match last {
                Some((sender, place)) if sender == client => place,
                _ => self.place_of(udp, frontend, route, client, flows),
            };
            last = Some((client, place));
            match place {
                Some(place) => placed.push((place, train)),
                None => udp.worker.tallies.dropped(&frontend.tally, train.datagrams()),
            }
        }
    }

    /// Where a client's flow is among those of the batch.
    fn place_of(
        self: &Rc<Self>,
        udp: &Rc<Udp>,
        frontend: &Rc<LocalFrontend>,
        route: &Route,
        client: SocketAddr,
        flows: &mut Vec<Rc<UdpFlow>>,
    ) -> Option<usize> {
        let known = self.flows.borrow().get(&client).cloned();
        if let Some(flow) = &known {
            let place = flow.place.get();
            if flows.get(place).is_some_and(|placed| Rc::ptr_eq(placed, flow)) {
                return Some(place);
            }
        }
        let flow = self.flow(udp, frontend, route, client, known)?;
        flow.place.set(flows.len());
        flows.push(flow);
        Some(flows.len() - 1)
    }

    /// The flow of a client: the one it has while its endpoint serves, else a new one (semantics C2, C3).
    fn flow(
        self: &Rc<Self>,
        udp: &Rc<Udp>,
        frontend: &Rc<LocalFrontend>,
        route: &Route,
        client: SocketAddr,
        known: Option<Rc<UdpFlow>>,
    ) -> Option<Rc<UdpFlow>> {
        let Some(flow) = known else { return self.open(udp, frontend, route, client, &[]) };
        match flow.must_move(&frontend.slot, route) {
            None => Some(flow),
            Some(reason) => self.reopen(udp, frontend, route, &flow, reason),
        }
    }

    /// Ends a flow and begins another one for its client, with another endpoint if this one refused.
    fn reopen(
        self: &Rc<Self>,
        udp: &Rc<Udp>,
        frontend: &Rc<LocalFrontend>,
        route: &Route,
        flow: &UdpFlow,
        reason: Closed,
    ) -> Option<Rc<UdpFlow>> {
        flow.end.give(reason);
        self.flows.borrow_mut().remove(&flow.client);
        let tried = [flow.endpoint];
        self.open(
            udp,
            frontend,
            route,
            flow.client,
            if reason == Closed::ConnectRefused { &tried } else { &[] },
        )
    }

    fn open(
        self: &Rc<Self>,
        udp: &Rc<Udp>,
        frontend: &Rc<LocalFrontend>,
        route: &Route,
        client: SocketAddr,
        tried: &[SocketAddr],
    ) -> Option<Rc<UdpFlow>> {
        let (worker, slot) = (&udp.worker, &frontend.slot);
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
        let room = room(udp, frontend, route, flow.client.ip())?;
        let egress = frontend.egress(route, client, picked.address);
        let sockets = upstream(&picked, egress)
            .and_then(|to| Ok((to, self.reply_sockets.get(&worker.admission.descriptors, frontend, route)?)));
        let (upstream, reply_socket) = match sockets {
            Ok((upstream, Some(reply_socket))) => (upstream, reply_socket),
            Ok((_, None)) => {
                frontend.note_rejected(&worker.admission, flow.client.ip(), Closed::LocalLimit);
                return None;
            }
            Err(error) => {
                tracing::debug!(%error, endpoint = %picked.address, "cannot open a socket for a UDP flow");
                return None;
            }
        };
        let flow = Rc::new(UdpFlow::new(client, picked, (upstream, reply_socket), (slot, route), room));
        self.start(udp, frontend, &flow);
        self.flows.borrow_mut().insert(client, Rc::clone(&flow));
        Some(flow)
    }

    /// Lists a flow and forwards its replies until it ends.
    fn start(self: &Rc<Self>, udp: &Rc<Udp>, frontend: &Rc<LocalFrontend>, flow: &Rc<UdpFlow>) {
        let opened = Opened::new(&frontend.slot.counters);
        let id = udp.flows.borrow_mut().add(flow);
        let (clients, udp) = (Rc::clone(self), Rc::clone(udp));
        let (frontend, flow) = (Rc::clone(frontend), Rc::clone(flow));
        self.tasks.spawn_local(async move {
            let reason = replies::forward(&udp, &frontend, &flow).await;
            flow.end.give(reason);
            clients.forget(&flow);
            udp.flows.borrow_mut().remove(id, &flow);
            tracing::debug!(client = %flow.client, frontend = %frontend.address, endpoint = %flow.endpoint, %reason, "flow ended");
            opened.end(reason);
        });
    }

    /// Forgets a flow that has ended, unless the client has a newer one.
    fn forget(&self, flow: &Rc<UdpFlow>) {
        let mut flows = self.flows.borrow_mut();
        if flows.get(&flow.client).is_some_and(|known| Rc::ptr_eq(known, flow)) {
            flows.remove(&flow.client);
        }
    }
}

/// Room for another flow of a client, if need be in place of one that has been idle for longest.
fn room(udp: &Udp, frontend: &LocalFrontend, route: &Route, client: IpAddr) -> Option<Room> {
    let (worker, service) = (&udp.worker, &frontend.slot.service);
    let taken = udp.flows.borrow_mut().make_room(&worker.admission.descriptors);
    let Some(taken) = taken else {
        frontend.note_rejected(&worker.admission, client, Closed::LocalLimit);
        return None;
    };
    let limited = route.port.settings.limits.udp_flows_per_client;
    let of_client = limited.map(|most| {
        let fits = service.flows.add(client, most);
        if !fits && !udp.flows.borrow_mut().evict_of(service, client) {
            worker.peers.evict_of(Arc::clone(service), client);
        }
        OfClient { service: Arc::clone(service), client }
    });
    Some(Room { _taken: taken, of_client })
}

fn upstream(picked: &Picked, egress: Egress) -> io::Result<BatchSocket> {
    BatchSocket::new(udp_connected(picked.address, egress)?, Senders::Peer)
}

#[cfg(test)]
pub(super) mod tests;
