//! How do clients' datagrams get to their endpoints?

use super::{
    Clients,
    batch::Batch,
    batch_socket::BatchSocket,
    by_flow::ByFlow,
    flow::UdpFlow,
    gso::{Train, Unsent},
    sender::{Outbox, Sent},
};
use crate::{
    routing::port_runtime::Route,
    session::{frontend::LocalFrontend, local_metrics::Direction},
    telemetry::close_reason::Closed,
};
use std::{net::SocketAddr, rc::Rc};

/// What a worker needs to forward a batch of datagrams. It has one, lent while they are in flight, so that neither a
/// datagram nor a batch allocates.
pub(crate) struct Datagrams {
    pub(super) batch: Batch,
    pub(super) outbox: Outbox,
    /// The flows that have datagrams in the batch, while it is being forwarded.
    flows: Vec<Rc<UdpFlow>>,
    /// The trains of the batch with the place of their flow in `flows`.
    placed: Vec<(usize, Train)>,
    by_flow: ByFlow,
}

impl Default for Datagrams {
    fn default() -> Self {
        Self {
            batch: Batch::new(),
            outbox: Outbox::new(),
            flows: Vec::new(),
            placed: Vec::new(),
            by_flow: ByFlow::default(),
        }
    }
}

impl LocalFrontend {
    /// Takes note that a flow's endpoint has nobody at its port.
    pub(super) fn note_refused(&self, flow: &UdpFlow) {
        if flow.refuse() {
            self.worker.counters.ejections.increment(1);
            let service = self.port_key();
            tracing::info!(endpoint = %flow.endpoint, %service, "endpoint ejected: nobody listens at its port");
        }
    }

    /// Counts datagrams that were sent or dropped.
    pub(super) fn count(&self, direction: Direction, sent: &Sent) {
        let Self { worker, tally, .. } = self;
        worker.tallies.datagrams(tally, direction, sent.datagrams, sent.bytes);
        worker.tallies.dropped(tally, sent.dropped);
    }
}

impl Clients {
    /// Forwards a batch that came in through `socket`, or the part of it that was sent to `address`, flow by flow.
    pub(super) fn forward(
        self: &Rc<Self>,
        datagrams: &mut Datagrams,
        socket: &BatchSocket,
        address: Option<SocketAddr>,
    ) {
        let frontend = &self.frontend();
        let route = frontend.slot.route();
        self.place(frontend, &route, datagrams, address);
        let Datagrams { batch, outbox, flows, placed, by_flow } = datagrams;
        by_flow.sort(placed, flows.len());
        placed.clear();
        for (place, flow) in flows.drain(..).enumerate() {
            let mut unsent = Unsent::new(by_flow.of(place));
            let mut refuses = |flow: &UdpFlow| {
                let sent = outbox.send_all(&batch.buffer, &mut unsent, &flow.to_endpoint());
                socket.saw(sent.longest);
                flow.client_spoke(sent.datagrams);
                frontend.count(Direction::ToEndpoint, &sent);
                if sent.refused {
                    frontend.note_refused(flow);
                }
                sent.refused
            };
            // The endpoint answered an earlier datagram with "port unreachable"; what is left was not sent.
            if refuses(&flow)
                && let Some(next) = self.reopen(frontend, &route, &flow, Closed::ConnectRefused)
            {
                refuses(&next);
            }
            frontend.worker.tallies.dropped(&frontend.tally, unsent.datagrams());
        }
    }

    /// Finds or opens the flow of each train of the batch.
    fn place(
        self: &Rc<Self>,
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
                _ => self.place_of(frontend, route, client, flows),
            };
            last = Some((client, place));
            match place {
                Some(place) => placed.push((place, train)),
                None => frontend.worker.tallies.dropped(&frontend.tally, train.datagrams()),
            }
        }
    }

    /// Where a client's flow is among those of the batch.
    fn place_of(
        self: &Rc<Self>,
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
        let flow = self.flow(frontend, route, client, known)?;
        flow.place.set(flows.len());
        flows.push(flow);
        Some(flows.len() - 1)
    }
}
