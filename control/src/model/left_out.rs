//! Why is an object read and not served, although nothing is wrong with it?

use std::fmt;

/// Reason why an object as a whole is not for this weir.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LeftOut {
    /// Service that asks for no cluster IP (`clusterIP: None`).
    Headless,
    /// Service that has no cluster IP yet, which an API server would allocate.
    NoClusterIp,
    /// Service that is another name for a host.
    ExternalName,
    /// Service that is labelled for another proxy, or not for this one.
    OtherProxy,
    /// Service without ports, or without a `spec`.
    NoPorts,
    /// EndpointSlice without the label that names its Service.
    NoServiceName,
    /// EndpointSlice of something else than IP addresses.
    NoIpAddresses,
    /// EndpointSlice of a Service that is not there.
    NoService,
}

impl LeftOut {
    /// All reasons, in the order of their declaration.
    pub const ALL: [Self; 8] = [
        Self::Headless,
        Self::NoClusterIp,
        Self::ExternalName,
        Self::OtherProxy,
        Self::NoPorts,
        Self::NoServiceName,
        Self::NoIpAddresses,
        Self::NoService,
    ];

    /// Word of the reason in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Headless => "headless",
            Self::NoClusterIp => "no_cluster_ip",
            Self::ExternalName => "external_name",
            Self::OtherProxy => "other_proxy",
            Self::NoPorts => "no_ports",
            Self::NoServiceName => "no_service_name",
            Self::NoIpAddresses => "no_ip_addresses",
            Self::NoService => "no_service",
        }
    }

    /// Whether the author of the object wants it so, as far as one can tell: nothing needs to be done.
    pub fn is_wanted(self) -> bool {
        matches!(self, Self::Headless | Self::ExternalName | Self::OtherProxy)
    }
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
