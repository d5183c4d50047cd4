//! How do packets say where they come from and where they go? Bits of the firewall mark.
//!
//! They are always set and tested with a mask: the other bits belong to others on the host.

/// On packets that weir sends to clients: not tracked, never captured. Sockets that face clients carry it (SO_MARK);
/// accepted ones inherit it.
pub const TO_CLIENT: u32 = 0x1000_0000;

/// Bits that a packet to a client has together with [`TO_CLIENT`] if it left from another port than the dialled one, which
/// a process of this host holds (UDP): the dialled port. The rules put it in its place and take these bits away.
pub(crate) const REPLY_PORT: u32 = 0xffff;

/// On packets that weir sends to endpoints, probes too: never captured. Also the bit in the mark of tracked connections
/// (`ct mark`) by which their replies are known.
pub const TO_ENDPOINT: u32 = 0x2000_0000;

/// On packets that are routed to this host's sockets, whatever their address: the policy rule looks for it.
pub const CAPTURED: u32 = 0x4000_0000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mark_has_a_bit_of_its_own() {
        assert_eq!((TO_CLIENT | TO_ENDPOINT | CAPTURED).count_ones(), 3);
        // Those of kube-proxy (masquerade, drop) and the lower half, which CNIs use.
        assert_eq!((TO_CLIENT | TO_ENDPOINT | CAPTURED) & (0x4000 | 0x8000 | REPLY_PORT), 0);
    }
}
