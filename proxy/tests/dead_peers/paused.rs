//! Does a side that pauses reading get everything, and is it noticed if it vanishes meanwhile?

use super::*;
use crate::hosts::Hosts;
use tokio::sync::oneshot;
use weir_proxy::Config;

/// Bytes for a side that does not read: more than sockets and pipes hold.
const BYTES: usize = 30 << 20;

/// Changes a configuration.
type Way = fn(&mut Config);

/// How bytes get through the proxy: each has its own place for those that cannot be written yet.
const WAYS: [(&str, Way); 3] = [("spliced", |_| {}), ("copied", copy), ("never held", never_hold)];

/// Leaves a single connection no descriptor for a pipe.
fn copy(config: &mut Config) {
    config.descriptors = 5;
}

fn never_hold(config: &mut Config) {
    copy(config);
    config.relay_memory = 0;
}

/// Waits for three time-outs: longer than any peer that does not answer may live. The clock is the kernel's.
async fn pause() {
    tokio::time::sleep(3 * dead_peer_timeout()).await;
}

/// Runs a test for each way, all at once: they wait most of the time.
fn for_all_ways(test: impl Fn(&Hosts, &str, Way) + Sync) {
    let Some(hosts) = &hosts() else { return };
    std::thread::scope(|scope| {
        for (name, way) in WAYS {
            let test = &test;
            scope.spawn(move || test(hosts, name, way));
        }
    });
}

#[test]
fn a_client_that_pauses_for_longer_than_the_time_out_gets_everything() {
    for_all_ways(|hosts, name, way| {
        let endpoint = Endpoint::Server(NODE, Behaviour::Source { bytes: BYTES as u64 });
        hosts.run(endpoint, &hosts.far, way, |frontend| async move {
            let mut client = connect(frontend).await.unwrap();
            client.read_u8().await.unwrap();
            pause().await;
            let rest = within(tokio::io::copy(&mut client, &mut tokio::io::sink())).await;
            assert_eq!(rest.unwrap() as usize, BYTES - 1, "{name}");
        });
    });
}

#[test]
fn an_endpoint_that_pauses_for_longer_than_the_time_out_gets_everything() {
    for_all_ways(|hosts, name, way| {
        let ((read, may_read), (received, all)) = (oneshot::channel(), oneshot::channel());
        let endpoint = Endpoint::Pausing { read: may_read, received };
        hosts.run(endpoint, &hosts.node, way, |frontend| async move {
            let client = connect(frontend).await.unwrap();
            let (mut reading, mut writing) = client.into_split();
            let writer = tokio::spawn(async move {
                writing.write_all(&vec![7; BYTES]).await.unwrap();
                writing.shutdown().await.unwrap();
                writing
            });
            pause().await;
            read.send(()).unwrap();
            assert_eq!(within(all).await.unwrap(), BYTES, "{name}");
            assert_eq!(within(reading.read(&mut [0])).await.unwrap(), 0, "{name}");
            writer.await.unwrap();
        });
    });
}

#[test]
fn an_endpoint_that_pauses_and_then_vanishes_resets_its_clients() {
    let Some(hosts) = &hosts() else { return };
    let endpoint = Endpoint::Server(FAR, Behaviour::Silent);
    hosts.run(
        endpoint,
        &hosts.node,
        |_| {},
        |frontend| async move {
            let mut clients = Vec::new();
            for bytes_wait in ["in weir", "in the kernel"] {
                let mut client = connect(frontend).await.unwrap();
                match bytes_wait {
                    "in weir" => fill(&mut client).await,
                    // More than an unread socket's window, and less than what the kernel takes for it.
                    _ => client.write_all(&vec![7; 1 << 20]).await.unwrap(),
                }
                clients.push((bytes_wait, client));
            }
            pause().await;
            hosts.cut();
            let start = Instant::now();
            for (bytes_wait, mut client) in clients {
                assert_eq!(within(client.read_u8()).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
                report(&format!("a client whose bytes wait {bytes_wait}"), start);
            }
        },
    );
}

#[test]
fn a_client_that_pauses_and_then_vanishes_ends_its_connection_to_the_endpoint() {
    for_all_ways(|hosts, _, way| {
        // Cut for all ways at about the same time.
        let endpoint = Endpoint::Server(NODE, Behaviour::Source { bytes: BYTES as u64 });
        hosts.run(endpoint, &hosts.far, way, |frontend| async move {
            let mut client = connect(frontend).await.unwrap();
            client.read_u8().await.unwrap();
            pause().await;
            hosts.cut();
            // Its host is gone, so nothing of this arrives.
            drop(client);
        });
    });
}
