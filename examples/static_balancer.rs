//! How small is a TCP balancer made of weir's parts? `static_balancer LISTEN ENDPOINT...` serves until ctrl-c.
//!
//! ```sh
//! cargo run -p weir-examples --example static_balancer 127.0.0.1:8080 10.0.0.1:80 10.0.0.2:80
//! ```

use anyhow::{Context, bail};
use std::{env, net::SocketAddr, sync::Arc, time::Duration};
use tokio::signal::unix::{SignalKind, signal};
use weir_core::{Node, Policy, PortSpec, Protocol, Service, ServiceKey, Settings, Snapshot, resolve_static};
use weir_proxy::{Config, FrontendState, Proxy};

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let parse = |text: String| text.parse().with_context(|| format!("{text:?} is not ADDRESS:PORT"));
    let addresses = env::args().skip(1).map(parse).collect::<Result<Vec<SocketAddr>, _>>()?;
    let [listen, endpoints @ ..] = &addresses[..] else { bail!("usage: static_balancer LISTEN ENDPOINT...") };

    let port = listen.port().try_into().context("the port to listen on is 1 to 65535")?;
    let port = PortSpec { name: "".into(), protocol: Protocol::Tcp, port, node_port: None };
    let mut service = Service::new(ServiceKey::new("default", "static"), listen.ip(), vec![port]);
    service.settings = Arc::new(Settings { balance: Policy::RoundRobin, ..Settings::default() });

    let mut snapshot = Snapshot::of(Node::default());
    snapshot.insert(Arc::new(resolve_static(&service, endpoints)));

    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut proxy = Proxy::start(Config::default())?;
    for row in proxy.apply(&snapshot).await.rows {
        if let FrontendState::Failed(reason) = &row.state {
            bail!("cannot listen on {}: {reason}", row.listen);
        }
        println!("{}: {}", row.listen, row.state);
    }
    interrupt.recv().await;
    proxy.drain(Duration::from_secs(10)).await;
    Ok(())
}
