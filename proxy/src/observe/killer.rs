//! How does an operator end connections and flows from any thread? A handle that is cheap to clone.

use super::listing::call;
use crate::{
    session::siblings::Sibling,
    shared::{
        command::{Command, Listed},
        connection_info::ConnectionFilter,
    },
    telemetry::close_reason::Closed,
};
use std::sync::Arc;

/// Ends connections and flows of a data plane, which it does not keep alive: without it there are none.
#[derive(Clone, Debug)]
pub struct Killer {
    workers: Arc<[Sibling]>,
}

impl Killer {
    pub(super) fn new(workers: Arc<[Sibling]>) -> Self {
        Self { workers }
    }

    /// Resets the TCP connections that match, on both sides ([`Closed::Killed`]); returns their number once all were told.
    pub async fn connections(&self, filter: ConnectionFilter) -> usize {
        self.end(Listed::Connections, filter).await
    }

    /// Ends the UDP flows that match ([`Closed::Killed`]); returns their number. The next datagram of a client begins another flow.
    pub async fn flows(&self, filter: ConnectionFilter) -> usize {
        self.end(Listed::Flows, filter).await
    }

    async fn end(&self, of: Listed, filter: ConnectionFilter) -> usize {
        let filter = Arc::new(filter);
        let mut count = 0;
        for (index, worker) in self.workers.iter().enumerate() {
            if filter.id.is_some_and(|id| usize::from(id.worker) != index) {
                continue;
            }
            let filter = Arc::clone(&filter);
            let end = |done| Command::End { of, filter, reason: Closed::Killed, done };
            count += call(worker, end).await.unwrap_or_default();
        }
        count
    }
}
