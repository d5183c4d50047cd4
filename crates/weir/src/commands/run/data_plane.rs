//! How do the control plane, the data plane and the rules work together?

use super::{frontends::FrontendPrinter, host_addresses::follow_host_addresses, progress::report_progress};
use crate::{
    admin::Knowledge,
    http::Probes,
    metrics,
    node::{AppliedState, NodeCapture, TakenOver},
};
use std::{collections::BTreeSet, net::IpAddr, time::Duration};
use tokio::sync::watch;
use weir_control::Control;
use weir_core::Snapshot;
use weir_proxy::{Drained, Proxy};

/// Data plane, and in node mode the rules that capture its traffic.
pub(super) struct DataPlane {
    pub(super) proxy: Proxy,
    pub(super) node: Option<NodeCapture>,
    pub(super) frontends: FrontendPrinter,
    /// Snapshot that the data plane serves, for metrics.
    pub(super) served: watch::Sender<Snapshot>,
    /// What operators are told.
    pub(super) knowledge: Knowledge,
    /// Addresses of this host that the control plane knows of.
    pub(super) host_addresses: BTreeSet<IpAddr>,
    /// Whether another weir runs on this host, which was here first.
    pub(super) accompanied: watch::Receiver<bool>,
}

impl DataPlane {
    /// Serves what the control plane publishes, and reports the progress to the probes. Returns how another weir has taken
    /// over, or `None` if the control plane has ended.
    pub(super) async fn run(&mut self, control: &mut Control, probes: &Probes) -> Option<TakenOver> {
        let Self { proxy, node, frontends, served: to_metrics, knowledge, host_addresses, accompanied } =
            self;
        let (in_force, seen) = watch::channel(0);
        let (served, mut to_capture) = watch::channel(AppliedState::default());
        let captures = node.is_some();
        let (accompanied, status) = (accompanied.clone(), control.status.clone());
        let mut snapshots = control.snapshots.clone();
        let serving = proxy.run(&mut snapshots, |snapshot, applied| {
            frontends.show(&applied.rows);
            knowledge.note_frontends(&applied.rows);
            probes.health().set_waits_for_older(applied.failed > 0 && *accompanied.borrow());
            if let Some(snapshot) = snapshot {
                probes.health().set_node(&snapshot.node);
                to_metrics.send_replace(snapshot.clone());
                if !captures {
                    in_force.send_replace(snapshot.generation);
                }
            }
            served.send_if_modified(|served| served.follow(snapshot, applied));
        });
        let capturing = async {
            match node {
                Some(node) => node.follow(&mut to_capture, status, &in_force).await,
                None => std::future::pending().await,
            }
        };
        let following_host = follow_host_addresses(control.host_addresses(), host_addresses.clone());
        let measuring = metrics::measure_propagation(&mut control.changes, seen.clone());
        tokio::select! {
            () = serving => None,
            taken_over = capturing => taken_over,
            () = measuring => None,
            () = following_host => None,
            () = metrics::show_no_local_endpoints(control.snapshots.clone()) => None,
            () = report_progress(control.status.clone(), seen, probes) => None,
        }
    }

    /// Lets go of all ports and sockets after another weir has taken over, but those of connections and flows, and the
    /// capture sockets, where handshakes may be under way.
    pub(super) async fn give_way(&mut self) {
        self.proxy.release_frontends().await;
        if let Some(node) = &mut self.node {
            Box::pin(node.give_way()).await;
        }
    }

    /// Ends: accepts nothing new, and lets connections go on for `timeout`.
    pub(super) async fn drain(self, timeout: Duration) -> Drained {
        self.proxy.stop_accepting().await;
        if let Some(node) = self.node {
            Box::pin(node.end()).await;
        }
        self.proxy.drain(timeout).await
    }
}
