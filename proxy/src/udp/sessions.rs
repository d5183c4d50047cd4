//! Which flow does a client's datagram belong to, and how does it get to an endpoint?

mod ended;

use super::{
    accounting::{record_endpoint_refusal, record_sent, record_used_up},
    context::UdpContext,
    datagrams::{batch::ReceiveMode, batch_socket::BatchSocket, gso::Unsent},
    flow::UdpFlow,
    flow_sockets::FlowSockets,
    replies,
    reply_socket::{ReplySocket, ReplySockets},
    scratch::DatagramScratch,
};
use crate::{
    routing::routing_table::RoutingTable,
    session::{
        frontend::LocalFrontend,
        local_metrics::{ActiveSession, Direction},
    },
    telemetry::{close_reason::Closed, connection_log::SessionLog},
};
use ended::LiveFlow;
use std::{
    cell::RefCell,
    collections::HashMap,
    io,
    net::{SocketAddr, UdpSocket},
    rc::Rc,
    time::Instant,
};
use tokio_util::task::TaskTracker;
use weir_core::{Protocol, Request};

/// The clients of a UDP frontend on one worker, with a flow for each known one.
pub(crate) struct Sessions {
    /// Sockets for replies, at the address that clients dialled.
    reply_sockets: ReplySockets,
    /// The frontend that is served now.
    frontend: RefCell<Rc<LocalFrontend>>,
    flows: RefCell<HashMap<SocketAddr, Rc<UdpFlow>>>,
    /// Tasks of the flows, which share the socket.
    tasks: TaskTracker,
}

/// The context of forwarding one batch: the worker, the dialled frontend, and its routing table.
#[derive(Clone, Copy)]
struct ForwardContext<'a> {
    udp: &'a Rc<UdpContext>,
    frontend: &'a Rc<LocalFrontend>,
    routing: &'a RoutingTable,
}

impl Sessions {
    /// Creates the sessions of a bound socket, from which replies leave, too. `is_stand_in` says that the socket has another
    /// port than clients dial, which the rules write into replies.
    pub(crate) fn new(
        frontend: Rc<LocalFrontend>,
        socket: UdpSocket,
        is_stand_in: bool,
    ) -> io::Result<Rc<Self>> {
        let from = if socket.local_addr()?.is_ipv4() { ReceiveMode::AnyV4 } else { ReceiveMode::AnyV6 };
        Ok(Self::with(frontend, ReplySockets::bound(BatchSocket::new(socket, from)?, is_stand_in)))
    }

    /// Creates the sessions of a captured frontend, whose packets arrive at capture sockets (node mode).
    pub(super) fn captured(frontend: Rc<LocalFrontend>) -> Rc<Self> {
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

    /// The bound socket; `None` for a captured frontend.
    pub(crate) fn bound(&self) -> Option<Rc<ReplySocket>> {
        match &self.reply_sockets {
            ReplySockets::Bound(socket) => Some(Rc::clone(socket)),
            ReplySockets::OnDemand(_) => None,
        }
    }

    /// Replaces the frontend of datagrams that arrive from now on. Flows to another Service port move with their next
    /// datagram; until then their clients still get replies.
    pub(crate) fn redirect(&self, frontend: Rc<LocalFrontend>) {
        self.frontend.replace(frontend);
    }

    /// Ends all flows; resolves when their sockets are closed.
    pub(super) async fn end_flows(&self) {
        self.flows.take().into_values().for_each(|flow| flow.close_signal.send(Closed::FrontendRemoved));
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// Forwards a batch that came in through `socket`, or the part of the batch that was sent to `address`, flow by
    /// flow.
    pub(super) fn forward(
        self: &Rc<Self>,
        udp: &Rc<UdpContext>,
        scratch: &mut DatagramScratch,
        socket: &BatchSocket,
        address: Option<SocketAddr>,
    ) {
        let frontend = &Rc::clone(&self.frontend.borrow());
        let routing = frontend.runtime.routing();
        let cx = ForwardContext { udp, frontend, routing: &routing };
        self.assign(cx, scratch, address);
        let DatagramScratch { received, sender, flows, assigned, by_flow } = scratch;
        by_flow.sort(assigned, flows.len());
        assigned.clear();
        for (index, flow) in flows.drain(..).enumerate() {
            let mut unsent = Unsent::new(by_flow.of(index));
            let hop_limit = unsent.hop_limit();
            let mut refuses = |flow: &UdpFlow| {
                flow.set_hop_limit(hop_limit);
                let sent = sender.send_all(&received.buffer, &mut unsent, &flow.to_endpoint());
                socket.learn(sent.longest);
                flow.record_requests(sent.datagrams);
                record_sent(&udp.worker, frontend, flow, Direction::ToEndpoint, &sent);
                if sent.refused {
                    record_endpoint_refusal(udp, frontend, flow);
                }
                sent.refused
            };
            // The endpoint answered an earlier datagram with "port unreachable"; what is left was not sent.
            if refuses(&flow)
                && let Some(next) = self.reopen(cx, &flow, Closed::ConnectRefused)
            {
                refuses(&next);
            }
            udp.worker.unflushed.dropped(&frontend.local_metrics, unsent.datagrams());
        }
    }

    /// Finds or opens the flow of each GRO batch that was received.
    fn assign(
        self: &Rc<Self>,
        cx: ForwardContext<'_>,
        scratch: &mut DatagramScratch,
        address: Option<SocketAddr>,
    ) {
        let DatagramScratch { received, flows, assigned, .. } = scratch;
        let mut last = None;
        for (client, gro_batch) in received.to(address) {
            if !gro_batch.has_hops() {
                record_used_up(&cx.udp.worker, cx.frontend, client, &gro_batch);
                continue;
            }
            let index = match last {
                Some((sender, index)) if sender == client => index,
                _ => self.index_of(cx, client, flows),
            };
            last = Some((client, index));
            match index {
                Some(index) => assigned.push((index, gro_batch)),
                None => cx.udp.worker.unflushed.dropped(&cx.frontend.local_metrics, gro_batch.datagrams()),
            }
        }
    }

    /// Index of a client's flow among the flows of the batch; adds the flow if it is not there.
    fn index_of(
        self: &Rc<Self>,
        cx: ForwardContext<'_>,
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
        let flow = self.flow(cx, client, known)?;
        flow.index.set(flows.len());
        flows.push(flow);
        Some(flows.len() - 1)
    }

    /// The flow of a client: the one it has while its endpoint serves, else a new one (semantics C2, C3).
    fn flow(
        self: &Rc<Self>,
        cx: ForwardContext<'_>,
        client: SocketAddr,
        known: Option<Rc<UdpFlow>>,
    ) -> Option<Rc<UdpFlow>> {
        let Some(flow) = known else { return self.open(cx, client, &[]) };
        match flow.must_move(&cx.frontend.runtime, cx.routing) {
            None => Some(flow),
            Some(reason) => self.reopen(cx, &flow, reason),
        }
    }

    /// Ends a flow and begins another one for its client, with another endpoint if the endpoint refused.
    fn reopen(
        self: &Rc<Self>,
        cx: ForwardContext<'_>,
        flow: &UdpFlow,
        reason: Closed,
    ) -> Option<Rc<UdpFlow>> {
        flow.close_signal.send(reason);
        self.flows.borrow_mut().remove(&flow.client);
        match reason {
            Closed::ConnectRefused => self.open(cx, flow.client, &flow.refusing_endpoints()),
            _ => self.open(cx, flow.client, &[]),
        }
    }

    /// Opens a flow of a client, with an endpoint that was not attempted if one is left. `None` if the client cannot be
    /// served.
    fn open(
        self: &Rc<Self>,
        cx: ForwardContext<'_>,
        client: SocketAddr,
        attempted: &[SocketAddr],
    ) -> Option<Rc<UdpFlow>> {
        let ForwardContext { udp, frontend, routing } = cx;
        let (worker, runtime) = (&udp.worker, &frontend.runtime);
        if worker.draining.get() {
            return None;
        }
        let flow = frontend.flow(Protocol::Udp, client);
        let traffic = frontend.traffic(routing, flow.client.ip()).ok()?;
        let pick = |tried: &[SocketAddr]| {
            let request = Request { flow: &flow, now: Instant::now(), entropy: rand::random(), tried };
            Some((runtime.pick(routing, traffic, &request)?, tried.into()))
        };
        // With nothing else left, endpoints that refused get another chance.
        let (selected, refused_before) = pick(attempted).or_else(|| pick(&[]))?;
        if selected.lease.load().is_forbidden() {
            worker.unflushed.not_connected(&frontend.local_metrics, Closed::LoopRefused);
            return None;
        }
        let permits = udp.acquire_permits(frontend, routing, flow.client.ip())?;
        let endpoint = selected.address;
        let sockets = FlowSockets::open(&self.reply_sockets, worker, frontend, routing, client, endpoint)?;
        let flow =
            Rc::new(UdpFlow::new(client, selected, sockets, frontend, routing, permits, refused_before));
        self.start(udp, frontend, &flow);
        self.flows.borrow_mut().insert(client, Rc::clone(&flow));
        Some(flow)
    }

    /// Lists a flow and forwards its replies until it ends.
    fn start(self: &Rc<Self>, udp: &Rc<UdpContext>, frontend: &Rc<LocalFrontend>, flow: &Rc<UdpFlow>) {
        let opened = ActiveSession::new(&udp.worker.unflushed, &frontend.local_metrics);
        if udp.worker.log.as_ref().is_some_and(SessionLog::samples) {
            flow.begin_log();
        }
        let id = udp.flows.borrow_mut().add(flow);
        let sessions = Rc::clone(self);
        let live = LiveFlow::new(udp, frontend, flow);
        self.tasks.spawn_local(async move {
            let LiveFlow { udp, frontend, flow, .. } = &live;
            let reason = replies::forward(udp, frontend, flow).await;
            flow.close_signal.send(reason);
            sessions.forget(flow);
            udp.flows.borrow_mut().remove(id, flow);
            tracing::debug!(client = %flow.client, frontend = %frontend.address, endpoint = %flow.endpoint, %reason, "flow ended");
            opened.end(reason);
            live.end(reason);
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

#[cfg(test)]
pub(super) mod tests;
