//! How does `weir run` start, and how does it end?

use super::{
    data_plane::DataPlane,
    end::{AfterTakeover, drain},
    frontends::FrontendPrinter,
    node_name,
    reload::Reload,
    servers::Servers,
};
use crate::{
    admin::{Knowledge, NodeFacts},
    cli::RunOptions,
    commands::{explain::RunningExplainer, signals::Signals},
    connection_log::{self, LogThread},
    health::Health,
    http::Probes,
    metrics::{self, Sources},
    node::{self, NodeCapture},
    output::logging::{self, LogFilter},
};
use anyhow::Context;
use std::{process::ExitCode, time::Duration};
use tokio::{runtime::Builder, sync::watch, task::JoinHandle, time::timeout};
use tracing::{info, warn};
use weir_control::{Control, Source};
use weir_core::Snapshot;
use weir_proxy::{Config, Proxy};

/// Serves Services until SIGTERM or SIGINT; then lets connections finish.
pub(crate) fn run(options: RunOptions) -> anyhow::Result<ExitCode> {
    let log_filter = logging::init(&options.log_level, options.log_format)?;
    // Control plane and HTTP share this one thread; they cannot delay a byte, which workers relay.
    let runtime = Builder::new_current_thread().enable_all().build().context("cannot start a runtime")?;
    let outcome = runtime.block_on(serve(options, log_filter));
    // Reading from standard input cannot be cancelled, and must not keep the process.
    runtime.shutdown_timeout(Duration::from_millis(100));
    outcome.map(|()| ExitCode::SUCCESS)
}

/// Time that writing the last state may delay the end.
const SAVE_TIMEOUT: Duration = Duration::from_secs(5);

async fn serve(options: RunOptions, log_filter: LogFilter) -> anyhow::Result<()> {
    let mut signals = Signals::new()?;
    warn_of_unknown_pods(&options);
    // First: what is registered without a recorder counts into nothing.
    let exporter = metrics::install()?;
    let capture = match &options.node {
        Some(node) => Some(node::start_capture(node).await?),
        None => None,
    };
    let probes = Probes::new(Health::new(options.node.is_some()));
    let (served, to_show) = watch::channel(Snapshot::default());
    let is_accompanied = capture.as_ref().is_some_and(|capture| !capture.has_lock());
    let (accompany, accompanied) = watch::channel(is_accompanied);
    let metrics = Sources::new(exporter.handle.clone(), to_show, options.series_limits.clone());
    let knowledge = know(&options, metrics, &probes, &log_filter);
    let servers = Servers::start(&options, &probes, &accompanied, (&knowledge, exporter))?;
    let (connection_log, log_thread) = connection_log::start(&options.connection_log)?.unzip();
    let mut proxy = Proxy::start(Config { connection_log, ..options.proxy_config() })?;
    knowledge.observe(&proxy);
    let node = capture.zip(options.node.as_ref()).map(|(capture, node)| {
        let node_ports = options.node_port_addresses.clone();
        NodeCapture::new(capture, node, node_ports, &mut proxy, &probes, accompany)
    });
    let Some(mut control) = start_control(&options, &knowledge, &mut signals).await? else { return Ok(()) };
    knowledge.steer_by(control.overrides(), proxy.killer());
    let mut data_plane = DataPlane {
        proxy,
        node,
        frontends: FrontendPrinter::new(options.map_loopback),
        served,
        knowledge: knowledge.clone(),
        host_addresses: options.scope.guard_rules.host.clone(),
        accompanied,
    };
    let after = AfterTakeover::new(options.node.as_ref());
    let mut reload = Reload::new(options, log_filter, control.credentials(), knowledge, log_thread);
    let taken_over = tokio::select! {
        reason = signals.end(async || reload.run().await) => {
            info!(
                "{reason}: draining; connections may go on for {:?}, a second signal ends them",
                reload.drain_timeout()
            );
            None
        }
        ended = data_plane.run(&mut control, &probes) => match ended {
            Some(taken_over) => Some(taken_over),
            None => anyhow::bail!("the control plane has ended"),
        },
    };
    probes.health().set_draining();
    // The last state is written while connections end.
    let saving = tokio::spawn(control.end());
    let longest = reload.drain_timeout();
    match taken_over {
        None => Box::pin(drain(data_plane, longest, &mut signals)).await,
        Some(by) => Box::pin(after.run(by, data_plane, &servers, longest, &mut signals)).await,
    }
    finish_writing(saving, reload.into_log_thread()).await;
    servers.stop().await;
    Ok(())
}

/// Begins to read objects, and to explain by them what clients get; `None` if weir was told to end meanwhile.
async fn start_control(
    options: &RunOptions,
    knowledge: &Knowledge,
    signals: &mut Signals,
) -> anyhow::Result<Option<Control>> {
    let control = tokio::select! {
        control = weir_control::start(options.source.clone(), options.scope.clone()) => control?,
        // Standard input or a credential plugin may keep the start waiting.
        reason = signals.end(async || info!("SIGHUP: ignored, weir is still starting")) => {
            info!("{reason}: ending before any Service is served");
            return Ok(None);
        }
    };
    if let (Some(_), Some(loaded)) = (&options.node, &control.first_load) {
        node_name::warn_if_unknown(&options.scope.node_name, &loaded.nodes);
    }
    let explainer = RunningExplainer::new(knowledge.node().clone(), control.objects.clone());
    knowledge.explain_by(Box::new(explainer));
    knowledge.follow(control.status.clone());
    knowledge.choose_from(control.objects.clone());
    Ok(Some(control))
}

/// What the admin side knows before the data plane starts.
fn know(options: &RunOptions, metrics: Sources, probes: &Probes, log_filter: &LogFilter) -> Knowledge {
    let node = NodeFacts {
        in_node_mode: options.node.is_some(),
        map_loopback: options.map_loopback,
        node_port_addresses: options.node_port_addresses.clone(),
        cluster: options.node.as_ref().map(|node| node.network.clone()),
        is_exclusive: options.node.as_ref().is_some_and(|node| node.exclusive),
        has_api_server: matches!(options.source, Source::Kube(_)),
    };
    let log = (log_filter.clone(), options.log_level.clone());
    Knowledge::new(metrics, probes, node, options.settings.clone(), log)
}

fn warn_of_unknown_pods(options: &RunOptions) {
    if options.node.as_ref().is_some_and(|node| node.network.lacks_cluster_cidr) {
        warn!(
            "pods are not recognised, since --cluster-cidr is not set: weir treats them as clients from outside the \
             cluster. Name the cluster's pod networks, or choose another --detect-local-mode"
        );
    }
}

/// Waits until the last state and the last lines of the connection log are written, but not for long.
async fn finish_writing(saving: JoinHandle<()>, log_thread: Option<LogThread>) {
    if timeout(SAVE_TIMEOUT, saving).await.is_err() {
        warn!(
            "ending without saving the last state: writing takes longer than {SAVE_TIMEOUT:?}; is --state-dir on a \
             network file system?"
        );
    }
    if let Some(log_thread) = log_thread {
        log_thread.finish().await;
    }
}
