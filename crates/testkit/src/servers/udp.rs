//! Which real UDP server does a test put behind weir?

use std::collections::HashSet;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use socket2::{Domain, Socket, Type};
use tokio::net::UdpSocket;
use tokio::runtime::Handle;

use super::counter::Counter;
use super::tasks::Tasks;

/// Bytes of the largest datagram that UDP can carry.
const BUFFER: usize = 64 * 1024;
/// Bytes of the receive buffer, so that a benchmark's burst waits in the kernel; capped by the kernel at `rmem_max`.
const RECEIVE_BUFFER: usize = 4 * 1024 * 1024;
/// The wait after a receive that fails, which may fail again at once.
const RECEIVE_BACK_OFF: Duration = Duration::from_millis(10);

/// What a [`UdpServer`] does with each datagram.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UdpBehaviour {
    /// Sends each datagram back.
    Echo,
    /// Sends each datagram back behind this name and a colon.
    Greet(String),
    /// Sends each datagram back behind this name and the client's address, as in `dns-1 10.244.0.9:40123 ` and the datagram.
    Report(String),
    /// Counts datagrams and never answers.
    Silent,
}

/// A UDP server that counts what it sees and ends when it is dropped.
#[derive(Debug)]
pub struct UdpServer {
    address: SocketAddr,
    counts: Arc<Counts>,
    tasks: Tasks,
}

impl UdpServer {
    /// Binds `address` (port 0 for any) and answers on the current runtime.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub async fn start(address: SocketAddr, behaviour: UdpBehaviour) -> io::Result<Self> {
        let socket = bind(address)?;
        let address = socket.local_addr()?;
        let counts = Arc::new(Counts::default());
        let tasks = Tasks::new(Handle::current());
        tasks.spawner().spawn(serve(socket, behaviour, Arc::clone(&counts)));
        Ok(Self { address, counts, tasks })
    }

    /// Address of the server's socket.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Number of datagrams received so far.
    pub fn received(&self) -> u64 {
        self.counts.received.get()
    }

    /// The distinct addresses that sent datagrams, in no order.
    pub fn sources(&self) -> Vec<SocketAddr> {
        self.counts.sources.lock().unwrap_or_else(PoisonError::into_inner).iter().copied().collect()
    }

    /// Waits until at least `count` datagrams were received.
    ///
    /// # Errors
    /// `TimedOut` after [`WAIT_LIMIT`](crate::WAIT_LIMIT).
    pub async fn wait_for_received(&self, count: u64) -> io::Result<u64> {
        self.counts.received.wait_for("received", |received| received >= count).await
    }

    /// Ends the server and waits until its socket is closed; its port refuses from then on.
    pub async fn stop(self) {
        self.tasks.stop().await;
    }
}

/// Counts of one server.
#[derive(Debug, Default)]
struct Counts {
    received: Counter,
    sources: Mutex<HashSet<SocketAddr>>,
}

async fn serve(socket: UdpSocket, behaviour: UdpBehaviour, counts: Arc<Counts>) {
    let mut buffer = vec![0; BUFFER];
    loop {
        let Ok((length, source)) = socket.recv_from(&mut buffer).await else {
            tokio::time::sleep(RECEIVE_BACK_OFF).await;
            continue;
        };
        counts.sources.lock().unwrap_or_else(PoisonError::into_inner).insert(source);
        counts.received.add(1);
        let payload = &buffer[..length];
        // A client that went away refuses the reply; the next client must still be served.
        let _ = match &behaviour {
            UdpBehaviour::Echo => socket.send_to(payload, source).await,
            UdpBehaviour::Greet(name) => {
                socket.send_to(&[name.as_bytes(), b":", payload].concat(), source).await
            }
            UdpBehaviour::Report(name) => {
                let before = format!("{name} {source} ");
                socket.send_to(&[before.as_bytes(), payload].concat(), source).await
            }
            UdpBehaviour::Silent => Ok(0),
        };
    }
}

fn bind(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, None)?;
    socket.set_nonblocking(true)?;
    socket.set_recv_buffer_size(RECEIVE_BUFFER)?;
    socket.bind(&address.into())?;
    UdpSocket::from_std(socket.into())
}
