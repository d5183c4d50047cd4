//! How can somebody see weir work? A Service with endpoints inside this process, served by the real file source and
//! data plane.

mod backend;
mod cluster;
mod visitor;

use crate::cli::DemoOptions;
use anyhow::Context;
use backend::Backend;
use cluster::Cluster;
use std::{net::SocketAddr, process::ExitCode, time::Duration};
use tokio::{runtime::Builder, time::interval};
use visitor::Visitor;
use weir_control::{FileSource, Scope, Source};
use weir_proxy::{Config, Proxy};

/// An endpoint leaves this long after the last one returned, and stays away for this long.
const AWAY: Duration = Duration::from_secs(4);

/// How long connections may go on at the end.
const DRAIN: Duration = Duration::from_secs(2);

/// Shows a Service until the time is up or somebody presses Ctrl-C.
pub(crate) fn demo(options: DemoOptions) -> anyhow::Result<ExitCode> {
    let runtime = Builder::new_current_thread().enable_all().build().context("cannot start a runtime")?;
    runtime.block_on(show(options))?;
    Ok(ExitCode::SUCCESS)
}

async fn show(options: DemoOptions) -> anyhow::Result<()> {
    let backends = backend::start(options.endpoints).await?;
    let addresses: Vec<SocketAddr> = backends.iter().map(Backend::address).collect();
    let mut cluster = Cluster::create(&addresses)?;
    let mut source = FileSource::new([cluster.manifests()]);
    source.poll_interval = Duration::from_millis(200);
    let control = weir_control::start(Source::File(source), Scope::default()).await?;
    let mut proxy = Proxy::start(Config { workers: options.workers(), ..Config::default() })?;
    let mut snapshots = control.snapshots.clone();
    proxy.apply(&snapshots.wait_for(|snapshot| snapshot.generation > 0).await?.clone()).await;
    introduce(&cluster, &backends);

    let mut visitor = Visitor::start(cluster.http(), options.rate);
    let time_is_up = async {
        match options.seconds {
            Some(seconds) => tokio::time::sleep(Duration::from_secs(seconds.into())).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = proxy.run(&mut snapshots, |_, _| ()) => anyhow::bail!("the control plane has ended"),
        result = report(&mut cluster, &backends, &visitor) => return result,
        _ = tokio::signal::ctrl_c() => {}
        () = time_is_up => {}
    }
    visitor.stop();
    proxy.drain(DRAIN).await;
    let served: u64 = backends.iter().map(Backend::connections).sum();
    println!("\nThe endpoints served {served} connections; of the demo's own {visitor}.");
    Ok(())
}

fn introduce(cluster: &Cluster, backends: &[Backend]) {
    let (http, udp) = (cluster.http(), cluster.udp());
    println!("Service default/demo has {} endpoints. Try it from another terminal:\n", backends.len());
    println!("    curl http://{http}/");
    println!("    echo hello | nc -u -w1 {} {}\n", udp.ip(), udp.port());
    println!("Every few seconds one endpoint leaves and returns. Ctrl-C ends the demo.\n");
}

/// Prints a line for each endpoint once a second, and has endpoints leave and return.
async fn report(cluster: &mut Cluster, backends: &[Backend], visitor: &Visitor) -> anyhow::Result<()> {
    let mut ticks = interval(Duration::from_secs(1));
    let mut before: Vec<u64> = vec![0; backends.len()];
    let mut turn = tokio::time::Instant::now() + AWAY;
    ticks.tick().await;
    loop {
        ticks.tick().await;
        if tokio::time::Instant::now() >= turn {
            cluster.next()?;
            turn += AWAY;
        }
        for (index, backend) in backends.iter().enumerate() {
            let total = backend.connections();
            let state = if cluster.is_away(index) { "away" } else { "ready" };
            let (name, address) = (backend.name(), backend.address());
            println!(
                "{name:<8} {address:<21} {state:<5} {total:>7} connections (+{})",
                total - before[index]
            );
            before[index] = total;
        }
        println!("requests: {visitor}\n");
    }
}
