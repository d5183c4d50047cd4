//! What does one transaction change?

use super::{ranges::RangesId, treatment::Treatment};
use std::net::IpAddr;
use weir_core::Frontend;

/// The change of one element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Edit<Key, Value> {
    /// Key of the element.
    pub(crate) key: Key,
    /// Value before the change, if the element was there.
    pub(crate) before: Option<Value>,
    /// Value after the change, if the element is to be there. Differs from the value before.
    pub(crate) after: Option<Value>,
}

/// All changes that one transaction makes.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Edits {
    /// Changes of captured frontends.
    pub(crate) frontends: Vec<Edit<Frontend, Treatment>>,
    /// Changes of the cluster IPs, whose undefined ports refuse.
    pub(crate) cluster_ips: Vec<Edit<IpAddr, ()>>,
    /// Changes of the ports that replies may have to be given. None comes or goes without a frontend.
    pub(crate) reply_ports: Vec<Edit<u16, ()>>,
    /// Changes of ports that stand in for those of bound frontends.
    pub(crate) stand_in_ports: Vec<Edit<Frontend, u16>>,
    /// Source ranges that come into use.
    pub(crate) new_ranges: Vec<RangesId>,
    /// Source ranges that nothing uses any more.
    pub(crate) unused_ranges: Vec<RangesId>,
}

impl Edits {
    /// Whether the rules stay as they are.
    pub(crate) fn is_empty(&self) -> bool {
        self.frontends.is_empty()
            && self.cluster_ips.is_empty()
            && self.stand_in_ports.is_empty()
            && self.new_ranges.is_empty()
    }
}
