//! Which real TCP server does a test put behind weir?

mod connection;

use std::collections::VecDeque;
use std::io;
use std::net::{Shutdown, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use socket2::{Domain, SockRef, Socket, Type};
use tokio::net::TcpListener;
use tokio::runtime::Handle;

use super::counter::Counter;
use super::tasks::{Spawner, Tasks};

/// As long as `somaxconn` usually allows, so that a burst of connects waits instead of being dropped.
const BACKLOG: i32 = 4096;
/// How many of the newest clients are remembered: benchmarks open millions of connections.
const PEERS_KEPT: usize = 65_536;
/// An accept that fails (no descriptors left) would fail again at once.
const ACCEPT_BACK_OFF: Duration = Duration::from_millis(10);

/// What a [`TcpServer`] does with each connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Behaviour {
    /// Sends back what it reads; on the client's end of stream sends what is left and closes its own side.
    Echo,
    /// Sends this text when the client connects, as server-first protocols do, and then echoes.
    Greet(String),
    /// Sends a line with this name and the client's address, as in `web-1 10.244.0.9:40123`, and then echoes.
    Report(String),
    /// Echoes each read after a delay (tokio's clock).
    Slow {
        /// How long each read waits for its echo.
        delay: Duration,
    },
    /// Reads to the end of stream and only then answers with the number of bytes in decimal: works only
    /// with correct half-close.
    ReplyAfterEof,
    /// Sends `bye` and closes its sending side at once, but reads and counts until the client's end.
    HalfClosing,
    /// Resets the connection after the first byte it reads.
    Resetting,
    /// Resets the connection as soon as it is accepted.
    ResetOnAccept,
    /// Accepts, and never reads, writes or closes.
    Silent,
    /// Reads and throws away until the end of stream.
    Discard,
    /// Sends this many bytes, then closes.
    Source {
        /// How many bytes a client receives.
        bytes: u64,
    },
}

/// A TCP server that counts what it sees and ends when it is dropped: its port refuses from then on, and
/// its connections close as soon as their tasks run.
#[derive(Debug)]
pub struct TcpServer {
    address: SocketAddr,
    listener: Arc<TcpListener>,
    counts: Arc<Counts>,
    tasks: Tasks,
}

impl TcpServer {
    /// Listens on `address` (port 0 for any) and serves on the current runtime.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub async fn start(address: SocketAddr, behaviour: Behaviour) -> io::Result<Self> {
        let listener = Arc::new(listen(address)?);
        let counts = Arc::new(Counts::default());
        let tasks = Tasks::new(Handle::current());
        let accepting = Accepting {
            listener: Arc::clone(&listener),
            behaviour: Arc::new(behaviour),
            counts: Arc::clone(&counts),
            spawner: tasks.spawner(),
        };
        tasks.spawner().spawn(accepting.run());
        Ok(Self { address: listener.local_addr()?, listener, counts, tasks })
    }

    /// Where the server listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many connections were accepted so far.
    pub fn accepted(&self) -> u64 {
        self.counts.accepted.get()
    }

    /// How many connections are open now.
    pub fn open(&self) -> u64 {
        self.counts.open.get()
    }

    /// How many bytes were read so far, over all connections.
    pub fn received(&self) -> u64 {
        self.counts.received.get()
    }

    /// How many bytes were written so far, over all connections.
    pub fn sent(&self) -> u64 {
        self.counts.sent.get()
    }

    /// Who connected, oldest first (the newest 65,536).
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

/// What a server has seen.
#[derive(Debug, Default)]
struct Counts {
    accepted: Counter,
    open: Counter,
    received: Counter,
    sent: Counter,
    peers: Mutex<VecDeque<SocketAddr>>,
}

impl Counts {
    fn peers(&self) -> std::sync::MutexGuard<'_, VecDeque<SocketAddr>> {
        self.peers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn remember(&self, peer: SocketAddr) {
        let mut peers = self.peers();
        if peers.len() == PEERS_KEPT {
            peers.pop_front();
        }
        peers.push_back(peer);
    }
}

/// One connection's share of the `open` count.
struct Open(Arc<Counts>);

impl Open {
    fn new(counts: &Arc<Counts>) -> Self {
        counts.open.add(1);
        Self(Arc::clone(counts))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.subtract_one();
    }
}

/// The accept loop.
struct Accepting {
    listener: Arc<TcpListener>,
    behaviour: Arc<Behaviour>,
    counts: Arc<Counts>,
    spawner: Spawner,
}

impl Accepting {
    async fn run(self) {
        loop {
            let Ok((stream, peer)) = self.listener.accept().await else {
                tokio::time::sleep(ACCEPT_BACK_OFF).await;
                continue;
            };
            let open = Open::new(&self.counts);
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
