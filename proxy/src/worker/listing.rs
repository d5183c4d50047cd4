//! What does a worker tell of its connections and flows? A slice at a time, so that it never holds up the others.

use crate::{
    session::context::WorkerContext,
    shared::{
        command::Listed,
        connection_info::{ConnectionFilter, ConnectionInfo, FlowInfo},
    },
    udp::context::UdpContext,
};

/// Numbers of the connections or flows from one on, in any order.
pub(super) fn numbers(udp: &UdpContext, of: Listed, from: u64) -> Vec<u64> {
    let mut numbers = match of {
        Listed::Connections => udp.worker.connections.borrow().ids(),
        Listed::Flows => udp.flows.borrow().ids(),
    };
    if from > 0 {
        numbers.retain(|&number| number >= from);
    }
    numbers
}

/// Those of these connections that live and match.
pub(super) fn connections(
    worker: &WorkerContext,
    numbers: &[u64],
    filter: &ConnectionFilter,
) -> Vec<ConnectionInfo> {
    let (connections, index) = (worker.connections.borrow(), worker.siblings.index());
    let live = numbers.iter().filter_map(|&number| connections.get(number));
    live.filter(|connection| connection.matches(filter)).map(|connection| connection.info(index)).collect()
}

/// Those of these flows that live and match.
pub(super) fn flows(udp: &UdpContext, numbers: &[u64], filter: &ConnectionFilter) -> Vec<FlowInfo> {
    let (flows, index) = (udp.flows.borrow(), udp.worker.siblings.index());
    let live = numbers.iter().filter_map(|&number| Some((number, flows.get(number)?)));
    live.filter(|(_, flow)| flow.matches(filter)).map(|(number, flow)| flow.info(index, number)).collect()
}
