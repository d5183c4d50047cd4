//! What does the kernel know of a TCP socket and of the way to its peer? The `struct tcp_info` of tcp(7).

use netlink_packet_sock_diag::inet::{InetResponse, nlas::Nla};
use nix::{
    getsockopt_impl,
    libc::{self, TCP_INFO},
    sys::socket::{getsockopt, sockopt::GetStruct},
};
use std::{io, os::fd::AsFd, time::Duration};

/// Offsets in the kernel's `struct tcp_info`, which only ever grows at its end.
const CONGESTION_STATE_OFFSET: usize = 1;
const PROBES_OFFSET: usize = 3;
const LAST_ACK_OFFSET: usize = 56;
const ROUND_TRIP_OFFSET: usize = 68;
const VARIATION_OFFSET: usize = 72;
const WINDOW_OFFSET: usize = 80;
const RETRANSMITTED_OFFSET: usize = 100;
const BYTES_ACKED_OFFSET: usize = 120;
const BYTES_RECEIVED_OFFSET: usize = 128;

/// Bytes of the struct that every Linux fills: all up to the count of retransmitted segments.
const COMMON_BYTES: usize = RETRANSMITTED_OFFSET + 4;

/// The beginning of the struct, of an own socket in any state: also of one whose connection has ended. Bytes, so that
/// whatever the kernel writes is a value; the macro is nix's, for options that it does not name itself.
#[derive(Clone, Copy, Debug)]
struct OwnTcpInfo;

getsockopt_impl!(OwnTcpInfo, libc::IPPROTO_TCP, TCP_INFO, [u8; COMMON_BYTES], GetStruct<[u8; COMMON_BYTES]>);

/// What the kernel knows of one TCP socket and of the way to its peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TcpInfo {
    /// Time of a round trip to the peer, smoothed (RFC 6298, SRTT); `None` before the first was measured.
    pub round_trip: Option<Duration>,
    /// Mean deviation of round trips from [`Self::round_trip`] (RFC 6298, RTTVAR).
    pub round_trip_variation: Duration,
    /// Segments that were sent again, since the beginning.
    pub retransmits: u32,
    /// Segments that may be under way to the peer at once (congestion window).
    pub congestion_window: u32,
    /// How sending goes.
    pub congestion: CongestionState,
    /// Bytes that the peer has acknowledged; `None` where the kernel was asked for less.
    pub bytes_acknowledged: Option<u64>,
    /// Bytes that were received from the peer; `None` where the kernel was asked for less.
    pub bytes_received: Option<u64>,
    /// Bytes that were written and that the peer has not acknowledged, the end of the stream as one more; `None` where the
    /// kernel was asked for less.
    pub unacknowledged_bytes: Option<u32>,
}

/// How sending to a peer goes (`tcpi_ca_state` of Linux).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CongestionState {
    /// Nothing is wrong.
    Open,
    /// Segments arrived out of order, or the first are missing.
    Disorder,
    /// The network or the host asked to send less.
    Reduced,
    /// Segments were lost and are sent again.
    Recovery,
    /// Nothing was acknowledged for so long that all is sent again.
    Loss,
}

impl CongestionState {
    /// The state in one word, as the kernel calls it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Disorder => "disorder",
            Self::Reduced => "cwr",
            Self::Recovery => "recovery",
            Self::Loss => "loss",
        }
    }

    /// The state with the kernel's number. Later kernels may have more, which are troubles as well.
    fn of(number: u8) -> Self {
        match number {
            0 => Self::Open,
            1 => Self::Disorder,
            2 => Self::Reduced,
            3 => Self::Recovery,
            _ => Self::Loss,
        }
    }
}

impl TcpInfo {
    /// Asks about an own socket, by one system call. Also answers of a connection that has ended, for as long as its socket
    /// is open.
    pub(crate) fn of(socket: &impl AsFd) -> io::Result<Self> {
        Ok(Self::read(&getsockopt(socket, OwnTcpInfo)?).ok_or(io::ErrorKind::InvalidData)?)
    }

    /// Reads the kernel's struct; `None` if it is too short.
    pub(super) fn read(info: &[u8]) -> Option<Self> {
        let number = |offset| number(info, offset);
        let round_trip = number(ROUND_TRIP_OFFSET)?;
        Some(Self {
            round_trip: (round_trip > 0).then(|| Duration::from_micros(round_trip.into())),
            round_trip_variation: Duration::from_micros(number(VARIATION_OFFSET)?.into()),
            retransmits: number(RETRANSMITTED_OFFSET)?,
            congestion_window: number(WINDOW_OFFSET)?,
            congestion: CongestionState::of(*info.get(CONGESTION_STATE_OFFSET)?),
            bytes_acknowledged: long_number(info, BYTES_ACKED_OFFSET),
            bytes_received: long_number(info, BYTES_RECEIVED_OFFSET),
            unacknowledged_bytes: None,
        })
    }
}

/// The kernel's struct in an answer about a socket.
pub(super) fn of_response(response: &InetResponse) -> Option<&[u8]> {
    response.nlas.iter().find_map(|nla| match nla {
        Nla::TcpInfo(info) => Some(info.as_slice()),
        _ => None,
    })
}

/// Probes of the peer's window or life that are unanswered, time since the last acknowledgement, and segments that were sent
/// again; `None` if the kernel's struct is too short.
pub(super) fn liveness(info: &[u8]) -> Option<(u8, Duration, u32)> {
    let silence = Duration::from_millis(number(info, LAST_ACK_OFFSET)?.into());
    Some((*info.get(PROBES_OFFSET)?, silence, number(info, RETRANSMITTED_OFFSET)?))
}

fn number(info: &[u8], offset: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(*info.get(offset..)?.first_chunk()?))
}

fn long_number(info: &[u8], offset: usize) -> Option<u64> {
    Some(u64::from_ne_bytes(*info.get(offset..)?.first_chunk()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        io::{Read, Write},
        net::{Shutdown, TcpListener, TcpStream},
    };

    fn connected(address: &str) -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind(address).unwrap();
        let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        (near, listener.accept().unwrap().0)
    }

    #[test]
    fn a_socket_tells_of_the_way_to_its_peer() {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let (mut near, mut far) = connected(address);
            near.write_all(b"request").unwrap();
            far.read_exact(&mut [0; 7]).unwrap();
            let info = TcpInfo::of(&near).unwrap();
            let round_trip = info.round_trip.unwrap();
            assert!(round_trip > Duration::ZERO && round_trip < Duration::from_secs(1), "{info:?}");
            assert!(info.congestion_window > 0 && info.retransmits == 0, "{info:?}");
            assert_eq!(info.congestion, CongestionState::Open);
        }
    }

    #[test]
    fn a_socket_tells_of_its_connection_after_the_end_and_after_a_reset() {
        let (mut near, mut far) = connected("127.0.0.1:0");
        near.write_all(b"bytes").unwrap();
        far.read_exact(&mut [0; 5]).unwrap();
        near.shutdown(Shutdown::Write).unwrap();
        drop(far);
        assert_eq!(near.read(&mut [0]).unwrap(), 0);
        assert!(TcpInfo::of(&near).unwrap().round_trip.is_some());

        let (mut near, far) = connected("127.0.0.1:0");
        socket2::SockRef::from(&far).set_linger(Some(Duration::ZERO)).unwrap();
        drop(far);
        near.read(&mut [0]).unwrap_err();
        assert!(TcpInfo::of(&near).unwrap().round_trip.is_some());
    }

    #[test]
    fn what_the_kernel_says_is_read_by_its_struct_and_never_beyond() {
        let mut info = [0u8; 136];
        info[CONGESTION_STATE_OFFSET] = 4;
        for (offset, value) in [(68, 1500u32), (72, 250), (80, 10), (100, 3)] {
            info[offset..offset + 4].copy_from_slice(&value.to_ne_bytes());
        }
        info[120..128].copy_from_slice(&(1u64 << 40).to_ne_bytes());
        let read = TcpInfo::read(&info).unwrap();
        assert_eq!(read.round_trip, Some(Duration::from_micros(1500)));
        assert_eq!((read.round_trip_variation, read.retransmits), (Duration::from_micros(250), 3));
        assert_eq!((read.congestion, read.congestion_window), (CongestionState::Loss, 10));
        assert_eq!((read.bytes_acknowledged, read.bytes_received), (Some(1 << 40), Some(0)));
        for length in 0..136 {
            let shorter = TcpInfo::read(&info[..length]);
            assert_eq!(shorter.is_some(), length >= COMMON_BYTES, "{length}");
            assert!(shorter.is_none_or(|info| info.bytes_received.is_none()), "{length}");
        }
    }
}
