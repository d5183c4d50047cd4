//! How does the kernel watch the peer of a connection, and how is it made to probe one?

use super::sock_diag;
use nix::sys::socket::{setsockopt, sockopt::TcpRepair};
use socket2::{SockRef, TcpKeepalive};
use std::{io, os::fd::AsFd, time::Duration};

/// Keepalive probes that a silent peer may leave unanswered.
const KEEPALIVE_PROBES: u32 = 2;

/// Makes the kernel end a connection whose peer leaves keepalive probes unanswered for `timeout` (tcp(7), TCP_KEEPIDLE and
/// TCP_KEEPINTVL, whole seconds). Those are sent while nothing waits to be acknowledged; about the rest the kernel is asked.
/// Where it cannot be, it ends a connection whose peer leaves bytes unacknowledged for as long (TCP_USER_TIMEOUT), which it
/// also does to one that only pauses reading.
pub(crate) fn watch_peer(socket: &impl AsFd, timeout: Duration) -> io::Result<()> {
    let socket = SockRef::from(socket);
    let interval = Duration::from_secs((timeout / 4).as_secs().max(1));
    let idle = timeout.saturating_sub(interval * KEEPALIVE_PROBES).max(Duration::from_secs(1));
    let keepalive =
        TcpKeepalive::new().with_time(idle).with_interval(interval).with_retries(KEEPALIVE_PROBES);
    socket.set_tcp_keepalive(&keepalive)?;
    if sock_diag::availability().is_ok() { Ok(()) } else { socket.set_tcp_user_timeout(Some(timeout)) }
}

/// Makes the kernel probe a connection now, which the peer's kernel answers whether or not its program reads. Leaving repair
/// mode does that, as is documented nowhere (`tcp_send_window_probe` of Linux); nothing else of it is used. Needs
/// CAP_NET_ADMIN.
pub(crate) fn probe_peer(socket: &impl AsFd) -> io::Result<()> {
    let reuses_address = SockRef::from(socket).reuse_address()?;
    setsockopt(socket, TcpRepair, &1)?;
    setsockopt(socket, TcpRepair, &0)?;
    if reuses_address {
        // Repair mode leaves SO_REUSEADDR off.
        SockRef::from(socket).set_reuse_address(true)?;
    }
    Ok(())
}
