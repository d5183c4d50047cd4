//! How are packets of this process marked, so that the rules of the host know them?

/// The marks (SO_MARK) of packets that this process sends, by which the rules leave them alone. A UDP datagram with both is one
/// that the rules must reject: its source, a client, hears an ICMP port unreachable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Marks {
    /// Mark of packets to clients. The lower 16 bits must be zero: where a process of this host holds the port that UDP
    /// clients dialled, they carry that port, and the rules must make it the source port.
    pub to_clients: u32,
    /// Mark of packets to endpoints.
    pub to_endpoints: u32,
    /// Bits that come on top of `to_endpoints` where the kernel would forward the client's packets: the rules may then send
    /// them the way of forwarded packets.
    pub forwarded: u32,
}

impl Marks {
    /// Mark of packets to an endpoint. `is_forwarded` says whether a kernel that translates addresses would forward them.
    pub(crate) fn towards_endpoint(self, is_forwarded: bool) -> u32 {
        if is_forwarded { self.to_endpoints | self.forwarded } else { self.to_endpoints }
    }

    /// Mark of datagrams that the rules reject.
    pub(crate) fn rejected(self) -> u32 {
        self.to_clients | self.to_endpoints
    }
}
