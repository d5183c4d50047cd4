//! Which health-check node ports are open, and what becomes of those that cannot be opened?

use super::{desired_reports::DesiredReports, report::Report};
use crate::{
    http::{QUICK_RETRY, Server},
    metrics::{HEALTH_CHECK_FAILURES, HEALTH_CHECK_PORTS},
};
use metrics::{Counter, Gauge, counter, gauge};
use socket2::{Domain, Socket, Type};
use std::{
    collections::{BTreeMap, HashMap},
    io::{self, ErrorKind},
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{mpsc, watch},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;
use weir_proxy::{DescriptorBudget, DescriptorPermit};

const SERVER: Server = Server { name: "health-check node port", alternative: "another healthCheckNodePort" };

/// Time until a port that could not be opened is tried again.
const RETRY: Duration = Duration::from_secs(5);

/// Clients that may wait in the kernel until weir accepts them.
const BACKLOG: i32 = 128;

/// A client of a health-check node port.
pub(super) struct AcceptedClient {
    pub(super) stream: TcpStream,
    /// Report that answers the client.
    pub(super) report: SharedReport,
    /// Ends the connection when the port closes.
    pub(super) end: CancellationToken,
}

/// Report of an open port, which may pass to another Service.
#[derive(Clone, Debug)]
pub(super) struct SharedReport(Arc<Mutex<Report>>);

impl SharedReport {
    fn new(report: &Report) -> Self {
        Self(Arc::new(Mutex::new(report.clone())))
    }

    fn set(&self, report: &Report) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone_from(report);
    }

    pub(super) fn get(&self) -> Report {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// An open port: its report, and the task that accepts clients.
#[derive(Debug)]
struct Port {
    report: SharedReport,
    end: CancellationToken,
    accepting: JoinHandle<()>,
    _descriptor: DescriptorPermit,
}

impl Port {
    /// Closes the socket and ends its connections; returns when the socket is closed.
    async fn close(self) {
        self.end.cancel();
        self.accepting.abort();
        let _ = self.accepting.await;
    }
}

/// Health-check node ports that are open, and those that could not be opened.
pub(super) struct HealthCheckPorts {
    open: HashMap<SocketAddr, Port>,
    /// Addresses that cannot be opened, and why.
    failed: BTreeMap<SocketAddr, String>,
    clients: mpsc::Sender<AcceptedClient>,
    descriptors: Arc<DescriptorBudget>,
    /// Whether another weir runs here, which may have ports and is about to let go.
    accompanied: watch::Receiver<bool>,
    metrics: PortMetrics,
}

impl HealthCheckPorts {
    /// Starts without an open port. `clients` receives every client that connects to one.
    pub(super) fn new(
        clients: mpsc::Sender<AcceptedClient>,
        descriptors: Arc<DescriptorBudget>,
        accompanied: watch::Receiver<bool>,
    ) -> Self {
        let (open, failed) = (HashMap::new(), BTreeMap::new());
        Self { open, failed, clients, descriptors, accompanied, metrics: PortMetrics::register() }
    }

    /// Opens and closes the ports at these addresses and changes their reports, until they are as desired.
    pub(super) async fn settle(&mut self, desired: &DesiredReports, touched: &[SocketAddr]) {
        // First what closes: a port on all addresses and one on a single address exclude each other.
        for address in touched.iter().filter(|&&address| desired.at(address).is_none()) {
            self.failed.remove(address);
            if let Some(port) = self.open.remove(address) {
                port.close().await;
            }
        }
        for &address in touched {
            let Some(report) = desired.at(address) else { continue };
            match self.open.get(&address) {
                Some(port) => port.report.set(report),
                None => self.open(address, report),
            }
        }
        self.show_counts();
    }

    /// Tries again to open the ports that failed.
    pub(super) fn retry(&mut self, desired: &DesiredReports) {
        let failed: Vec<SocketAddr> = self.failed.keys().copied().collect();
        for address in failed {
            if let Some(report) = desired.at(address) {
                self.open(address, report);
            }
        }
        self.show_counts();
    }

    /// Time until failed ports are to be tried again.
    pub(super) fn retry_after(&self) -> Duration {
        if *self.accompanied.borrow() { QUICK_RETRY } else { RETRY }
    }

    /// Waits until it changes whether another weir runs here: a port that it had may be free now.
    pub(super) async fn company_changes(&mut self) {
        if self.accompanied.changed().await.is_err() {
            std::future::pending().await
        }
    }

    /// Whether a port could not be opened.
    pub(super) fn some_failed(&self) -> bool {
        !self.failed.is_empty()
    }

    /// Closes all ports.
    pub(super) async fn close(&mut self) {
        for (_, port) in self.open.drain() {
            port.close().await;
        }
    }

    fn show_counts(&self) {
        self.metrics.open.set(self.open.len() as f64);
        self.metrics.failed.set(self.failed.len() as f64);
    }

    fn open(&mut self, address: SocketAddr, report: &Report) {
        let Report { service, .. } = report;
        match self.try_open(address, report) {
            Ok(port) => {
                self.open.insert(address, port);
                if self.failed.remove(&address).is_some() {
                    tracing::info!(%service, %address, "the health-check node port is open now");
                }
            }
            Err(error) if error.kind() == ErrorKind::AddrInUse && *self.accompanied.borrow() => {
                // The earlier weir has it. Should that not be so, it is said once that weir is gone.
                self.failed.insert(address, String::new());
            }
            Err(error) => {
                self.metrics.failures.increment(1);
                let why = explain(&error);
                // Once per cause; the same line every few seconds would say nothing new.
                if self.failed.insert(address, why.clone()).as_ref() != Some(&why) {
                    let retry = humantime::format_duration(RETRY);
                    tracing::warn!(
                        %service, %address,
                        "cannot open the health-check node port: {why}; until then load balancers treat this node as \
                         one without endpoints; trying again every {retry}"
                    );
                }
            }
        }
    }

    fn try_open(&self, address: SocketAddr, report: &Report) -> io::Result<Port> {
        let full = || io::Error::other("out of file descriptors; raise the limit (ulimit -n, LimitNOFILE)");
        let descriptor = self.descriptors.acquire(1).ok_or_else(full)?;
        let listener = listen(address)?;
        let (report, end, clients) =
            (SharedReport::new(report), CancellationToken::new(), self.clients.clone());
        let (of_clients, until) = (report.clone(), end.clone());
        let accepting = tokio::spawn(async move {
            loop {
                let stream = SERVER.accept(&listener).await;
                let client = AcceptedClient { stream, report: of_clients.clone(), end: until.clone() };
                if clients.send(client).await.is_err() {
                    return;
                }
            }
        });
        Ok(Port { report, end, accepting, _descriptor: descriptor })
    }
}

/// Opens a listening socket for one family only, so that each family has its own count (semantics H5).
fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM.nonblocking(), None)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    // Connections of an earlier process may still be in TIME_WAIT.
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

/// Cause of a failed bind, and what to do about it.
fn explain(error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::AddrInUse => {
            "it is in use; is kube-proxy or another process listening there (ss -lntp)?".to_owned()
        }
        ErrorKind::AddrNotAvailable => "this host does not have the address".to_owned(),
        _ => error.to_string(),
    }
}

/// Handles of the metrics of health-check node ports, registered once.
struct PortMetrics {
    open: Gauge,
    failed: Gauge,
    failures: Counter,
}

impl PortMetrics {
    fn register() -> Self {
        let ports = |state: &'static str| gauge!(HEALTH_CHECK_PORTS.name, "state" => state);
        Self { open: ports("open"), failed: ports("failed"), failures: counter!(HEALTH_CHECK_FAILURES.name) }
    }
}
