//! How can somebody see weir work? A Service with endpoints inside this process, served by the file source and data
//! plane of `weir run`.

use super::{
    backend::{self, Backend},
    client::DemoClient,
    cluster::Cluster,
};
use crate::{
    cli::DemoOptions,
    commands::signals::Signals,
    output::stdout::{self, Reader},
};
use anyhow::Context;
use std::{net::SocketAddr, process::ExitCode, time::Duration};
use tokio::{runtime::Builder, time::interval};
use weir_control::{FileSource, Scope, Source};
use weir_proxy::{Config, Proxy};

/// Time between two changes: an endpoint leaves, the endpoint returns, the next one leaves.
const CHANGE_INTERVAL: Duration = Duration::from_secs(4);

/// Time that connections may go on at the end.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(2);

/// Serves and reports until the time is up, somebody presses Ctrl-C, or standard output is closed.
pub(crate) fn demo(options: DemoOptions) -> anyhow::Result<ExitCode> {
    let runtime = Builder::new_current_thread().enable_all().build().context("cannot start a runtime")?;
    runtime.block_on(show(options))?;
    Ok(ExitCode::SUCCESS)
}

async fn show(options: DemoOptions) -> anyhow::Result<()> {
    let mut signals = Signals::new()?;
    let backends = backend::start(options.endpoints).await?;
    let addresses: Vec<SocketAddr> = backends.iter().map(Backend::address).collect();
    let mut cluster = Cluster::create(&addresses)?;
    let mut source = FileSource::new([cluster.manifests()]);
    source.poll_interval = Duration::from_millis(200);
    let control = weir_control::start(Source::File(source), Scope::default()).await?;
    let mut proxy = Proxy::start(Config::with_workers(options.workers()))?;
    let mut snapshots = control.snapshots.clone();
    proxy.apply(&snapshots.wait_for(|snapshot| snapshot.generation > 0).await?.clone()).await;
    stdout::print(&introduction(&cluster, &backends))?;

    let client = DemoClient::start(cluster.http(), options.rate);
    let time_is_up = async {
        match options.seconds {
            Some(seconds) => tokio::time::sleep(Duration::from_secs(seconds.into())).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = proxy.run(&mut snapshots, |_, _| ()) => anyhow::bail!("the control plane has ended"),
        result = report(&mut cluster, &backends, &client) => result?,
        _ = signals.end(async || ()) => {}
        () = time_is_up => {}
    }
    client.stop().await;
    proxy.drain(DRAIN_TIMEOUT).await;
    let served: u64 = backends.iter().map(Backend::connections).sum();
    stdout::print(&format!("\nThe endpoints served {served} connections; of the demo's own {client}.\n"))?;
    Ok(())
}

fn introduction(cluster: &Cluster, backends: &[Backend]) -> String {
    let (endpoints, http, udp) = (backends.len(), cluster.http(), cluster.udp());
    let (udp, udp_port) = (udp.ip(), udp.port());
    format!(
        "Service default/demo has {endpoints} endpoints. Try it from another terminal:

    curl http://{http}/
    echo hello | nc -u -w1 {udp} {udp_port}

Every few seconds one endpoint leaves and returns. Ctrl-C ends the demo.

"
    )
}

/// Prints a line for each endpoint once a second, and lets endpoints leave and return. Ends when standard output is closed.
async fn report(cluster: &mut Cluster, backends: &[Backend], client: &DemoClient) -> anyhow::Result<()> {
    let mut ticks = interval(Duration::from_secs(1));
    let mut before: Vec<u64> = vec![0; backends.len()];
    let mut next_change = tokio::time::Instant::now() + CHANGE_INTERVAL;
    ticks.tick().await;
    loop {
        ticks.tick().await;
        if tokio::time::Instant::now() >= next_change {
            cluster.next()?;
            next_change += CHANGE_INTERVAL;
        }
        let mut lines = String::new();
        for (index, backend) in backends.iter().enumerate() {
            let total = backend.connections();
            let state = if cluster.is_away(index) { "away" } else { "ready" };
            let (name, address) = (backend.name(), backend.address());
            let new = total - before[index];
            lines += &format!("{name:<8} {address:<21} {state:<5} {total:>7} connections (+{new})\n");
            before[index] = total;
        }
        if stdout::print(&format!("{lines}requests: {client}\n\n"))? == Reader::Gone {
            return Ok(());
        }
    }
}
