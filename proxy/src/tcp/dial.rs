//! How does a client get connected to an endpoint?

use crate::{Closed, connection::Connection, frontend::Frontend, slot::Picked, socket::tcp_connecting};
use std::{
    io::{self, ErrorKind},
    net::SocketAddr,
    time::{Duration, Instant},
};
use tokio::{io::Interest, net::TcpStream};
use weir_core::{Dial, Lease, Request, dial::MAX_ATTEMPTS};

/// A connected endpoint.
pub(crate) struct Upstream {
    pub(crate) stream: TcpStream,
    pub(crate) address: SocketAddr,
    pub(crate) lease: Lease,
}

/// Connects to an endpoint; on failure to another one, for as long as [`Dial`] allows.
///
/// Nothing was read from the client yet, so it does not notice. A client that leaves ends the attempt.
pub(crate) async fn connect(connection: &Connection, client: &TcpStream) -> Result<Upstream, Closed> {
    let frontend = &*connection.frontend;
    let mut now = connection.opened;
    let mut dial = Dial::start(now, frontend.slot.route().port.settings.connect_timeout);
    let mut tried = Tried::none();
    let mut failure = Closed::NoEndpoints;
    while let Some((picked, timeout)) = next(connection, now, &mut dial, &tried)? {
        let attempt = tokio::select! {
            biased;
            attempt = attempt(&picked, now, timeout, frontend) => attempt,
            reason = gone(client) => Err(reason),
            reason = connection.order.wait() => Err(reason),
        };
        frontend.worker.counters.attempt(attempt.as_ref().err().copied());
        match attempt {
            Ok(stream) => return Ok(Upstream { stream, address: picked.address, lease: picked.lease }),
            Err(reason) if reason == Closed::ClientGone || connection.order.given().is_some() => {
                return Err(reason);
            }
            Err(reason) => failure = reason,
        }
        tracing::debug!(endpoint = %picked.address, service = %frontend.port_key(), reason = %failure, "endpoint not reached");
        tried.push(picked.address);
        now = Instant::now();
    }
    Err(failure)
}

/// The next endpoint to try and the time it has, by the newest route; `None` when none may be tried.
fn next(
    connection: &Connection,
    now: Instant,
    dial: &mut Dial,
    tried: &Tried,
) -> Result<Option<(Picked, Duration)>, Closed> {
    let frontend = &*connection.frontend;
    let route = frontend.slot.route();
    let traffic = frontend.traffic(&route, connection.flow.client.ip())?;
    let Some(balancer) = route.balancer(traffic) else { return Ok(None) };
    let tried = tried.as_slice();
    let untried = balancer.targets().len()
        - tried.iter().filter(|&&address| balancer.position(address).is_some()).count();
    let Some(timeout) = dial.next(now, untried) else { return Ok(None) };
    let request = Request { flow: &connection.flow, now, entropy: rand::random(), tried };
    Ok(frontend.slot.pick(&route, traffic, &request).map(|picked| (picked, timeout)))
}

async fn attempt(
    picked: &Picked,
    started: Instant,
    timeout: Duration,
    frontend: &Frontend,
) -> Result<TcpStream, Closed> {
    let connected = tokio::time::timeout_at((started + timeout).into(), open(picked.address)).await;
    let stream = connected.map_err(|_| Closed::ConnectTimeout)?.map_err(|error| classify(&error))?;
    frontend.worker.counters.connect_duration.record(started.elapsed());
    Ok(stream)
}

async fn open(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::from_std(tcp_connecting(address)?)?;
    let ready = stream.ready(Interest::WRITABLE | Interest::ERROR).await?;
    // The event tells success from failure: only a failed connection is asked why.
    let failed = ready.is_error() || ready.is_write_closed();
    match failed.then(|| stream.take_error()).transpose()?.flatten() {
        Some(error) => Err(error),
        None => Ok(stream),
    }
}

fn classify(error: &io::Error) -> Closed {
    match error.kind() {
        ErrorKind::ConnectionRefused | ErrorKind::ConnectionReset => Closed::ConnectRefused,
        ErrorKind::TimedOut => Closed::ConnectTimeout,
        // No free port towards this endpoint, no descriptor, no memory: this host's limits, not the endpoint's fault.
        ErrorKind::AddrNotAvailable | ErrorKind::OutOfMemory => Closed::LocalLimit,
        _ if matches!(error.raw_os_error(), Some(EMFILE | ENFILE | ENOBUFS)) => Closed::LocalLimit,
        _ => Closed::ConnectUnreachable,
    }
}

const ENFILE: i32 = rustix::io::Errno::NFILE.raw_os_error();
const EMFILE: i32 = rustix::io::Errno::MFILE.raw_os_error();
const ENOBUFS: i32 = rustix::io::Errno::NOBUFS.raw_os_error();

/// Resolves when the client has reset its connection. A client that only ended its sending side still wants an answer.
async fn gone(client: &TcpStream) -> Closed {
    match client.ready(Interest::ERROR).await {
        Ok(_) => Closed::ClientGone,
        Err(_) => Closed::LocalLimit,
    }
}

/// The endpoints that this connection has tried.
struct Tried {
    addresses: [SocketAddr; MAX_ATTEMPTS],
    len: usize,
}

impl Tried {
    fn none() -> Self {
        Self { addresses: [SocketAddr::from(([0; 4], 0)); MAX_ATTEMPTS], len: 0 }
    }

    fn push(&mut self, address: SocketAddr) {
        if let Some(free) = self.addresses.get_mut(self.len) {
            *free = address;
            self.len += 1;
        }
    }

    fn as_slice(&self) -> &[SocketAddr] {
        &self.addresses[..self.len]
    }
}
