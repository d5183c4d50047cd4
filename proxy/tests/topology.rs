//! Do clients stay near for as long as the Service wants it?
#![allow(clippy::unwrap_used, reason = "clippy excuses test functions only, not their helpers")]

mod common;

use common::{addresses, connect, greeters, service, serving, within};
use tokio::io::AsyncReadExt;
use weir_core::Protocol;

/// Opens `count` connections to two endpoints of this node and two of another; returns how many each got.
async fn spread(spill: Option<&str>, count: usize) -> Vec<u64> {
    let servers = greeters(&["near", "near", "far", "far"]).await;
    let mut web = service("web", Protocol::Tcp, "127.0.0.9").with(&addresses(&servers));
    web.endpoints[2..].iter_mut().for_each(|(_, _, node)| *node = "node-b");
    web.settings().topology_spill = spill.map(|spill| spill.parse().unwrap());
    let _proxy = serving(&[&web]).await;
    let mut open = Vec::new();
    for _ in 0..count {
        let mut client = connect(web.address()).await.unwrap();
        within(client.read_u8()).await.unwrap();
        open.push(client);
    }
    servers.iter().map(weir_testkit::TcpServer::accepted).collect()
}

#[tokio::test]
async fn few_clients_stay_near() {
    assert_eq!(spread(Some("1.5"), 2).await, [1, 1, 0, 0]);
}

#[tokio::test]
async fn of_many_clients_those_near_get_as_much_above_the_mean_as_the_service_allows() {
    let counts = spread(Some("1.5"), 80).await;
    // The mean is 20: thirty for each of the two, and one more before it counts.
    assert!(counts[..2].iter().all(|near| (29..=32).contains(near)), "{counts:?}");
    assert!(counts[2..].iter().all(|far| (1..20).contains(far)), "{counts:?}");
}

#[tokio::test]
async fn without_the_setting_near_endpoints_get_no_more_than_others() {
    let counts = spread(None, 80).await;
    // Two random choices are nearly even.
    assert!(counts.iter().all(|count| count.abs_diff(20) <= 4), "{counts:?}");
}
