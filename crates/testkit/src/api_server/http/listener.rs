//! Who answers on the server's port, and who may come back to it?

use std::io;
use std::net::{IpAddr, Shutdown, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use socket2::{Domain, SockRef, Socket, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;

use super::answer::answer;
use crate::api_server::sighting::Sighting;
use crate::api_server::state::State;
use crate::servers::{Spawner, Tasks, listen};

/// An accept that fails (no descriptors left) would fail again at once.
const ACCEPT_BACK_OFF: Duration = Duration::from_millis(10);

/// A port on which the server listens, or can listen again.
#[derive(Debug)]
pub(crate) struct Port {
    address: SocketAddr,
    /// Bound but not listening: nobody else gets the port while the server is away, and connects to it are
    /// refused.
    _reservation: Socket,
    runtime: Handle,
    running: Mutex<Option<Running>>,
}

#[derive(Debug)]
struct Running {
    listener: Arc<TcpListener>,
    tasks: Tasks,
}

impl Port {
    /// Reserves a port of this address; connects are refused until [`Port::open`].
    pub(crate) fn reserve(runtime: Handle, ip: IpAddr) -> io::Result<Self> {
        let any = SocketAddr::from((ip, 0));
        let reservation = Socket::new(Domain::for_address(any), Type::STREAM, None)?;
        // Linux lets a second socket bind and listen while none of the others listens.
        reservation.set_reuse_address(true)?;
        reservation.bind(&any.into())?;
        let bound = reservation.local_addr()?;
        let address = bound.as_socket().ok_or_else(|| io::Error::other("not an IP address"))?;
        Ok(Self { address, _reservation: reservation, runtime, running: Mutex::default() })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Starts to answer, if the port is not open yet.
    pub(crate) fn open(&self, state: &Arc<State>) -> io::Result<()> {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        if running.is_some() {
            return Ok(());
        }
        let _in_runtime = self.runtime.enter();
        let listener = Arc::new(listen(self.address)?);
        let tasks = Tasks::new(self.runtime.clone());
        let spawner = tasks.spawner();
        spawner.spawn(accept(Arc::clone(&listener), Arc::clone(state), tasks.spawner()));
        *running = Some(Running { listener, tasks });
        Ok(())
    }

    /// Closes the listener and cuts every connection; returns once they are gone.
    pub(crate) async fn close(&self) {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(running) = running {
            running.tasks.stop().await;
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Refuses from now on, also when the accepting task is not polled soon.
        let _ = SockRef::from(&*self.listener).shutdown(Shutdown::Both);
    }
}

async fn accept(listener: Arc<TcpListener>, state: Arc<State>, spawner: Spawner) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => spawner.spawn(serve(stream, Arc::clone(&state))),
            Err(_) => tokio::time::sleep(ACCEPT_BACK_OFF).await,
        }
    }
}

async fn serve(stream: TcpStream, state: Arc<State>) {
    let watching = Arc::new(AtomicBool::new(false));
    let certificate = AtomicBool::new(false);
    let tls = state.tls();
    let by_tls = tls.is_some();
    let service = service_fn(|request| {
        state.record(Sighting::of(&request, by_tls, certificate.load(Ordering::Relaxed)));
        answer(Arc::clone(&state), Arc::clone(&watching), request)
    });
    // Small answers on a kept-alive connection would wait for delayed acknowledgements.
    let _ = stream.set_nodelay(true);
    let connection = async {
        let http = http1::Builder::new();
        match tls {
            None => http.serve_connection(TokioIo::new(stream), service).await.is_ok(),
            Some(tls) => match tls.accept(stream).await {
                Ok(stream) => {
                    certificate.store(stream.get_ref().1.peer_certificates().is_some(), Ordering::Relaxed);
                    http.serve_connection(TokioIo::new(stream), service).await.is_ok()
                }
                Err(_) => false,
            },
        }
    };
    tokio::select! {
        // First, so that nothing is written after a test has cut the streams.
        biased;
        () = cut(&state, &watching) => {}
        // How a connection ends is the client's business.
        _ = connection => {}
    }
}

/// Returns when streams are cut while this connection carries one.
async fn cut(state: &State, watching: &AtomicBool) {
    let mut signals = state.signals.subscribe();
    let mut cuts = signals.borrow().cuts;
    while signals.changed().await.is_ok() {
        let now = signals.borrow_and_update().cuts;
        if now != cuts && watching.load(Ordering::Relaxed) {
            return;
        }
        cuts = now;
    }
}
