//! What is counted and logged of datagrams that were sent, dropped or refused?

use super::{datagrams::sender::Sent, flow::UdpFlow};
use crate::session::{context::WorkerContext, frontend::LocalFrontend, local_metrics::Direction};

/// Counts datagrams that were sent or dropped.
pub(super) fn record_sent(
    worker: &WorkerContext,
    frontend: &LocalFrontend,
    direction: Direction,
    sent: &Sent,
) {
    worker.unflushed.datagrams(&frontend.local_metrics, direction, sent.datagrams, sent.bytes);
    worker.unflushed.dropped(&frontend.local_metrics, sent.dropped);
}

/// Records that nobody listens at the port of the endpoint of a flow.
pub(super) fn record_endpoint_refusal(worker: &WorkerContext, flow: &UdpFlow) {
    if flow.refuse() {
        worker.metrics.ejections.increment(1);
    }
}
