//! What follows for counts, clients and logs when datagrams were sent, dropped or refused?

use super::{
    context::UdpContext,
    datagrams::{gso::GroBatch, sender::Sent},
    flow::UdpFlow,
};
use crate::{
    session::{context::WorkerContext, frontend::LocalFrontend, local_metrics::Direction},
    sys::port_unreachable::send_port_unreachable,
    telemetry::{close_reason::Closed, port_series::PortCount},
};
use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};
use weir_core::Quota;

/// Port unreachables that one worker has sent, each of which takes a socket: as many as the kernel by default sends ICMP
/// errors at all (`icmp_msgs_per_sec`, `icmp_msgs_burst`).
const UNREACHABLES: Quota = Quota::new(Duration::from_millis(1), 50);

/// Counts datagrams that were sent or dropped.
pub(super) fn record_sent(
    worker: &WorkerContext,
    frontend: &LocalFrontend,
    flow: &UdpFlow,
    direction: Direction,
    sent: &Sent,
) {
    flow.record_bytes(direction, sent.bytes);
    worker.unflushed.datagrams(&frontend.local_metrics, direction, sent.datagrams, sent.bytes);
    worker.unflushed.dropped(&frontend.local_metrics, sent.dropped);
}

/// Counts datagrams of a client that have no hop left, which end here, and says so.
pub(super) fn record_used_up(
    worker: &WorkerContext,
    frontend: &LocalFrontend,
    client: SocketAddr,
    gro_batch: &GroBatch,
) {
    worker.unflushed.dropped(&frontend.local_metrics, gro_batch.datagrams());
    frontend.record_rejection(&worker.admission, client.ip().to_canonical(), Closed::HopLimit);
}

/// Records that nobody listens at the port of the endpoint of a flow. In node mode the client hears of that, as with
/// kernel translation, unless another endpoint may serve what the client sends next.
pub(super) fn record_endpoint_refusal(udp: &UdpContext, frontend: &LocalFrontend, flow: &UdpFlow) {
    let Some(ejected) = flow.refuse() else { return };
    if ejected {
        frontend.runtime.metrics.add(PortCount::Ejections, 1);
    }
    let routing = frontend.runtime.routing();
    let client = flow.client.ip().to_canonical();
    let traffic = frontend.traffic(&routing, client);
    let balancer = traffic.ok().and_then(|traffic| routing.balancer(traffic));
    if balancer.is_some_and(|balancer| balancer.has_sound_sibling(flow.endpoint)) {
        return;
    }
    frontend.record_unserved(Closed::ConnectRefused);
    let Some(node_mode) = &routing.node_context.node_mode else { return };
    if !udp.unreachables.try_take(Instant::now(), UNREACHABLES) {
        return;
    }
    let client = SocketAddr::new(client, flow.client.port());
    if let Err(error) = send_port_unreachable(client, frontend.address, node_mode.marks.rejected()) {
        tracing::debug!(%client, frontend = %frontend.address, %error, "cannot tell a client that endpoints refuse");
    }
}
