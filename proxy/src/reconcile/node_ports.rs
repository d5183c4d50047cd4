//! Does a process of this host listen where a node port is served from now on?

use crate::routing::binding::Binding;
use socket2::{Domain, Type};
use std::io::{self, ErrorKind};
use weir_core::{Frontend, FrontendKind, Protocol};

/// Node ports that are warned of one by one; more are only counted.
const MAX_WARNINGS: usize = 5;

const TAKEN_OVER: &str = "weir_node_ports_taken_over_total";

/// Warns of new node ports at which a process of this host listens: what was sent to it comes here from now on.
pub(super) fn warn<'a>(new: impl Iterator<Item = &'a Binding>) {
    let node_ports = new.filter(|binding| binding.kind == FrontendKind::NodePort);
    let in_use: Vec<&Binding> = node_ports.filter(|binding| is_in_use(binding.listen)).collect();
    if in_use.is_empty() {
        return;
    }
    metrics::counter!(TAKEN_OVER).increment(in_use.len() as u64);
    for Binding { listen: Frontend { protocol, address }, port, .. } in in_use.iter().take(MAX_WARNINGS) {
        tracing::warn!(
            "a process of this host listens at node port {address}/{protocol} of {port} (ss -lntup), which its clients \
             do not reach any more: they reach the Service; give the Service another node port, or the process another port",
            port = port.key
        );
    }
    if in_use.len() > MAX_WARNINGS {
        tracing::warn!("{} more node ports are used by processes of this host", in_use.len() - MAX_WARNINGS);
    }
}

/// Whether a process has the port. Asks the kernel, by a socket that is bound and closed at once; it never listens, so
/// that nobody can reach it.
fn is_in_use(listen: Frontend) -> bool {
    matches!(bind(listen), Err(error) if error.kind() == ErrorKind::AddrInUse)
}

fn bind(Frontend { protocol, address }: Frontend) -> io::Result<()> {
    let kind = if protocol == Protocol::Udp { Type::DGRAM } else { Type::STREAM };
    let probe = socket2::Socket::new(Domain::for_address(address), kind, None)?;
    if protocol == Protocol::Tcp {
        // Connections that have ended hold the port for no process.
        probe.set_reuse_address(true)?;
    }
    probe.bind(&address.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{SocketAddr, TcpListener, UdpSocket};

    #[test]
    fn a_port_is_taken_while_a_process_has_it_whatever_address_it_has_bound() {
        let (tcp, udp) = (TcpListener::bind("0.0.0.0:0").unwrap(), UdpSocket::bind("127.0.0.1:0").unwrap());
        let on_localhost = |protocol, port| {
            is_in_use(Frontend { protocol, address: SocketAddr::from(([127, 0, 0, 1], port)) })
        };
        let (tcp_port, udp_port) = (tcp.local_addr().unwrap().port(), udp.local_addr().unwrap().port());
        assert!(on_localhost(Protocol::Tcp, tcp_port) && on_localhost(Protocol::Udp, udp_port));
        drop((tcp, udp));
        assert!(!on_localhost(Protocol::Tcp, tcp_port) && !on_localhost(Protocol::Udp, udp_port));
    }
}
