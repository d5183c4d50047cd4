//! Has a connect reached the connecting socket itself?
//!
//! A connect to a port of this host that nobody listens on may get that very port as its source, if the port is an ephemeral
//! one; TCP calls the result a simultaneous open (RFC 9293, 3.5), and it looks like a success. A UDP socket hears itself then.

use socket2::SockRef;
use std::{
    io::{self, ErrorKind},
    net::SocketAddr,
    os::fd::AsFd,
    time::Duration,
};

/// The refusal that a connect to `endpoint` should have been, if it has reached the socket itself. Closing the socket frees
/// the port at once then: who should listen there may come back.
pub(crate) fn refusal(socket: &impl AsFd, endpoint: SocketAddr) -> Option<io::Error> {
    let socket = SockRef::from(socket);
    let local = socket.local_addr().ok()?.as_socket()?;
    if (local.ip(), local.port()) != (endpoint.ip(), endpoint.port()) {
        return None;
    }
    let _ = socket.set_linger(Some(Duration::ZERO));
    Some(io::Error::new(ErrorKind::ConnectionRefused, "nobody listens: the connect reached itself"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::socket::{Egress, udp_connected};

    #[test]
    fn a_udp_socket_that_would_hear_itself_is_not_used() {
        let endpoint = weir_testkit::refused_address().unwrap();
        // The source that the kernel would choose by chance.
        let egress = Egress { source: Some(endpoint), ..Egress::default() };
        assert_eq!(udp_connected(endpoint, egress).unwrap_err().kind(), ErrorKind::ConnectionRefused);
        udp_connected(endpoint, Egress::default()).unwrap();
    }
}
