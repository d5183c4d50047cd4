//! Which hosts are there?

use std::sync::{Mutex, MutexGuard, PoisonError};
use weir_testkit::Namespace;

/// A node; a client outside of the cluster; a pod; and a server behind another link of the node. Each of the others
/// routes everything through the node: `.1` of each network is the node, `.2` the other.
pub(crate) struct Hosts {
    /// One test at a time: they load the same machine.
    _alone: MutexGuard<'static, ()>,
    /// 10.9.0.1, 10.244.0.1, 10.8.0.1; fd00:9::1, ...
    pub(crate) node: Namespace,
    /// 10.9.0.2, fd00:9::2.
    pub(crate) outside: Namespace,
    /// 10.244.0.2, fd00:244::2.
    pub(crate) pod: Namespace,
    /// 10.8.0.2, fd00:8::2.
    pub(crate) far: Namespace,
}

impl Hosts {
    pub(crate) fn create() -> Option<Self> {
        static ALONE: Mutex<()> = Mutex::new(());
        let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let node = Namespace::with_nft("node")?;
        let [outside, pod, far] = ["outside", "pod", "far"].map(|role| Namespace::create(role).unwrap());
        for (other, name, v4, v6) in [
            (&outside, "outside", "10.9.0", "fd00:9::"),
            (&pod, "pod", "10.244.0", "fd00:244::"),
            (&far, "far", "10.8.0", "fd00:8::"),
        ] {
            node.join(&format!("{v4}.1/24"), other, &format!("{v4}.2/24")).unwrap();
            node.ip(&["address", "add", &format!("{v6}1/64"), "dev", name, "nodad"]).unwrap();
            other.ip(&["address", "add", &format!("{v6}2/64"), "dev", "node", "nodad"]).unwrap();
            other.ip(&["route", "add", "default", "via", &format!("{v4}.1")]).unwrap();
            other.ip(&["-6", "route", "add", "default", "via", &format!("{v6}1")]).unwrap();
        }
        // Its own processes need some route to Services.
        node.ip(&["route", "add", "default", "via", "10.9.0.2"]).unwrap();
        node.ip(&["-6", "route", "add", "default", "via", "fd00:9::2"]).unwrap();
        let forward = || async {
            std::fs::write("/proc/sys/net/ipv4/ip_forward", "1").unwrap();
            std::fs::write("/proc/sys/net/ipv6/conf/all/forwarding", "1").unwrap();
        };
        node.run(forward).unwrap();
        Some(Self { _alone, node, outside, pod, far })
    }
}
