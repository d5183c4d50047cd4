//! Which addresses do the cluster's Nodes have? Asked only while an endpoint may be one of them.
//!
//! A watch of all Nodes would bring every status update of every Node to every node. Hardly any cluster has an endpoint that
//! may be a Node, and for those a list now and then is enough: what it comes too late for ends with its hops.

use super::{
    api_object::ApiObject,
    backoff::Retries,
    client::{ApiClient, SharedClient},
    explain::{Failure, explain},
    target::Target,
};
use crate::{
    Event, Kind, Object, Scope,
    driver::{Input, Inputs, NodesWanted},
};
use kube::{Api, Resource, runtime::watcher};
use std::{net::IpAddr, sync::Arc, time::Duration};
use tokio::{
    sync::watch,
    time::{Instant, sleep},
};
use weir_core::Backoff;

/// Time until Nodes are listed again, at least.
const MIN_INTERVAL: Duration = Duration::from_secs(600);

/// Time that each Node of the cluster adds to the waits: all nodes together list Nodes about once a second.
const TIME_PER_NODE: Duration = Duration::from_secs(1);

/// Nodes that are listed at most, three times as many as Kubernetes is built for.
const MAX_NODES: usize = 15_000;

/// Lists Nodes while `wanted` says how many there may be, and sends their addresses; never ends but with the control plane.
pub(super) async fn list_wanted(
    client: Arc<SharedClient>,
    scope: Scope,
    inputs: Inputs,
    mut wanted: watch::Receiver<NodesWanted>,
) {
    let mut retries = Retries::default();
    while let Ok(nodes) = wanted.wait_for(Option::is_some).await.map(|nodes| nodes.unwrap_or_default()) {
        sleep(first_wait(nodes, rand::random())).await;
        let current = client.current().await;
        let (answer, wait) = match list(&client, &current, &scope).await {
            Ok(nodes) => {
                let wait = next_wait(nodes.len(), rand::random());
                (Ok(nodes.into_iter().flatten().collect()), wait)
            }
            Err(failure) => {
                let (backoff, retry_after) = (failure.backoff(), failure.retry_after);
                let wait = retries.next_wait(backoff, retry_after, Instant::now(), rand::random());
                (Err(failure.message), wait)
            }
        };
        if inputs.send(Input::Nodes(answer)).await.is_err() {
            return;
        }
        sleep(wait).await;
    }
}

/// InternalIPs of each Node.
async fn list(shared: &SharedClient, client: &ApiClient, scope: &Scope) -> Result<Vec<Vec<IpAddr>>, Failure> {
    let target = Target::all_nodes();
    let api: Api<ApiObject> = Api::all_with(client.client.clone(), &Kind::Node);
    let mut nodes = Vec::new();
    let mut page = target.page();
    loop {
        let listed = api.list(&page).await.map_err(|error| {
            let answer = shared.history().answer(&ApiObject::url_path(&Kind::Node, None));
            explain(&watcher::Error::InitialListFailed(error), &target, &client.server, &answer)
        })?;
        nodes.extend(listed.items.into_iter().filter_map(|node| internal_ips(node, scope)));
        match listed.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) if nodes.len() < MAX_NODES => page = page.continue_token(&token),
            _ => return Ok(nodes),
        }
    }
}

fn internal_ips(node: ApiObject, scope: &Scope) -> Option<Vec<IpAddr>> {
    match node.translate(Kind::Node, scope).event {
        Event::Put(_, Object::Node(node)) => Some(node.internal_ips),
        _ => None,
    }
}

/// Wait before Nodes are listed for the first time, of which there are about this many: a Service that wants it comes to
/// all nodes at once. `entropy` is uniform over all its values.
fn first_wait(nodes: usize, entropy: u32) -> Duration {
    of_all(nodes).mul_f64(f64::from(entropy) / f64::from(u32::MAX))
}

/// Wait before Nodes are listed again.
fn next_wait(nodes: usize, entropy: u32) -> Duration {
    let interval = of_all(nodes).max(MIN_INTERVAL);
    interval + Backoff::new(interval, interval).wait_with_jitter(0, entropy) / 2
}

fn of_all(nodes: usize) -> Duration {
    TIME_PER_NODE * u32::try_from(nodes.min(MAX_NODES)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_nodes_together_list_nodes_about_once_a_second() {
        let second = Duration::from_secs(1);
        assert_eq!([0, u32::MAX].map(|entropy| first_wait(5000, entropy)), [Duration::ZERO, 5000 * second]);
        assert_eq!(first_wait(0, u32::MAX), Duration::ZERO);
        for entropy in [0, u32::MAX / 2, u32::MAX] {
            assert!((600 * second..=900 * second).contains(&next_wait(3, entropy)));
            assert!((5000 * second..=7500 * second).contains(&next_wait(5000, entropy)));
        }
    }
}
