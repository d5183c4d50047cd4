//! How does a listening socket of another weir become one of this weir?

use super::socket::{Options, set_allowed_sources, set_options, sharing};
use socket2::{Socket, Type};
use std::io;
use weir_core::{Frontend, Protocol};

/// Makes the open sockets of another weir the sockets of this one, which may have other options, and opens more until
/// there are `count`: one for each worker that shall listen. Fewer do, too, should the others not open.
pub(crate) fn adopt_group(
    address: Frontend,
    options: Options<'_>,
    mut group: Vec<Socket>,
    count: usize,
    backlog: usize,
) -> io::Result<Vec<Socket>> {
    for socket in &group {
        set_options(socket, address, options)?;
        set_allowed_sources(socket, address, options.allowed_sources)?;
    }
    let bound = match group.first() {
        Some(socket) => socket.local_addr()?,
        None => address.address.into(),
    };
    while group.len() < count
        && let Ok(socket) = sharing(address, &bound, options)
    {
        group.push(socket);
    }
    if address.protocol == Protocol::Tcp {
        group.iter().try_for_each(|socket| socket.listen(backlog as i32))?;
    }
    Ok(group)
}

/// Whether a socket is one that weir would have opened at this address, if only at another port that stands in for it.
pub(crate) fn is_open_at(socket: &Socket, Frontend { protocol, address }: Frontend) -> bool {
    let (kind, listens) = match protocol {
        Protocol::Tcp => (Type::STREAM, true),
        Protocol::Udp => (Type::DGRAM, false),
        Protocol::Sctp => return false,
    };
    let bound = socket.local_addr().ok().and_then(|bound| bound.as_socket());
    bound.is_some_and(|bound| bound.ip() == address.ip())
        && socket.r#type().is_ok_and(|found| found == kind)
        && socket.is_listener().is_ok_and(|found| found == listens)
        && socket.set_nonblocking(true).is_ok()
}
