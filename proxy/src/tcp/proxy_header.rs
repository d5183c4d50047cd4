//! Who is the client that another proxy speaks for, and how does an endpoint learn of it?

use super::{
    proxy_protocol::{Decoded, MAX_HEADER_BYTES, decode, encode},
    pump::Half,
};
use crate::{
    session::{connection::Connection, connection_context::ConnectionContext},
    sys::tcp::Stream,
    telemetry::close_reason::Closed,
};
use rustix::{
    io::ioctl_fionread,
    net::{RecvFlags, recv},
};
use std::{
    io::ErrorKind,
    net::{IpAddr, SocketAddr},
    time::Duration,
};
use weir_core::Settings;

/// Puts the PROXY protocol header that the Service asks for in front of a client's bytes.
pub(super) fn with_header(cx: &ConnectionContext, request: Half) -> Half {
    let connection = &cx.connection;
    let version = connection.frontend.runtime.routing().port.settings.proxy_protocol;
    let header = version.map(|version| encode(version, connection.flow.client, connection.flow.frontend));
    match header {
        Some(header) => request.with_header(&header, &cx.worker.buffers),
        None => request,
    }
}

/// Reads the PROXY protocol header of a trusted peer, and continues as the connection of the client in the header. Does
/// nothing, and without waiting, for other peers.
pub(super) async fn learn_client(cx: &mut ConnectionContext, client: &Stream) -> Result<(), Closed> {
    let Some(timeout) = expects_header(&cx.connection) else { return Ok(()) };
    // Boxed, as few connections have a header, and it is soon read.
    let named = Box::pin(async {
        tokio::select! {
            biased;
            reason = cx.connection.close_signal.wait() => Err(reason),
            header = tokio::time::timeout(timeout, take_header(client)) => {
                header.unwrap_or(Err(Closed::ProxyProtocolError))
            }
        }
    });
    let named = named.await?;
    // Also for a proxy that speaks for itself, so that the time to reach an endpoint is as long as always.
    cx.speak_for(named.unwrap_or(cx.connection.flow.client));
    count_client(cx)
}

/// Counts the connection for the client in the header; fails if that has as many as it may have.
fn count_client(cx: &ConnectionContext) -> Result<(), Closed> {
    let connection = &cx.connection;
    let frontend = &connection.frontend;
    let client = connection.flow.client.ip();
    let Some(mut permit) = connection.permit.take() else { return Ok(()) };
    let counted = permit.count_client(&frontend.runtime.routing().port.settings.limits, client);
    connection.permit.set(Some(permit));
    counted.inspect_err(|&reason| frontend.record_rejection(&cx.worker.admission, client, reason))
}

/// Whether a header from this peer is trusted.
pub(super) fn is_trusted(settings: &Settings, peer: IpAddr) -> bool {
    settings.accept_proxy_protocol.iter().any(|network| network.contains(&peer))
}

/// Time-out of the header with which the client must begin; `None` if no header is expected.
fn expects_header(connection: &Connection) -> Option<Duration> {
    let routing = connection.frontend.runtime.routing();
    let settings = &routing.port.settings;
    is_trusted(settings, connection.peer()).then_some(settings.connect_timeout)
}

/// Reads a header and nothing of what follows it. `None` means that the sender speaks for itself.
async fn take_header(client: &Stream) -> Result<Option<SocketAddr>, Closed> {
    let mut buffer = [0; MAX_HEADER_BYTES];
    // Bytes in front of an urgent one, beyond which no read goes that has begun before it.
    let mut taken = 0;
    loop {
        let has_ended = client.readable().await.map_err(|_| Closed::LocalLimit)?;
        let look = || {
            loop {
                // Bytes that are only peeked at stay in the socket, and are found again together with what comes next.
                let (_, length) = recv(client, &mut buffer[taken..], RecvFlags::PEEK)?;
                match decode(&buffer[..taken + length]) {
                    Decoded::Partial if length > 0 && ioctl_fionread(client)? > length as u64 => {
                        taken += recv(client, &mut buffer[taken..][..length], RecvFlags::empty())?.1;
                    }
                    // Makes the runtime wait for more, unless nothing is to come.
                    Decoded::Partial if !has_ended && length > 0 => {
                        return Err(ErrorKind::WouldBlock.into());
                    }
                    decoded => return Ok(decoded),
                }
            }
        };
        match client.try_read(look) {
            Ok(Decoded::Header { length, client: named }) => {
                let rest = recv(client, &mut buffer[taken..length], RecvFlags::empty());
                let whole = rest.is_ok_and(|(_, rest)| taken + rest == length);
                return if whole { Ok(named) } else { Err(Closed::ClientGone) };
            }
            Ok(Decoded::Partial | Decoded::Malformed) => return Err(Closed::ProxyProtocolError),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(_) => return Err(Closed::ClientGone),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::ConnectionContext;
    use crate::tcp::fixture::{self, Fixture};
    use weir_core::Protocol;

    #[test]
    fn a_client_that_is_spoken_for_counts_as_itself_but_its_packets_come_from_its_proxy() {
        let Fixture { worker, frontend } = fixture::frontend(std::time::Duration::MAX, &[]);
        let [proxy, client] = ["10.0.0.1:40000", "192.0.2.7:4711"].map(|text| text.parse().unwrap());
        let mut cx = ConnectionContext::new(&worker, &frontend, frontend.flow(Protocol::Tcp, proxy));
        cx.speak_for(client);
        // Source ranges go by the one, balancing and affinity by the other.
        assert_eq!((cx.connection.peer(), cx.connection.flow.client), (proxy.ip(), client));
        assert_eq!(worker.connections.borrow().iter().next().unwrap().flow.client, client);
        drop(cx);
        assert!(worker.connections.borrow().is_empty());
    }
}
