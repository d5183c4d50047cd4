//! How do many UDP flows of a worker end at once without holding up the others? In bursts, as connections do.

use super::context::UdpContext;
use crate::{
    session::termination::MAX_BURST_ENDS, shared::connection_info::ConnectionFilter,
    telemetry::close_reason::Closed,
};
use std::rc::Rc;

/// Ends the flows that match; returns their number. Their clients' next datagrams begin other ones.
pub(crate) async fn end_matching(udp: &Rc<UdpContext>, filter: &ConnectionFilter, reason: Closed) -> usize {
    let numbers = match filter.id {
        Some(id) => vec![id.number],
        None => udp.flows.borrow().ids(),
    };
    let mut count = 0;
    for burst in numbers.chunks(MAX_BURST_ENDS) {
        for &number in burst {
            let flow = udp.flows.borrow().get(number);
            if let Some(flow) = flow.filter(|flow| flow.matches(filter)) {
                flow.end(reason);
                count += 1;
            }
        }
        tokio::task::yield_now().await;
    }
    count
}
