//! Which open sockets has another weir handed over that no frontend has taken yet?

use crate::{shared::hand_over::ListeningSocket, sys::inherited};
use socket2::Socket;
use std::collections::HashMap;
use weir_core::Frontend;

/// Open sockets of another weir, by their addresses. Dropping one closes its duplicate here.
#[derive(Debug, Default)]
pub(super) struct Inherited(HashMap<Frontend, Vec<Socket>>);

impl Inherited {
    /// Takes in sockets. Those that are not what they are said to be are closed; each socket is taken once.
    pub(super) fn extend(&mut self, sockets: Vec<ListeningSocket>) {
        let mut refused = 0_usize;
        for ListeningSocket { listen, socket } in sockets {
            let socket = Socket::from(socket);
            match inherited::is_open_at(&socket, listen) {
                true => self.0.entry(listen).or_default().push(socket),
                false => refused += 1,
            }
        }
        if refused > 0 {
            tracing::warn!(
                refused,
                "the earlier weir handed over sockets that are not at the addresses it says; they are closed"
            );
        }
    }

    /// Number of sockets at an address.
    pub(super) fn count(&self, listen: Frontend) -> usize {
        self.0.get(&listen).map_or(0, Vec::len)
    }

    /// Takes the sockets at an address out.
    pub(super) fn take(&mut self, listen: Frontend) -> Vec<Socket> {
        self.0.remove(&listen).unwrap_or_default()
    }

    /// Closes what nobody has taken, but at addresses that are still wanted.
    pub(super) fn retain(&mut self, is_wanted: impl Fn(Frontend) -> bool) {
        self.0.retain(|&listen, _| is_wanted(listen));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
    use weir_core::Protocol;

    #[test]
    fn only_sockets_that_are_what_they_are_said_to_be_are_taken_in() {
        let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
        let (at, udp) = (tcp.local_addr().unwrap(), UdpSocket::bind("127.0.0.1:0").unwrap());
        let connection = TcpStream::connect(at).unwrap();
        let elsewhere = SocketAddr::from(([127, 0, 0, 2], at.port()));
        let (udp_at, connection_at) = (udp.local_addr().unwrap(), connection.local_addr().unwrap());
        let of = |protocol, address| Frontend { protocol, address };
        let socket = |listen, socket| ListeningSocket { listen, socket };
        let mut inherited = Inherited::default();
        inherited.extend(vec![
            socket(of(Protocol::Tcp, at), tcp.try_clone().unwrap().into()),
            socket(of(Protocol::Tcp, elsewhere), tcp.try_clone().unwrap().into()),
            socket(of(Protocol::Udp, at), tcp.try_clone().unwrap().into()),
            socket(of(Protocol::Sctp, at), tcp.into()),
            socket(of(Protocol::Tcp, connection_at), connection.into()),
            socket(of(Protocol::Udp, udp_at), udp.into()),
            socket(of(Protocol::Tcp, at), std::fs::File::open("/dev/null").unwrap().into()),
        ]);
        assert_eq!(inherited.count(of(Protocol::Tcp, at)), 1);
        assert_eq!(inherited.take(of(Protocol::Udp, udp_at)).len(), 1);
        for refused in [of(Protocol::Tcp, elsewhere), of(Protocol::Udp, at), of(Protocol::Sctp, at)] {
            assert_eq!(inherited.count(refused), 0, "{refused}");
        }
        assert_eq!(inherited.count(of(Protocol::Tcp, connection_at)), 0);
        inherited.retain(|_| false);
        assert!(TcpStream::connect(at).is_err(), "the last duplicate is closed");
    }
}
