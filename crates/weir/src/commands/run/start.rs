//! How do the parts of `weir run` work together?

use super::frontends::Frontends;
use crate::{
    cli::RunOptions,
    commands::signals::Signals,
    health::{Health, Moment},
    http::{
        Probes,
        admin::{self, Metrics},
    },
    metrics,
    node::{self, Node, Served},
    output::logging,
};
use anyhow::Context;
use std::{process::ExitCode, time::Duration};
use tokio::{runtime::Builder, sync::watch, time::timeout};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{info, warn};
use weir_control::{Control, Status};
use weir_core::{Family, Snapshot};
use weir_proxy::{Drained, Proxy};

/// Serves Services until SIGTERM or SIGINT; then lets connections finish.
pub(crate) fn run(options: RunOptions) -> anyhow::Result<ExitCode> {
    logging::init(&options.log_level, options.log_format)?;
    // Control plane and HTTP share this one thread; they cannot delay a byte, which workers relay.
    let runtime = Builder::new_current_thread().enable_all().build().context("cannot start a runtime")?;
    let outcome = runtime.block_on(serve(options));
    // Reading from standard input cannot be cancelled, and must not keep the process.
    runtime.shutdown_timeout(Duration::from_millis(100));
    outcome.map(|()| ExitCode::SUCCESS)
}

/// How long writing the last state may keep the process.
const SAVE_PATIENCE: Duration = Duration::from_secs(5);

async fn serve(options: RunOptions) -> anyhow::Result<()> {
    let mut signals = Signals::new()?;
    let capture = match &options.node {
        Some(node) => Some(node::prepare(node).await?),
        None => None,
    };
    let probes = Probes::new(Health::new(options.node.is_some()));
    let (served, to_show) = watch::channel(Snapshot::default());
    let servers = Servers::start(&options, &probes, to_show)?;
    let proxy = Proxy::start(options.proxy_config())?;
    let node = capture.zip(options.node.as_ref()).map(|(capture, node)| {
        let node_ports = options.node_port_addresses.clone();
        Node::new(capture, node, node_ports, &proxy, &probes)
    });
    let mut control = tokio::select! {
        control = weir_control::start(options.source, options.scope) => control?,
        // Standard input or a credential plugin may keep the start waiting.
        signal = signals.next() => {
            info!("{signal}: ending before anything was served");
            return Ok(());
        }
    };
    let mut serving = Serving { proxy, node, frontends: Frontends::new(options.map_loopback), served };
    let signal = tokio::select! {
        signal = signals.next() => signal,
        () = serving.run(&mut control, &probes) => anyhow::bail!("the control plane has ended"),
    };
    info!(
        "{signal}: draining; connections may go on for {:?}, a second signal ends them",
        options.drain_timeout
    );
    probes.health().set_draining();
    // The last state is written while connections end.
    let saving = tokio::spawn(control.end());
    tokio::select! {
        drained = serving.drain(options.drain_timeout) => match drained.reset {
            0 => info!("all connections have ended"),
            reset => info!("{reset} connections were still open and were reset"),
        },
        signal = signals.another() => info!("{signal}: ending at once"),
    }
    if timeout(SAVE_PATIENCE, saving).await.is_err() {
        warn!(
            "ending without the last state: it cannot be written in {SAVE_PATIENCE:?}; is --state-dir on a network?"
        );
    }
    servers.stop().await;
    Ok(())
}

/// What serves, and in node mode what captures for it.
struct Serving {
    proxy: Proxy,
    node: Option<Node>,
    frontends: Frontends,
    /// What the data plane serves, for metrics.
    served: watch::Sender<Snapshot>,
}

impl Serving {
    /// Serves what the control plane publishes, and keeps the probes informed of how far that is.
    async fn run(&mut self, control: &mut Control, probes: &Probes) {
        let Self { proxy, node, frontends, served: to_metrics } = self;
        let (in_force, seen) = watch::channel(0);
        let (served, mut to_capture) = watch::channel(Served::default());
        let captures = node.is_some();
        let mut snapshots = control.snapshots.clone();
        let serving = proxy.run(&mut snapshots, |snapshot, applied| {
            frontends.show(&applied.rows);
            if let Some(snapshot) = snapshot {
                probes.health().set_node(&snapshot.node);
                to_metrics.send_replace(snapshot.clone());
                if !captures {
                    in_force.send_replace(snapshot.generation);
                }
            }
            served.send_if_modified(|served| served.follow(snapshot, applied.node_port_addresses));
        });
        let capturing = async {
            match node {
                Some(node) => node.follow(&mut to_capture, &in_force).await,
                None => std::future::pending().await,
            }
        };
        let measuring = metrics::measure_propagation(&mut control.changes, seen.clone());
        tokio::select! {
            () = serving => {}
            () = capturing => {}
            () = measuring => {}
            () = metrics::show_no_local_endpoints(control.snapshots.clone()) => {}
            () = report_progress(control.status.clone(), seen, probes) => {}
        }
    }

    /// Ends: new clients go elsewhere, connections may go on for a while.
    async fn drain(self, patience: Duration) -> Drained {
        self.proxy.stop_accepting().await;
        if let Some(node) = self.node {
            Box::pin(node.end()).await;
        }
        self.proxy.drain(patience).await
    }
}

/// Tells the probes when changes wait and when they are served (semantics Z1).
async fn report_progress(
    mut status: watch::Receiver<Status>,
    mut served: watch::Receiver<u64>,
    probes: &Probes,
) {
    loop {
        let Status { ready, oldest_unapplied, generation, .. } = *status.borrow_and_update();
        let up_to_date = oldest_unapplied.is_none() && *served.borrow_and_update() >= generation;
        // Families are applied together, so they report together.
        for family in Family::ALL.into_iter().filter(|_| ready) {
            match up_to_date {
                true => probes.health().updated(family, Moment::now()),
                false => probes.health().queued(family, Moment::now()),
            }
        }
        if ready && up_to_date {
            probes.health().set_ready();
        }
        let changed = tokio::select! {
            changed = status.changed() => changed,
            changed = served.changed() => changed,
        };
        if changed.is_err() {
            return;
        }
    }
}

/// The servers for probes and operators, and what keeps metrics in order.
struct Servers {
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Servers {
    fn start(
        options: &RunOptions,
        probes: &Probes,
        served: watch::Receiver<Snapshot>,
    ) -> anyhow::Result<Self> {
        let recorded = metrics::install()?;
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        if let Some(address) = options.health_address {
            tasks.spawn(probes.clone().serve(address, stop.clone()));
        }
        if let Some(address) = options.admin_address {
            let metrics = Metrics { recorded: recorded.clone(), served };
            tasks.spawn(admin::serve(address, metrics, stop.clone()));
        }
        tasks.spawn(metrics::upkeep(recorded, stop.clone()));
        tasks.close();
        Ok(Self { stop, tasks })
    }

    async fn stop(self) {
        self.stop.cancel();
        self.tasks.wait().await;
    }
}
