//! Which flow does a client's datagram belong to, and how does it get to an endpoint?

use super::{
    accounting::{count, note_refused},
    context::UdpContext,
    datagrams::{batch::ReceiveMode, batch_socket::BatchSocket, gso::Unsent},
    flow::{ClientFlowPermit, FlowPermits, UdpFlow},
    replies,
    reply_socket::{ReplySocket, ReplySockets},
    scratch::DatagramScratch,
};
use crate::{
    routing::{port_runtime::Selected, routing_table::RoutingTable},
    session::{
        frontend::LocalFrontend,
        local_metrics::{ActiveSession, Direction},
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
pub(crate) struct Sessions {
    /// Replies come from the address that the client dialled.
    reply_sockets: ReplySockets,
    /// What it serves now.
    frontend: RefCell<Rc<LocalFrontend>>,
    flows: RefCell<HashMap<SocketAddr, Rc<UdpFlow>>>,
    /// The tasks of the flows, which share the socket.
    tasks: TaskTracker,
}

impl Sessions {
    /// Sessions that send to a bound socket, from which they hear replies.
    pub(crate) fn new(frontend: Rc<LocalFrontend>, socket: UdpSocket) -> io::Result<Rc<Self>> {
        let from = if socket.local_addr()?.is_ipv4() { ReceiveMode::AnyV4 } else { ReceiveMode::AnyV6 };
        Ok(Self::with(frontend, ReplySockets::bound(BatchSocket::new(socket, from)?)))
    }

    /// Sessions that dial an address whose packets are received elsewhere (node mode).
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
        self.flows.take().into_values().for_each(|flow| flow.close_signal.send(Closed::FrontendRemoved));
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// Forwards a batch that came in through `socket`, or the part of it that was sent to `address`, flow by flow.
    pub(super) fn forward(
        self: &Rc<Self>,
        udp: &Rc<UdpContext>,
        scratch: &mut DatagramScratch,
        socket: &BatchSocket,
        address: Option<SocketAddr>,
    ) {
        let frontend = &Rc::clone(&self.frontend.borrow());
        let routing = frontend.runtime.routing();
        self.assign(udp, frontend, &routing, scratch, address);
        let DatagramScratch { received, sender, flows, assigned, by_flow } = scratch;
        by_flow.sort(assigned, flows.len());
        assigned.clear();
        for (index, flow) in flows.drain(..).enumerate() {
            let mut unsent = Unsent::new(by_flow.of(index));
            let mut refuses = |flow: &UdpFlow| {
                let sent = sender.send_all(&received.buffer, &mut unsent, &flow.to_endpoint());
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
                && let Some(next) = self.reopen(udp, frontend, &routing, &flow, Closed::ConnectRefused)
            {
                refuses(&next);
            }
            udp.worker.unflushed.dropped(&frontend.local_metrics, unsent.datagrams());
        }
    }

    /// Finds or opens the flow of each gro_batch of the received.
    fn assign(
        self: &Rc<Self>,
        udp: &Rc<UdpContext>,
        frontend: &Rc<LocalFrontend>,
        routing: &RoutingTable,
        scratch: &mut DatagramScratch,
        address: Option<SocketAddr>,
    ) {
        let DatagramScratch { received, flows, assigned, .. } = scratch;
        let mut last = None;
        for (client, gro_batch) in received.to(address) {
            let index = match last {
                Some((sender, index)) if sender == client => index,
                _ => self.index_of(udp, frontend, routing, client, flows),
            };
            last = Some((client, index));
            match index {
                Some(index) => assigned.push((index, gro_batch)),
                None => udp.worker.unflushed.dropped(&frontend.local_metrics, gro_batch.datagrams()),
            }
        }
    }

    /// Where a client's flow is among those of the received.
    fn index_of(
        self: &Rc<Self>,
        udp: &Rc<UdpContext>,
        frontend: &Rc<LocalFrontend>,
        routing: &RoutingTable,
        client: SocketAddr,
        flows: &mut Vec<Rc<UdpFlow>>,
    ) -> Option<usize> {
        let known = self.flows.borrow().get(&client).cloned();
        if let Some(flow) = &known {
            let index = flow.index.get();
            if flows.get(index).is_some_and(|assigned| Rc::ptr_eq(assigned, flow)) {
                return Some(index);
            }
        }
        let flow = self.flow(udp, frontend, routing, client, known)?;
        flow.index.set(flows.len());
        flows.push(flow);
        Some(flows.len() - 1)
    }

    /// The flow of a client: the one it has while its endpoint serves, else a new one (semantics C2, C3).
    fn flow(
        self: &Rc<Self>,
        udp: &Rc<UdpContext>,
        frontend: &Rc<LocalFrontend>,
        routing: &RoutingTable,
        client: SocketAddr,
        known: Option<Rc<UdpFlow>>,
    ) -> Option<Rc<UdpFlow>> {
        let Some(flow) = known else { return self.open(udp, frontend, routing, client, &[]) };
        match flow.must_move(&frontend.runtime, routing) {
            None => Some(flow),
            Some(reason) => self.reopen(udp, frontend, routing, &flow, reason),
        }
    }

    /// Ends a flow and begins another one for its client, with another endpoint if this one refused.
    fn reopen(
        self: &Rc<Self>,
        udp: &Rc<UdpContext>,
        frontend: &Rc<LocalFrontend>,
        routing: &RoutingTable,
        flow: &UdpFlow,
        reason: Closed,
    ) -> Option<Rc<UdpFlow>> {
        flow.close_signal.send(reason);
        self.flows.borrow_mut().remove(&flow.client);
        let tried = [flow.endpoint];
        self.open(
            udp,
            frontend,
            routing,
            flow.client,
            if reason == Closed::ConnectRefused { &tried } else { &[] },
        )
    }

    fn open(
        self: &Rc<Self>,
        udp: &Rc<UdpContext>,
        frontend: &Rc<LocalFrontend>,
        routing: &RoutingTable,
        client: SocketAddr,
        tried: &[SocketAddr],
    ) -> Option<Rc<UdpFlow>> {
        let (worker, runtime) = (&udp.worker, &frontend.runtime);
        if worker.draining.get() {
            return None;
        }
        let flow = frontend.flow(Protocol::Udp, client);
        let traffic = frontend.traffic(routing, flow.client.ip()).ok()?;
        let request = |tried| Request { flow: &flow, now: Instant::now(), entropy: rand::random(), tried };
        // With nothing else left, the endpoint that refused gets another chance.
        let selected = runtime
            .pick(routing, traffic, &request(tried))
            .or_else(|| runtime.pick(routing, traffic, &request(&[])))?;
        if selected.lease.load().is_forbidden() {
            worker.metrics.attempt(Some(Closed::LoopRefused));
            return None;
        }
        let permits = acquire_permits(udp, frontend, routing, flow.client.ip())?;
        let egress = frontend.egress(routing, client, selected.address);
        let sockets = upstream(&selected, egress).and_then(|to| {
            Ok((to, self.reply_sockets.get(&worker.admission.descriptors, frontend, routing)?))
        });
        let (upstream, reply_socket) = match sockets {
            Ok((upstream, Some(reply_socket))) => (upstream, reply_socket),
            Ok((_, None)) => {
                frontend.note_rejected(&worker.admission, flow.client.ip(), Closed::LocalLimit);
                return None;
            }
            Err(error) => {
                tracing::debug!(%error, endpoint = %selected.address, "cannot open a socket for a UDP flow");
                return None;
            }
        };
        let flow =
            Rc::new(UdpFlow::new(client, selected, (upstream, reply_socket), (runtime, routing), permits));
        self.start(udp, frontend, &flow);
        self.flows.borrow_mut().insert(client, Rc::clone(&flow));
        Some(flow)
    }

    /// Lists a flow and forwards its replies until it ends.
    fn start(self: &Rc<Self>, udp: &Rc<UdpContext>, frontend: &Rc<LocalFrontend>, flow: &Rc<UdpFlow>) {
        let opened = ActiveSession::new(&frontend.runtime.metrics);
        let id = udp.flows.borrow_mut().add(flow);
        let (sessions, udp) = (Rc::clone(self), Rc::clone(udp));
        let (frontend, flow) = (Rc::clone(frontend), Rc::clone(flow));
        self.tasks.spawn_local(async move {
            let reason = replies::forward(&udp, &frontend, &flow).await;
            flow.close_signal.send(reason);
            sessions.forget(&flow);
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

/// FlowPermits for another flow of a client, if need be in place of one that has been idle for longest.
fn acquire_permits(
    udp: &UdpContext,
    frontend: &LocalFrontend,
    routing: &RoutingTable,
    client: IpAddr,
) -> Option<FlowPermits> {
    let (worker, service) = (&udp.worker, &frontend.runtime.service);
    let permit = udp.flows.borrow_mut().make_room(&worker.admission.descriptors);
    let Some(permit) = permit else {
        frontend.note_rejected(&worker.admission, client, Closed::LocalLimit);
        return None;
    };
    let limited = routing.port.settings.limits.udp_flows_per_client;
    let of_client = limited.map(|most| {
        let fits = service.flows.add(client, most);
        if !fits && !udp.flows.borrow_mut().evict_of(service, client) {
            worker.siblings.evict_of(Arc::clone(service), client);
        }
        ClientFlowPermit { service: Arc::clone(service), client }
    });
    Some(FlowPermits { _descriptors: permit, of_client })
}

fn upstream(selected: &Selected, egress: Egress) -> io::Result<BatchSocket> {
    BatchSocket::new(udp_connected(selected.address, egress)?, ReceiveMode::Connected)
}

#[cfg(test)]
pub(super) mod tests;
