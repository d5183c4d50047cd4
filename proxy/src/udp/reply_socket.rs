//! From which socket do replies to the clients of a frontend leave?

use super::{batch::Senders, socket::BatchSocket};
use crate::{descriptors::Taken, frontend::Frontend, slot::Route, socket::udp_replying};
use std::{
    cell::RefCell,
    io,
    ops::Deref,
    rc::{Rc, Weak},
};

/// A socket at the address that clients dialled.
pub(crate) struct ReplySocket {
    socket: BatchSocket,
    _taken: Option<Taken>,
}

impl Deref for ReplySocket {
    type Target = BatchSocket;

    fn deref(&self) -> &BatchSocket {
        &self.socket
    }
}

/// Where the flows of a frontend get it.
pub(super) enum ReplySockets {
    /// It is the one that receives.
    Bound(Rc<ReplySocket>),
    /// It is opened for the first flow, and closed with the last one.
    OnDemand(RefCell<Weak<ReplySocket>>),
}

impl ReplySockets {
    /// The socket that receives, which someone else's descriptor budget covers.
    pub(super) fn bound(socket: BatchSocket) -> Self {
        Self::Bound(Rc::new(ReplySocket { socket, _taken: None }))
    }

    /// The socket for another flow, `None` if there is no descriptor left for it.
    pub(super) fn get(&self, frontend: &Frontend, route: &Route) -> io::Result<Option<Rc<ReplySocket>>> {
        let open = match self {
            Self::Bound(socket) => return Ok(Some(Rc::clone(socket))),
            Self::OnDemand(open) => open,
        };
        if let Some(socket) = open.borrow().upgrade() {
            return Ok(Some(socket));
        }
        let Some(taken) = frontend.worker.admission.descriptors.take(1) else { return Ok(None) };
        let mark = route.place.node_mode.as_ref().map(|node_mode| node_mode.marks.to_clients);
        let from = if frontend.address.is_ipv4() { Senders::V4 } else { Senders::V6 };
        let socket = BatchSocket::new(udp_replying(frontend.address, mark)?, from)?;
        let socket = Rc::new(ReplySocket { socket, _taken: Some(taken) });
        open.replace(Rc::downgrade(&socket));
        Ok(Some(socket))
    }
}
