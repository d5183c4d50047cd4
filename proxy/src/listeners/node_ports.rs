//! Does a process of this host listen where a node port is served from now on?

use crate::plan::{Binding, Socket};
use socket2::{Domain, Type};
use std::io::{self, ErrorKind};
use weir_core::{FrontendKind, Protocol};

/// How many are warned of one by one.
const SHOWN: usize = 5;

const TAKEN_OVER: &str = "weir_node_ports_taken_over_total";

/// Warns of new node ports at which a process of this host listens: what was sent to it goes to the Service from now on.
pub(super) fn warn<'a>(new: impl Iterator<Item = &'a Binding>) {
    let node_ports = new.filter(|binding| binding.kind == FrontendKind::NodePort);
    let taken: Vec<&Binding> = node_ports.filter(|binding| is_taken(binding.socket)).collect();
    if taken.is_empty() {
        return;
    }
    metrics::describe_counter!(TAKEN_OVER, "Node ports at which a process of this host listened before");
    metrics::counter!(TAKEN_OVER).increment(taken.len() as u64);
    for Binding { socket: Socket { protocol, address }, port, .. } in taken.iter().take(SHOWN) {
        tracing::warn!(
            "node port {address}/{protocol} of {port} is also used by a process of this host (ss -lntup); what is sent there \
             goes to the Service now: give the Service another node port, or the process another port",
            port = port.key
        );
    }
    if taken.len() > SHOWN {
        tracing::warn!("{} more node ports are used by processes of this host", taken.len() - SHOWN);
    }
}

/// Asks the kernel, by a socket that is bound and closed at once. It never listens: nobody can reach it.
fn is_taken(socket: Socket) -> bool {
    matches!(bind(socket), Err(error) if error.kind() == ErrorKind::AddrInUse)
}

fn bind(Socket { protocol, address }: Socket) -> io::Result<()> {
    let kind = if protocol == Protocol::Udp { Type::DGRAM } else { Type::STREAM };
    let probe = socket2::Socket::new(Domain::for_address(address), kind, None)?;
    if protocol == Protocol::Tcp {
        // Connections that have ended are nobody's.
        probe.set_reuse_address(true)?;
    }
    probe.bind(&address.into())
}
