//! From which socket do replies to the clients of a frontend leave?

use super::datagrams::{batch::ReceiveMode, batch_socket::BatchSocket};
use crate::{
    limits::descriptor_budget::{DescriptorBudget, DescriptorPermit},
    routing::routing_table::RoutingTable,
    session::frontend::LocalFrontend,
    sys::socket::udp_replying,
};
use std::{
    cell::RefCell,
    io::{self, ErrorKind},
    net::{SocketAddr, UdpSocket},
    ops::Deref,
    rc::{Rc, Weak},
    sync::Arc,
};

/// A socket at the address that clients dialled.
pub(crate) struct ReplySocket {
    socket: BatchSocket,
    /// Bytes of the largest datagrams that the kernel may cut out of a larger send.
    max_segment: usize,
    _descriptors: Option<DescriptorPermit>,
}

impl Deref for ReplySocket {
    type Target = BatchSocket;

    fn deref(&self) -> &BatchSocket {
        &self.socket
    }
}

impl ReplySocket {
    /// Bytes of the largest datagrams that the kernel may cut out of a larger send.
    pub(super) fn max_segment(&self) -> usize {
        self.max_segment
    }
}

/// The reply sockets of a frontend.
pub(super) enum ReplySockets {
    /// The bound socket, which receives, too.
    Bound(Rc<ReplySocket>),
    /// A socket that is opened for the first flow, and closed with the last one.
    OnDemand(RefCell<Weak<ReplySocket>>),
}

impl ReplySockets {
    /// Replies through a bound socket, whose descriptor its listener holds. `is_stand_in` says that the rules change the port
    /// of what it sends.
    pub(super) fn bound(socket: BatchSocket, is_stand_in: bool) -> Self {
        let max_segment = if is_stand_in { MAX_SEGMENT_OF_CHANGED } else { usize::MAX };
        Self::Bound(Rc::new(ReplySocket { socket, max_segment, _descriptors: None }))
    }

    /// The socket for another flow; `None` if there is no descriptor left for it.
    pub(super) fn get(
        &self,
        descriptors: &Arc<DescriptorBudget>,
        frontend: &LocalFrontend,
        routing: &RoutingTable,
    ) -> io::Result<Option<Rc<ReplySocket>>> {
        let open = match self {
            Self::Bound(socket) => return Ok(Some(Rc::clone(socket))),
            Self::OnDemand(open) => open,
        };
        if let Some(socket) = open.borrow().upgrade() {
            return Ok(Some(socket));
        }
        let Some(permit) = descriptors.acquire(1) else { return Ok(None) };
        let mark = routing.node_context.node_mode.as_ref().map(|node_mode| node_mode.marks.to_clients);
        let from = if frontend.address.is_ipv4() { ReceiveMode::AnyV4 } else { ReceiveMode::AnyV6 };
        let Opened { socket, max_segment } = open_at(frontend.address, mark)?;
        let socket = BatchSocket::new(socket, from)?;
        let socket = Rc::new(ReplySocket { socket, max_segment, _descriptors: Some(permit) });
        open.replace(Rc::downgrade(&socket));
        Ok(Some(socket))
    }
}

/// A socket for replies that was just opened.
struct Opened {
    socket: UdpSocket,
    max_segment: usize,
}

/// Datagrams that the rules change are not cut by the kernel: on a device that computes no checksums the kernel computes them
/// after the change, counts the change a second time and gets them wrong.
const MAX_SEGMENT_OF_CHANGED: usize = 0;

/// Opens a socket for replies from `address`. If a process of this host holds the port, at this address or at all,
/// replies leave from any other port, and the rules change it to the port in their mark.
fn open_at(address: SocketAddr, mark: Option<u32>) -> io::Result<Opened> {
    match (udp_replying(address, mark), mark) {
        (Err(error), Some(mark)) if error.kind() == ErrorKind::AddrInUse => {
            tracing::debug!(%address, "a process of this host holds the port; replies leave from another one");
            let mark = mark | u32::from(address.port());
            let socket = udp_replying(SocketAddr::new(address.ip(), 0), Some(mark))?;
            Ok(Opened { socket, max_segment: MAX_SEGMENT_OF_CHANGED })
        }
        (socket, _) => Ok(Opened { socket: socket?, max_segment: usize::MAX }),
    }
}
