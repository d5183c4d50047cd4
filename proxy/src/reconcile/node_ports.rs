//! Does a process of this host listen where a node port or a load-balancer port is served from now on?

use crate::{
    routing::binding::Binding,
    sys::port_holders::{self, PortHolder},
};
use socket2::{Domain, Type};
use std::io::{self, ErrorKind};
use weir_core::{Frontend, FrontendKind, PortKey, Protocol};

/// Ports that are warned of one by one; more are only counted.
const MAX_WARNINGS: usize = 5;

const TAKEN_OVER: &str = "weir_node_ports_taken_over_total";

/// Name of weir's own processes.
const WEIR: &str = "weir";

/// A frontend whose port somebody has.
#[derive(Debug)]
struct Conflict {
    frontend: Frontend,
    kind: FrontendKind,
    port: PortKey,
}

/// Warns of new node ports and load-balancer ports at which a process of this host listens: what was sent to it comes here
/// from now on. Sockets whose packets have a bit of `own_mark` are a weir's. Who listens is looked up on another thread.
pub(super) fn warn<'a>(new: impl Iterator<Item = &'a Binding>, own_mark: u32) {
    let may_collide = |kind| matches!(kind, FrontendKind::NodePort | FrontendKind::LoadBalancerIp);
    let in_use = new.filter(|binding| may_collide(binding.kind) && is_in_use(binding.listen));
    let conflict = |binding: &Binding| Conflict {
        frontend: binding.listen,
        kind: binding.kind,
        port: binding.port.key.clone(),
    };
    let conflicts: Vec<Conflict> = in_use.map(conflict).collect();
    if !conflicts.is_empty() {
        tokio::task::spawn_blocking(move || tell(conflicts, own_mark));
    }
}

fn tell(conflicts: Vec<Conflict>, own_mark: u32) {
    let mut others = Vec::new();
    for conflict in conflicts {
        let sockets = port_holders::sockets_at(conflict.frontend);
        // Another weir, or a socket from which this one replies.
        let is_weirs = |mark: u32| mark & own_mark != 0;
        match sockets {
            Ok(mut sockets) => {
                sockets.retain(|socket| !is_weirs(socket.mark));
                if !sockets.is_empty() {
                    others.push((conflict, sockets));
                }
            }
            Err(_) => others.push((conflict, Vec::new())),
        }
    }
    let node_ports = others.iter().filter(|(conflict, _)| conflict.kind == FrontendKind::NodePort).count();
    metrics::counter!(TAKEN_OVER).increment(node_ports as u64);
    for (Conflict { frontend, kind, port }, sockets) in others.iter().take(MAX_WARNINGS) {
        let holders = port_holders::holders(sockets);
        if is_weir(&holders) {
            continue;
        }
        let who = if holders.is_empty() {
            "a process of this host".to_owned()
        } else {
            port_holders::named(&holders)
        };
        tracing::warn!(
            "{who} listens at {} {frontend} of {port}, which its clients do not reach any more: they reach the Service; \
             give the Service another port, or the process",
            kind.as_str()
        );
    }
    if others.len() > MAX_WARNINGS {
        tracing::warn!(
            "{} more ports of Services are used by processes of this host",
            others.len() - MAX_WARNINGS
        );
    }
}

/// Whether all holders of a port are weirs.
fn is_weir(holders: &[PortHolder]) -> bool {
    let is_weir = |holder: &PortHolder| matches!(holder, PortHolder::Process { name, .. } if name == WEIR);
    !holders.is_empty() && holders.iter().all(is_weir)
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
