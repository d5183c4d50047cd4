//! Through which sockets do captured packets come in? (node mode)
//!
//! One group for each family, protocol and origin of clients: the rules that bring a packet know its origin. The
//! sockets stay open whatever is served.

use crate::{
    limits::descriptor_budget::{DescriptorBudget, DescriptorPermit},
    shared::{
        command::{CaptureSocket, Command},
        error::Error,
    },
    sys::{host, marks::Marks, socket},
    worker::handle::WorkerHandle,
};
use std::{
    io::{self, ErrorKind},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
};
use weir_core::{CapturePorts, CaptureSockets, Family, Frontend, Origin, PerFamily, Protocol};

/// Capture sockets of one worker at most.
const MAX_SOCKETS_PER_WORKER: usize = Family::ALL.len() * 2 * 3;

/// Opens the capture sockets and sends them to the workers. The permit holds their descriptors. Fails without
/// CAP_NET_ADMIN, without enough descriptors, or if localhost has no address.
pub(crate) fn open(
    workers: &[WorkerHandle],
    marks: Marks,
    backlog: usize,
    descriptors: &Arc<DescriptorBudget>,
) -> Result<(CaptureSockets, DescriptorPermit), Error> {
    let permit = descriptors.acquire(MAX_SOCKETS_PER_WORKER * workers.len()).ok_or(Error::Descriptors)?;
    let group = |protocol, family, origin| {
        let address = Frontend { protocol, address: localhost(family) };
        let sockets = socket::open_capture_group(address, marks.to_clients, workers.len(), backlog)?;
        let port = sockets.first().map_or(Ok(0), local_port)?;
        for (worker, socket) in workers.iter().zip(sockets) {
            worker.send(Command::Capture(CaptureSocket { protocol, origin, socket }));
        }
        Ok(port)
    };
    let groups = |protocol, family| {
        // The kernel was built or started without the family, or localhost has no address. Binding a capture socket
        // would not show it: that may have any address.
        if !host::is_local(localhost(family).ip()) {
            return Ok(None);
        }
        let group = |origin| group(protocol, family, origin).map_err(explain);
        let (pod, node, outside) = (group(Origin::Pod)?, group(Origin::Node)?, group(Origin::Outside)?);
        Ok(Some(CapturePorts { pod, node, outside }))
    };
    let of = |protocol| {
        let (v4, v6) = (groups(protocol, Family::V4)?, groups(protocol, Family::V6)?);
        Ok(PerFamily { v4, v6 })
    };
    let capture_sockets = CaptureSockets { tcp: of(Protocol::Tcp)?, udp: of(Protocol::Udp)? };
    if capture_sockets == CaptureSockets::default() {
        return Err(Error::CaptureSockets(ErrorKind::AddrNotAvailable.into()));
    }
    Ok((capture_sockets, permit))
}

fn localhost(family: Family) -> SocketAddr {
    let ip: IpAddr = match family {
        Family::V4 => Ipv4Addr::LOCALHOST.into(),
        Family::V6 => Ipv6Addr::LOCALHOST.into(),
    };
    SocketAddr::new(ip, 0)
}

fn local_port(socket: &socket2::Socket) -> io::Result<u16> {
    Ok(socket.local_addr()?.as_socket().map_or(0, |address| address.port()))
}

fn explain(error: io::Error) -> Error {
    if error.kind() == ErrorKind::PermissionDenied {
        Error::NotPermitted(error)
    } else {
        Error::CaptureSockets(error)
    }
}
