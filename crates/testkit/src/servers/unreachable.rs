//! Which addresses refuse a connect, and which never answer it?

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};

use socket2::{Domain, Socket, Type};

/// Loopback address that nothing else in the tests binds, so that a port that is free stays free.
const NOBODY: Ipv4Addr = Ipv4Addr::new(127, 77, 0, 1);

/// An address where nothing listens on TCP and nothing is bound on UDP.
///
/// # Errors
/// When the system has no free port.
pub fn refused_address() -> io::Result<SocketAddr> {
    let address = TcpListener::bind((NOBODY, 0))?.local_addr()?;
    UdpSocket::bind(address)?;
    Ok(address)
}

/// A listening socket whose queue is full: the kernel drops each SYN and a connect hangs, neither accepted
/// nor refused, for as long as this value lives.
#[derive(Debug)]
pub struct BlackHole {
    address: SocketAddr,
    _listener: Socket,
    _queued: TcpStream,
}

impl BlackHole {
    /// Listens on `address` (port 0 for any) and fills the queue.
    ///
    /// # Errors
    /// What binding, listening or the one connect that fills the queue reports.
    pub fn start(address: SocketAddr) -> io::Result<Self> {
        let listener = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
        listener.set_reuse_address(true)?;
        listener.bind(&address.into())?;
        // Linux queues one connection more than the backlog says, and drops further SYNs.
        listener.listen(0)?;
        let bound = listener.local_addr()?;
        let address = bound.as_socket().ok_or_else(|| io::Error::other("not an IP address"))?;
        let queued = TcpStream::connect(address)?;
        Ok(Self { address, _listener: listener, _queued: queued })
    }

    /// Address at which connects hang.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}
