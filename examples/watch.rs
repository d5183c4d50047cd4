//! How does what a node serves change? `watch MANIFEST...` prints every change of the manifests until ctrl-c.
//!
//! ```sh
//! cargo run -p weir-examples --example watch examples/manifests
//! ```
//!
//! `+` is a Service port that came, `~` one that changed and `-` one that went:
//!
//! ```text
//! + default/web:http/TCP at 10.96.0.80:80: 3 endpoints
//! ~ default/web:http/TCP at 10.96.0.80:80: 2 endpoints
//! ```

use anyhow::ensure;
use std::{env, net::SocketAddr, path::PathBuf, sync::Arc};
use weir_control::{FileSource, Scope, Source};
use weir_core::{Changes, ResolvedService, ServicePort, Snapshot};

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let manifests: Vec<PathBuf> = env::args_os().skip(1).map(PathBuf::from).collect();
    ensure!(!manifests.is_empty(), "usage: watch MANIFEST...");

    let mut control = weir_control::start(Source::File(FileSource::new(manifests)), Scope::default()).await?;
    let mut shown = Snapshot::default();
    while control.snapshots.changed().await.is_ok() {
        let next = control.snapshots.borrow_and_update().clone();
        print(&shown, &Changes::between(&shown, &next));
        shown = next;
    }
    Ok(())
}

fn print(shown: &Snapshot, changes: &Changes) {
    for key in &changes.removed {
        ports(shown.get(key)).iter().for_each(|gone| line('-', gone));
    }
    for service in &changes.changed {
        let (before, after) = (ports(shown.get(&service.key)), ports(Some(service)));
        for port in after {
            match before.iter().find(|known| is_same(known, port)) {
                None => line('+', port),
                Some(known) if known != port => line('~', port),
                Some(_) => {}
            }
        }
        let gone = before.iter().filter(|known| !after.iter().any(|port| is_same(known, port)));
        gone.for_each(|gone| line('-', gone));
    }
}

fn ports(service: Option<&Arc<ResolvedService>>) -> &[Arc<ServicePort>] {
    service.map_or(&[], |service| &service.ports)
}

/// A port of a dual-stack Service is two: one in each family.
fn is_same(one: &ServicePort, other: &ServicePort) -> bool {
    (&one.key, one.family) == (&other.key, other.family)
}

fn line(sign: char, port: &ServicePort) {
    let address = SocketAddr::new(port.cluster_ip, port.port.get());
    println!("{sign} {} at {address}: {} endpoints", port.key, port.reachable().len());
}
