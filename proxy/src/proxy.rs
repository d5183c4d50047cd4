//! How is the data plane driven?

use crate::{
    limits::{
        admission::Admission,
        descriptor_budget::{DescriptorBudget, DescriptorPermit},
    },
    observe::{observer::Observer, registry::Registry},
    reconcile::{capture_sockets, reconciler::Reconciler, report::Applied},
    session::context::Share,
    shared::{
        bridges::{BridgeUpdate, SetBridges},
        command::Command,
        config::Config,
        connection_info::{ConnectionFilter, ConnectionInfo},
        error::Error,
        hand_over::{HandOver, HandOverRequest},
    },
    sys::{host, socket::backlog},
    telemetry::{close_reason::Closed, metrics::ProcessMetrics},
    worker::{
        clock::Clock,
        handle::{WorkerHandle, answers},
        peer_answers,
    },
};
use std::{
    ops::ControlFlow,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::MissedTickBehavior,
};
use weir_core::{Bridges, CaptureSockets, Snapshot};

/// Time between two looks at the addresses of this host.
const REFRESH_INTERVAL: Duration = Duration::from_secs(10);

/// Time between two looks at the health of endpoints, for the log.
const HEALTH_INTERVAL: Duration = Duration::from_secs(1);

/// Time between two sweeps, which drop what nothing refers to any more.
const SWEEP_INTERVAL: Duration = Duration::from_secs(60);

/// The data plane: worker threads and the frontends that they serve.
#[derive(Debug)]
pub struct Proxy {
    /// Boxed, so that moving a [`Proxy`] moves few bytes.
    reconciler: Box<Reconciler>,
    metrics: Arc<ProcessMetrics>,
    registry: Arc<Registry>,
    observer: Observer,
    descriptors: Arc<DescriptorBudget>,
    capture_sockets: CaptureSockets,
    set_bridges: SetBridges,
    bridge_updates: mpsc::Receiver<BridgeUpdate>,
    hand_over: HandOver,
    hand_over_requests: mpsc::Receiver<HandOverRequest>,
    /// Descriptors of the capture sockets.
    _capture_descriptors: Option<DescriptorPermit>,
    _clock: Clock,
}

/// Result of a drain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drained {
    /// Connections that were reset because they were still open when the time was up.
    pub reset: usize,
}

impl Proxy {
    /// Starts the workers, after raising the limit of open files to the hard limit (RLIMIT_NOFILE). Fails if a thread
    /// cannot be started or, in node mode, a capture socket cannot be opened.
    pub fn start(config: Config) -> Result<Self, Error> {
        host::raise_descriptor_limit();
        let metrics = ProcessMetrics::register();
        let count = config.workers.get();
        let descriptors = DescriptorBudget::new(config.descriptors);
        let admission = Admission::new(config.max_connections, Arc::clone(&descriptors));
        metrics.set_limits(admission.max_connections(), descriptors.limit());
        let (udp_flows, relay_memory) = (config.udp_flows.div_ceil(count), config.relay_memory / count);
        let peer_questions = peer_answers::start()?;
        let share = Share { admission, udp_flows, relay_memory, peer_questions };
        let max_connections = share.admission.max_connections();
        let (workers, siblings) = WorkerHandle::start_all(count, &share, &metrics)?;
        let clock = Clock::start(workers.iter().filter_map(WorkerHandle::commands).collect())?;
        let (capture_sockets, capture_descriptors) = match &config.node_mode {
            None => (CaptureSockets::default(), None),
            Some(node_mode) => {
                let backlog = backlog(config.max_connections);
                let (capture_sockets, permit) =
                    capture_sockets::open(&workers, node_mode.marks, backlog, &descriptors)?;
                (capture_sockets, Some(permit))
            }
        };
        let registry = Arc::<Registry>::default();
        let bounds = (max_connections, config.udp_flows);
        let observer = Observer::new(Arc::clone(&registry), siblings, Arc::clone(&descriptors), bounds);
        let reconciler =
            Box::new(Reconciler::new(config, workers, Arc::clone(&descriptors), Arc::clone(&registry)));
        let (set_bridges, bridge_updates) = SetBridges::new();
        let (hand_over, hand_over_requests) = HandOver::new();
        Ok(Self {
            reconciler,
            metrics,
            registry,
            observer,
            descriptors,
            capture_sockets,
            set_bridges,
            bridge_updates,
            hand_over,
            hand_over_requests,
            _capture_descriptors: capture_descriptors,
            _clock: clock,
        })
    }

    /// Budget of descriptors, for listeners beside the data plane that grow in number with Services.
    pub fn descriptors(&self) -> &Arc<DescriptorBudget> {
        &self.descriptors
    }

    /// Handle to what this data plane knows, for other threads.
    pub fn observer(&self) -> Observer {
        self.observer.clone()
    }

    /// Ports on localhost that receive captured packets; none outside of node mode.
    pub fn capture_sockets(&self) -> CaptureSockets {
        self.capture_sockets
    }

    /// Applies the bridges of this host (node mode). Frontends that must be bound because of bridges are open when this
    /// returns: rules may rely on them only then. Rules must stop relying on frontends that need not be bound any more
    /// before this is called.
    pub async fn set_bridges(&mut self, bridges: Bridges) -> Applied {
        self.reconciler.set_bridges(bridges).await
    }

    /// Sender of bridges to the data plane during [`Self::run`].
    pub fn bridges(&self) -> SetBridges {
        self.set_bridges.clone()
    }

    /// Steers this data plane during [`Self::run`] where another weir takes over, or is taken over from.
    pub fn hand_over(&self) -> HandOver {
        self.hand_over.clone()
    }

    /// Sets before [`Self::run`] whether another weir runs on this host ([`HandOver::set_accompanied`]).
    pub fn set_accompanied(&mut self, accompanied: bool) {
        self.reconciler.set_accompanied(accompanied);
    }

    /// Serves a Snapshot from now on; returns the frontends whose state changed.
    pub async fn apply(&mut self, snapshot: &Snapshot) -> Applied {
        let started = Instant::now();
        let applied = self.reconciler.apply(snapshot).await;
        self.metrics.sync_duration.record(started.elapsed());
        let now = SystemTime::now();
        self.registry.set_applied(now);
        let since_epoch = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        self.metrics.last_sync.set(since_epoch.as_secs_f64());
        applied
    }

    /// Applies every Snapshot that arrives and retries failed sockets, until the sender of Snapshots is dropped.
    ///
    /// `applied` is called with each Snapshot once it is served, and with frontends whose state changed. The future may
    /// be cancelled, to drain or to drop the proxy.
    pub async fn run(
        &mut self,
        snapshots: &mut watch::Receiver<Snapshot>,
        mut applied: impl FnMut(Option<&Snapshot>, Applied),
    ) {
        let mut refresh = tokio::time::interval(REFRESH_INTERVAL);
        let mut health = tokio::time::interval(HEALTH_INTERVAL);
        health.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut sweep = tokio::time::interval(SWEEP_INTERVAL);
        if snapshots.borrow().generation > 0 {
            snapshots.mark_changed();
        }
        loop {
            let retry = self.reconciler.next_retry();
            let due = async {
                match retry {
                    Some(at) => tokio::time::sleep_until(at.into()).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                changed = snapshots.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    let snapshot = snapshots.borrow_and_update().clone();
                    let rows = self.apply(&snapshot).await;
                    applied(Some(&snapshot), rows);
                }
                Some(BridgeUpdate { bridges, done }) = self.bridge_updates.recv() => {
                    applied(None, self.reconciler.set_bridges(bridges).await);
                    let _ = done.send(());
                }
                Some(request) = self.hand_over_requests.recv() => self.reconciler.hand_over(request).await,
                () = due => applied(None, self.reconciler.retry().await),
                _ = refresh.tick() => applied(None, self.reconciler.refresh().await),
                _ = health.tick() => self.reconciler.report_health(),
                _ = sweep.tick() => self.reconciler.sweep(),
            }
        }
    }

    /// Lists the live TCP connections of all workers.
    pub async fn connections(&self) -> Vec<ConnectionInfo> {
        let mut listed = Vec::new();
        let slice = |slice| {
            listed.extend::<Vec<ConnectionInfo>>(slice);
            ControlFlow::Continue(())
        };
        self.observer.connections(&Arc::<ConnectionFilter>::default(), None, slice).await;
        listed
    }

    /// Counts the live TCP connections of each worker. The kernel spreads connections by a hash of addresses; workers
    /// even out small numbers themselves.
    pub async fn connections_by_worker(&self) -> Vec<usize> {
        answers(self.call_all(|done| Command::Count { done })).await
    }

    /// Ends all live TCP connections with a reset; returns their number.
    pub async fn end_connections(&self, reason: Closed) -> usize {
        let asked = self.call_all(|done| Command::EndAll { reason, done });
        answers(asked).await.into_iter().sum()
    }

    /// Closes the listening sockets of bound frontends after another weir has got duplicates: its clients wait in the queues.
    /// Connections and UDP flows go on, and so do capture sockets.
    pub async fn release_frontends(&self) {
        answers(self.call_all(|done| Command::Release { done })).await;
    }

    /// Closes all listening TCP sockets. Clients that connect after this returns are refused; connections and UDP flows
    /// go on.
    pub async fn stop_accepting(&self) {
        answers(self.call_all(|done| Command::StopAccepting { done })).await;
    }

    /// Stops accepting, lets connections finish for at most `grace_period`, resets the rest and ends the workers.
    pub async fn drain(self, grace_period: Duration) -> Drained {
        self.stop_accepting().await;
        let drained = answers(self.call_all(|done| Command::Drain { done }));
        let reset = match tokio::time::timeout(grace_period, drained).await {
            Ok(_) => 0,
            Err(_) => self.end_connections(Closed::Drained).await,
        };
        // The resets are sent by the tasks of the connections; each worker answers when its last connection is gone.
        let last = answers(self.call_all(|done| Command::Drain { done }));
        let _ = tokio::time::timeout(Duration::from_secs(1), last).await;
        Drained { reset }
    }

    fn call_all<T>(&self, command: impl Fn(oneshot::Sender<T>) -> Command) -> Vec<oneshot::Receiver<T>> {
        self.reconciler.workers().iter().map(|worker| worker.call(&command)).collect()
    }
}
