//! How does a TCP server accept connections, and what can a test ask of it?

use std::io;
use std::net::{Shutdown, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use socket2::{Domain, SockRef, Socket, Type};
use tokio::net::TcpListener;
use tokio::runtime::Handle;

use super::behaviour::Behaviour;
use super::connection;
use super::counts::{Counts, OpenConnection};
use crate::servers::tasks::{Spawner, Tasks};

/// Backlog of a listener: as long as `somaxconn` usually allows, so that a burst of connects waits instead of being dropped.
const BACKLOG: i32 = 4096;
/// The wait after an accept that fails (no descriptors left), which would fail again at once.
const ACCEPT_BACK_OFF: Duration = Duration::from_millis(10);

/// A TCP server that counts what it sees and ends when it is dropped: its port refuses from then on, and its connections
/// close as soon as their tasks run.
#[derive(Debug)]
pub struct TcpServer {
    address: SocketAddr,
    listener: Arc<TcpListener>,
    counts: Arc<Counts>,
    tasks: Tasks,
}

impl TcpServer {
    /// Listens on `address` (port 0 for any) and answers on the current runtime.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub async fn start(address: SocketAddr, behaviour: Behaviour) -> io::Result<Self> {
        let listener = Arc::new(listen(address)?);
        let counts = Arc::new(Counts::default());
        let tasks = Tasks::new(Handle::current());
        let accept_loop = AcceptLoop {
            listener: Arc::clone(&listener),
            behaviour: Arc::new(behaviour),
            counts: Arc::clone(&counts),
            spawner: tasks.spawner(),
        };
        tasks.spawner().spawn(accept_loop.run());
        Ok(Self { address: listener.local_addr()?, listener, counts, tasks })
    }

    /// Address on which the server listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Number of connections accepted so far.
    pub fn accepted(&self) -> u64 {
        self.counts.accepted.get()
    }

    /// Number of connections that are open now.
    pub fn open(&self) -> u64 {
        self.counts.open.get()
    }

    /// Number of bytes read so far, over all connections.
    pub fn received(&self) -> u64 {
        self.counts.received.get()
    }

    /// Number of bytes written so far, over all connections.
    pub fn sent(&self) -> u64 {
        self.counts.sent.get()
    }

    /// Addresses of clients that connected, oldest first (the newest 65,536).
    pub fn peers(&self) -> Vec<SocketAddr> {
        self.counts.peers().iter().copied().collect()
    }

    /// Waits until at least `count` connections were accepted.
    ///
    /// # Errors
    /// `TimedOut` after [`WAIT_LIMIT`](crate::WAIT_LIMIT).
    pub async fn wait_for_accepted(&self, count: u64) -> io::Result<u64> {
        self.counts.accepted.wait_for("accepted", |accepted| accepted >= count).await
    }

    /// Waits until exactly `count` connections are open.
    ///
    /// # Errors
    /// `TimedOut` after [`WAIT_LIMIT`](crate::WAIT_LIMIT).
    pub async fn wait_for_open(&self, count: u64) -> io::Result<u64> {
        self.counts.open.wait_for("open", |open| open == count).await
    }

    /// Waits until at least `count` bytes were read.
    ///
    /// # Errors
    /// `TimedOut` after [`WAIT_LIMIT`](crate::WAIT_LIMIT).
    pub async fn wait_for_received(&self, count: u64) -> io::Result<u64> {
        self.counts.received.wait_for("received", |received| received >= count).await
    }

    /// Ends the server and waits until its listener and connections are closed.
    pub async fn stop(self) {
        self.tasks.stop().await;
    }
}

impl Drop for TcpServer {
    fn drop(&mut self) {
        // The task that owns the listener ends when it is next polled; until then the kernel would go on
        // completing handshakes. A listener that is shut down refuses at once.
        let _ = SockRef::from(&*self.listener).shutdown(Shutdown::Both);
    }
}

/// The loop that accepts connections.
struct AcceptLoop {
    listener: Arc<TcpListener>,
    behaviour: Arc<Behaviour>,
    counts: Arc<Counts>,
    spawner: Spawner,
}

impl AcceptLoop {
    async fn run(self) {
        loop {
            let Ok((stream, peer)) = self.listener.accept().await else {
                tokio::time::sleep(ACCEPT_BACK_OFF).await;
                continue;
            };
            let open = OpenConnection::new(&self.counts);
            self.counts.remember(peer);
            self.counts.accepted.add(1);
            let behaviour = Arc::clone(&self.behaviour);
            self.spawner.spawn(async move {
                // How a connection ends is what the tests look at from the other side.
                let _ = connection::serve(stream, &behaviour, &open.0).await;
            });
        }
    }
}

/// Binds and listens, ready for tokio.
pub(crate) fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}
