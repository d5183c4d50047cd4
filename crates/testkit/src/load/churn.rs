//! How does a cluster change all the time? Rollouts, scaling, elections, edits and namespaces that go and come back.

use std::collections::VecDeque;

use serde_json::Value;

use super::cluster_state::ClusterState;
use super::fleet::Fleet;
use super::operation::Operation;
use super::random::Random;
use super::write::Write;

/// Number of operations that run at the same time.
const AT_ONCE: usize = 32;

/// An endless sequence of writes to a cluster that began as a [`Fleet`].
#[derive(Clone, Debug)]
pub struct Churn {
    state: ClusterState,
    random: Random,
    running: Vec<Operation>,
    writes: VecDeque<Write>,
}

impl Churn {
    /// A sequence that follows from the seed. The fleet must have Services.
    pub fn new(fleet: Fleet, seed: u64) -> Self {
        Self {
            state: ClusterState::new(fleet),
            random: Random::new(seed),
            running: Vec::new(),
            writes: VecDeque::new(),
        }
    }

    /// The objects once all writes so far are made. Between two writes of one operation they may be ahead, and have the next
    /// writes in them already.
    pub fn objects(&self) -> impl Iterator<Item = Value> {
        (0..self.state.fleet().services).flat_map(|index| self.state.workload(index).objects())
    }

    /// The writes of the last operation that were not taken.
    pub fn remaining_writes(&mut self) -> impl Iterator<Item = Write> {
        self.writes.drain(..)
    }

    /// Starts an operation if few run, and takes the next step of some running one.
    fn advance(&mut self) {
        if self.running.len() < AT_ONCE {
            let service = self.random.below(self.state.fleet().services);
            self.running.push(Operation::choose(&mut self.random, &self.state, service));
        }
        let position = self.random.below(self.running.len() as u32) as usize;
        let mut operation = self.running.swap_remove(position);
        let writes = operation.advance(&mut self.state);
        self.writes.extend(writes);
        let over = self.writes.is_empty() || matches!(operation, Operation::Edit { .. });
        if !over {
            self.running.push(operation);
        }
    }
}

impl Iterator for Churn {
    type Item = Write;

    fn next(&mut self) -> Option<Write> {
        loop {
            if let Some(write) = self.writes.pop_front() {
                return Some(write);
            }
            self.advance();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Resource;
    use std::collections::{BTreeMap, BTreeSet};

    type Key = (String, String, String);

    fn key(object: &Value) -> Key {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        (text(&object["kind"]), text(&object["metadata"]["namespace"]), text(&object["metadata"]["name"]))
    }

    #[test]
    fn writes_lead_to_what_there_is() {
        let fleet = Fleet::new(200, 3);
        let mut churn = Churn::new(fleet, 7);
        let mut objects: BTreeMap<Key, Value> =
            fleet.objects().map(|object| (key(&object), object)).collect();
        let mut writes: Vec<Write> = churn.by_ref().take(20_000).collect();
        writes.extend(churn.remaining_writes());
        for write in writes {
            match write {
                Write::Apply(object) => drop(objects.insert(key(&object), object)),
                Write::Delete(resource, namespace, name) => {
                    let key = (resource.kind().to_owned(), namespace, name);
                    assert!(objects.remove(&key).is_some(), "{key:?}");
                }
            }
        }
        // Only the moment of the last change may differ: slices of one Service are numbered together.
        let plain = |mut object: Value| {
            object["metadata"] = Value::Null;
            object
        };
        let written: BTreeMap<Key, Value> =
            objects.into_iter().map(|(key, object)| (key, plain(object))).collect();
        let there = churn.objects().map(|object| (key(&object), plain(object))).collect();
        assert_eq!(written, there);
    }

    #[test]
    fn every_kind_of_change_happens() {
        let writes: Vec<Write> = Churn::new(Fleet::new(500, 3), 1).take(20_000).collect();
        let deleted = |kind| writes.iter().any(|write| matches!(write, Write::Delete(of, ..) if *of == kind));
        assert!(deleted(Resource::Services) && deleted(Resource::EndpointSlices));
        let conditions = writes.iter().filter_map(|write| match write {
            Write::Apply(object) => object["endpoints"].as_array(),
            Write::Delete(..) => None,
        });
        let conditions: BTreeSet<String> =
            conditions.flatten().map(|endpoint| endpoint["conditions"].to_string()).collect();
        assert_eq!(conditions.len(), 3, "{conditions:?}");
        let without = |write: &Write| matches!(write, Write::Apply(object) if object["kind"] == "EndpointSlice" && object["endpoints"].is_null());
        assert!(writes.iter().any(without));
    }

    #[test]
    fn the_same_seed_gives_the_same_writes() {
        let writes = |seed| Churn::new(Fleet::new(50, 2), seed).take(500).collect::<Vec<_>>();
        assert_eq!(writes(3), writes(3));
        assert_ne!(writes(3), writes(4));
    }
}
