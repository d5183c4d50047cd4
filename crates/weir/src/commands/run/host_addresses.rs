//! How does the control plane learn which addresses this host has?

use std::{collections::BTreeSet, net::IpAddr, time::Duration};
use tokio::time::{MissedTickBehavior, interval};
use weir_control::HostAddresses;

/// Time between two looks at the addresses of this host.
const LOOK_INTERVAL: Duration = Duration::from_secs(5);

/// Tells the control plane of every change of this host's addresses, which are `known` to it at the start.
pub(super) async fn follow_host_addresses(host_addresses: HostAddresses, mut known: BTreeSet<IpAddr>) {
    let mut look = interval(LOOK_INTERVAL);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        look.tick().await;
        let found = weir_proxy::interface_addresses();
        if found != known {
            host_addresses.set(found.clone()).await;
            known = found;
        }
    }
}
