//! What happens to the datagrams of a UDP frontend?

mod flow;
mod replies;
pub(crate) mod table;

use crate::{Closed, frontend::Frontend, socket, tally::Direction};
use flow::UdpFlow;
use std::{
    cell::RefCell,
    collections::HashMap,
    io::{self, ErrorKind},
    net::SocketAddr,
    rc::Rc,
    time::Instant,
};
use tokio::net::UdpSocket;
use tokio_util::sync::CancellationToken;
use weir_core::{Protocol, Request};

/// Datagrams forwarded before other tasks of the worker get their turn.
const TURN: usize = 64;

/// One UDP socket on one worker, with a flow for each client that it knows.
pub(crate) struct Clients {
    /// Receives from clients and replies to them, so replies come from the address that the client dialled.
    pub(crate) socket: UdpSocket,
    /// What it serves now.
    frontend: RefCell<Rc<Frontend>>,
    flows: RefCell<HashMap<SocketAddr, Rc<UdpFlow>>>,
}

/// Forwards until `stop`; then ends the flows and closes the socket.
pub(crate) async fn listen(clients: Rc<Clients>, stop: CancellationToken) {
    loop {
        tokio::select! {
            ready = clients.socket.readable() => match ready {
                Ok(()) => clients.forward_waiting(),
                Err(error) => {
                    let frontend = clients.frontend().address;
                    return tracing::error!(%error, %frontend, "cannot watch a UDP socket");
                }
            },
            () = stop.cancelled() => break,
        }
        tokio::task::consume_budget().await;
    }
    clients.end_flows();
    // The flows share the socket. It must be closed when this ends: whoever sends after that hears a refusal.
    while Rc::strong_count(&clients) > 1 {
        tokio::task::yield_now().await;
    }
}

impl Clients {
    pub(crate) fn new(frontend: Rc<Frontend>, socket: std::net::UdpSocket) -> io::Result<Rc<Self>> {
        let socket = UdpSocket::from_std(socket)?;
        Ok(Rc::new(Self { socket, frontend: RefCell::new(frontend), flows: RefCell::default() }))
    }

    /// Who sends from now on reaches this frontend. Flows to another Service port move with their next datagram; until
    /// then their clients still hear what they have asked for.
    pub(crate) fn redirect(&self, frontend: Rc<Frontend>) {
        self.frontend.replace(frontend);
    }

    fn frontend(&self) -> Rc<Frontend> {
        Rc::clone(&self.frontend.borrow())
    }

    fn end_flows(&self) {
        self.flows.take().into_values().for_each(|flow| flow.end.give(Closed::FrontendRemoved));
    }

    /// Forwards the datagrams that are waiting, up to a turn.
    fn forward_waiting(self: &Rc<Self>) {
        let frontend = self.frontend();
        let mut scratch = frontend.worker.scratch.borrow_mut();
        for _ in 0..TURN {
            match self.socket.try_recv_from(&mut scratch) {
                Ok((length, client)) => {
                    if self.forward(&frontend, client, &scratch[..length]).is_none() {
                        frontend.worker.tallies.dropped(&frontend.tally);
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                // An ICMP error about an earlier reply: that client is gone, the others are not.
                Err(_) => {}
            }
        }
    }

    /// Forwards one datagram; `None` means that it was dropped.
    fn forward(self: &Rc<Self>, frontend: &Rc<Frontend>, client: SocketAddr, datagram: &[u8]) -> Option<()> {
        let flow = self.flow(frontend, client)?;
        match flow.send(datagram) {
            Ok(()) => {}
            // The endpoint answered an earlier datagram with "port unreachable"; this one was not sent.
            Err(error) if is_refused(&error) => {
                self.reopen(frontend, &flow, Closed::ConnectRefused)?.send(datagram).ok()?
            }
            Err(_) => return None,
        }
        frontend.worker.tallies.datagram(&frontend.tally, Direction::ToEndpoint, datagram.len());
        Some(())
    }

    /// The flow of a client: the one it has while its endpoint serves, else a new one (semantics C2, C3).
    fn flow(self: &Rc<Self>, frontend: &Rc<Frontend>, client: SocketAddr) -> Option<Rc<UdpFlow>> {
        let known = self.flows.borrow().get(&client).cloned();
        let Some(flow) = known else { return self.open(frontend, client, &[]) };
        match flow.must_move(&frontend.slot, &frontend.slot.route()) {
            None => Some(flow),
            Some(reason) => self.reopen(frontend, &flow, reason),
        }
    }

    /// Ends a flow and begins another one for its client, with another endpoint if this one refused.
    fn reopen(
        self: &Rc<Self>,
        frontend: &Rc<Frontend>,
        flow: &UdpFlow,
        reason: Closed,
    ) -> Option<Rc<UdpFlow>> {
        flow.end.give(reason);
        self.flows.borrow_mut().remove(&flow.client);
        let tried = [flow.endpoint];
        self.open(frontend, flow.client, if reason == Closed::ConnectRefused { &tried } else { &[] })
    }

    fn open(
        self: &Rc<Self>,
        frontend: &Rc<Frontend>,
        client: SocketAddr,
        tried: &[SocketAddr],
    ) -> Option<Rc<UdpFlow>> {
        let Frontend { worker, slot, .. } = &**frontend;
        if worker.draining.get() {
            return None;
        }
        let flow = frontend.flow(Protocol::Udp, client);
        let route = slot.route();
        let traffic = frontend.traffic(&route, flow.client.ip()).ok()?;
        let request = |tried| Request { flow: &flow, now: Instant::now(), entropy: rand::random(), tried };
        // With nothing else left, the endpoint that refused gets another chance.
        let picked = slot
            .pick(&route, traffic, &request(tried))
            .or_else(|| slot.pick(&route, traffic, &request(&[])))?;
        worker.flows.borrow_mut().make_room();
        let opened = socket::udp_connected(picked.address).and_then(UdpSocket::from_std);
        let upstream = match opened {
            Ok(upstream) => upstream,
            Err(error) => {
                tracing::debug!(%error, endpoint = %picked.address, "cannot open a socket for a UDP flow");
                return None;
            }
        };
        let flow = Rc::new(UdpFlow::new(client, picked, upstream, slot, &route));
        replies::start(self, frontend, &flow);
        self.flows.borrow_mut().insert(client, Rc::clone(&flow));
        Some(flow)
    }

    /// Replies to a client. A reply that the socket has no room for is dropped, as any network may do.
    fn reply(&self, frontend: &Frontend, client: SocketAddr, datagram: &[u8]) {
        let Frontend { worker, tally, .. } = frontend;
        match self.socket.try_send_to(datagram, client) {
            Ok(length) => worker.tallies.datagram(tally, Direction::ToClient, length),
            Err(_) => worker.tallies.dropped(tally),
        }
    }

    /// Forgets a flow that has ended, unless the client has a newer one.
    fn forget(&self, flow: &Rc<UdpFlow>) {
        let mut flows = self.flows.borrow_mut();
        if flows.get(&flow.client).is_some_and(|known| Rc::ptr_eq(known, flow)) {
            flows.remove(&flow.client);
        }
    }
}

/// Whether an error says that nobody listens at the endpoint.
fn is_refused(error: &io::Error) -> bool {
    error.kind() == ErrorKind::ConnectionRefused
}
