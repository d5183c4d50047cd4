//! When does the driver want the addresses of all Nodes?

use crate::driver::Driver;
use std::net::IpAddr;
use tokio::sync::watch;
use tracing::warn;

/// About how many Nodes there are, while their addresses are wanted; else `None`.
pub(crate) type NodesWanted = Option<usize>;

impl Driver {
    /// Tells by `nodes_wanted` when the addresses of all Nodes are wanted.
    #[must_use]
    pub(crate) fn wanting_nodes_by(self, nodes_wanted: watch::Sender<NodesWanted>) -> Self {
        Self { nodes_wanted, ..self }
    }

    /// Has all Nodes listed while an endpoint may be one of them.
    pub(in crate::driver) fn want_nodes(&self) {
        let wants = self.store.wants_nodes();
        self.nodes_wanted.send_if_modified(|wanted| {
            let differs = wanted.is_some() != wants;
            if differs {
                *wanted = wants.then(|| self.store.known_node_names());
            }
            differs
        });
    }

    pub(in crate::driver) fn receive_nodes(&mut self, answer: Result<Vec<IpAddr>, String>) {
        match answer {
            Ok(addresses) => self.pending |= self.store.know_nodes(addresses),
            // Retries have their back-off, so that there are few lines.
            Err(message) => warn!("Nodes cannot be listed: {message}"),
        }
    }
}
