//! Which node writes an Event, and after which time?
//!
//! Every node computes the order of all nodes for a Service by rendezvous hashing. The first writes at once. The next few write
//! later, each in twice the time, if the cause is still there: the first may run no weir, or be away. An API server takes an
//! Event of one name once, so that whoever comes too late writes nothing.

use super::reason::{EventReason, EventWriter};
use crate::model::{ServiceKey, stable_hasher};
use std::{collections::BTreeSet, hash::Hasher, sync::Arc, time::Duration};

/// Purpose of hashes that order nodes.
const ORDER_KEY: u64 = 0x6f72_6465;

/// Nodes that may write an Event which one node is to write, in turn: all within the hour for which an API server keeps Events.
const MAX_TURNS: u32 = 8;

/// Time until the second node's turn; twice as long to each next one.
const TURN: Duration = Duration::from_secs(15);

/// Time that each node of the cluster adds to the time over which nodes spread what each of them may write.
const TIME_PER_NODE: Duration = Duration::from_secs(1);

/// Time for which a frontend must stay closed: at a restart the earlier process still has its sockets.
const HOLD: Duration = Duration::from_secs(10);

/// Nodes that may write Events, of which one is this process's.
#[derive(Clone, Debug, Default)]
pub struct EventWriters {
    node: Arc<str>,
    nodes: BTreeSet<Arc<str>>,
}

impl EventWriters {
    /// Creates the writers: `node` is this process's, empty where it runs on none; `nodes` are those that are ready.
    pub fn new(node: Arc<str>, nodes: BTreeSet<Arc<str>>) -> Self {
        Self { node, nodes }
    }

    /// Name of this process's node.
    pub(super) fn node(&self) -> &str {
        &self.node
    }

    /// Time after which this process writes an Event; `None` if others do.
    pub(super) fn wait(&self, service: &ServiceKey, reason: EventReason) -> Option<Duration> {
        match reason.writer() {
            EventWriter::OneNode => self.turn(service),
            EventWriter::AnyNode | EventWriter::EachNode => {
                let hold = if reason == EventReason::FrontendNotBound { HOLD } else { Duration::ZERO };
                let share = self.score(service, &self.node) as f64 / u64::MAX as f64;
                let among_others = self.nodes.len() > usize::from(self.nodes.contains(&self.node));
                Some(hold + if among_others { self.spread().mul_f64(share) } else { Duration::ZERO })
            }
        }
    }

    /// Whether this process says again what lasts: one does of all that say the same.
    pub(super) fn says_again(&self, service: &ServiceKey, reason: EventReason) -> bool {
        reason.writer() == EventWriter::EachNode || self.turn(service) == Some(Duration::ZERO)
    }

    /// Time in which all nodes could write an Event each, one after another.
    pub(super) fn spread(&self) -> Duration {
        TIME_PER_NODE * u32::try_from(self.nodes.len()).unwrap_or(u32::MAX)
    }

    fn turn(&self, service: &ServiceKey) -> Option<Duration> {
        let own = (self.score(service, &self.node), &self.node);
        let before = self.nodes.iter().filter(|node| (self.score(service, node), *node) > own).count();
        // A node without a pod of a Service is none that others know of, but weir runs here.
        let turn = match u32::try_from(before).unwrap_or(u32::MAX) {
            turn if self.nodes.contains(&self.node) => turn,
            turn => turn.min(1),
        };
        (turn < MAX_TURNS).then(|| TURN * (2_u32.saturating_pow(turn) - 1))
    }

    fn score(&self, service: &ServiceKey, node: &str) -> u64 {
        let mut hasher = stable_hasher(ORDER_KEY);
        for text in [&*service.namespace, &*service.name, node] {
            hasher.write(text.as_bytes());
            hasher.write(b"\0");
        }
        hasher.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn names(count: usize) -> BTreeSet<Arc<str>> {
        (0..count).map(|number| format!("worker-{number}").into()).collect()
    }

    fn waits(count: usize, service: &ServiceKey, reason: EventReason) -> Vec<Option<Duration>> {
        let wait = |node: &Arc<str>| EventWriters::new(Arc::clone(node), names(count)).wait(service, reason);
        names(count).iter().map(wait).collect()
    }

    #[test]
    fn of_many_nodes_one_writes_at_once_and_a_few_others_later_one_after_another() {
        let mut waits = waits(500, &ServiceKey::new("shop", "web"), EventReason::AnnotationIgnored);
        waits.sort_unstable();
        let seconds: Vec<u64> = waits.iter().flatten().map(Duration::as_secs).collect();
        assert_eq!(seconds, [0, 15, 45, 105, 225, 465, 945, 1905]);
    }

    #[test]
    fn services_are_shared_among_nodes() {
        let mut first: BTreeMap<usize, usize> = BTreeMap::new();
        for number in 0..300 {
            let service = ServiceKey::new("shop", format!("web-{number}"));
            let waits = waits(3, &service, EventReason::AnnotationIgnored);
            *first
                .entry(waits.iter().position(|wait| *wait == Some(Duration::ZERO)).unwrap())
                .or_default() += 1;
        }
        assert!(
            first.len() == 3 && first.values().all(|&services| (70..=130).contains(&services)),
            "{first:?}"
        );
    }

    #[test]
    fn a_node_that_goes_leaves_its_services_to_the_next_and_changes_no_other() {
        for number in 0..100 {
            let service = ServiceKey::new("shop", format!("web-{number}"));
            let first = |nodes: &BTreeSet<Arc<str>>| {
                let is_first = |node: &&Arc<str>| {
                    let writers = EventWriters::new(Arc::clone(node), nodes.clone());
                    writers.turn(&service) == Some(Duration::ZERO)
                };
                nodes.iter().find(is_first).cloned().unwrap()
            };
            let all = names(5);
            let mut fewer = all.clone();
            fewer.remove("worker-2");
            assert!(first(&all) == first(&fewer) || &*first(&all) == "worker-2");
        }
    }

    #[test]
    fn a_weir_that_is_alone_or_on_no_known_node_writes_itself() {
        let (service, reason) = (ServiceKey::new("shop", "web"), EventReason::ProtocolNotServed);
        let wait = |node: &str, count| EventWriters::new(node.into(), names(count)).wait(&service, reason);
        assert_eq!(wait("", 0), Some(Duration::ZERO));
        assert_eq!(wait("worker-0", 1), Some(Duration::ZERO));
        assert!(wait("edge", 500) <= Some(TURN) && wait("edge", 500).is_some());
    }

    #[test]
    fn what_each_node_writes_is_spread_over_a_second_for_each() {
        let waits = waits(100, &ServiceKey::new("shop", "web"), EventReason::FrontendNotBound);
        let mut seconds: Vec<u64> = waits.into_iter().map(|wait| wait.unwrap().as_secs()).collect();
        seconds.sort_unstable();
        assert!(seconds[0] >= 10 && seconds[99] <= 110 && seconds[50].abs_diff(60) < 15, "{seconds:?}");
        let alone = EventWriters::new("worker-0".into(), names(1));
        let service = ServiceKey::new("shop", "web");
        assert_eq!(alone.wait(&service, EventReason::FrontendNotBound), Some(HOLD));
        assert_eq!(alone.wait(&service, EventReason::EndpointsFailing), Some(Duration::ZERO));
    }
}
