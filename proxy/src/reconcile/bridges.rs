//! Where are pods attached to a Linux bridge, and how is the data plane told? (node mode)

use ipnet::IpNet;
use tokio::sync::{mpsc, oneshot};
use weir_core::PerFamily;

/// The bridges of this host to which pods are attached.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bridges {
    /// Whether iptables sees what passes a bridge (`bridge-nf-call-iptables`, `bridge-nf-call-ip6tables`). Packets do not
    /// reach a receiving socket then, so every frontend of the family is bound.
    pub bound: PerFamily<bool>,
    /// The networks on them. A client and an endpoint in the same one do not talk through this host, so that the endpoint
    /// must see the node's address.
    pub networks: Vec<IpNet>,
}

/// Bridges to take note of, and whom to tell once that is done.
pub(crate) type BridgeUpdate = (Bridges, oneshot::Sender<()>);

/// Tells a [`crate::Proxy`] of bridges while it runs.
#[derive(Clone, Debug)]
pub struct SetBridges(mpsc::Sender<BridgeUpdate>);

impl SetBridges {
    /// A way to tell, and where it is heard.
    pub(crate) fn new() -> (Self, mpsc::Receiver<BridgeUpdate>) {
        let (tell, told) = mpsc::channel(1);
        (Self(tell), told)
    }

    /// Has the proxy take note; resolves when frontends are open, or closed, accordingly. At once if it is gone.
    pub async fn set(&self, bridges: Bridges) {
        let (done, answer) = oneshot::channel();
        if self.0.send((bridges, done)).await.is_ok() {
            let _ = answer.await;
        }
    }
}
