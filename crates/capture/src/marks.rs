//! How do packets say where they come from and where they go? Bits of the firewall mark.
//!
//! They are always set and tested with a mask: the other bits belong to others on the host.

/// The bit on packets that weir sends to clients: not tracked, never captured. Sockets that face clients have this mark
/// (SO_MARK), and accepted sockets inherit it.
pub const TO_CLIENT: u32 = 0x1000_0000;

/// The bits of the dialled port on a UDP packet that left from another port, because a process of this host holds the
/// dialled one. They come together with [`TO_CLIENT`]; the rules write the port into the packet and clear these bits.
pub(crate) const REPLY_PORT: u32 = 0xffff;

/// The bit on packets that weir sends to endpoints, probes too: never captured. Also the bit in the mark of tracked
/// connections (`ct mark`) by which replies of endpoints are recognised.
pub const TO_ENDPOINT: u32 = 0x2000_0000;

/// The bit on packets to endpoints that a kernel which translates addresses would forward: those for clients in pods and
/// outside, not those for this node's own processes. Sockets have it together with [`TO_ENDPOINT`]. Where such packets take
/// the way of forwarded ones, the rules clear [`TO_ENDPOINT`], and weir's policy rule matches what is left.
pub const FORWARDED: u32 = 0x0800_0000;

/// All bits of weir's.
pub(crate) const ALL: u32 = TO_CLIENT | TO_ENDPOINT | FORWARDED | CAPTURED;

/// The bit on packets that are routed to this host's sockets, whatever their address. weir's policy rule matches it.
pub const CAPTURED: u32 = 0x4000_0000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mark_has_a_bit_of_its_own() {
        assert_eq!(ALL.count_ones(), 4);
        // Those of kube-proxy (masquerade, drop) and the lower half, which CNIs use.
        assert_eq!(ALL & (0x4000 | 0x8000 | REPLY_PORT), 0);
    }
}
