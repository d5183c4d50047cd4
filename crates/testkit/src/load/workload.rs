//! What are the objects of one Service: itself, and the slices that hold its pods?

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use serde_json::{Value, json};

use super::fleet::Fleet;
use super::metadata;
use super::pod::{ENDPOINT_PORT, Phase, Pod};
use super::random::{mix, suffix};
use super::write::Write;
use crate::Resource;

/// The most endpoints of a slice: the EndpointSlice controller's default.
pub const SLICE_CAPACITY: usize = 100;

/// Ports that edits switch between.
const PORTS: [u16; 3] = [80, 8080, 443];

/// One Service and its pods, at some moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workload {
    fleet: Fleet,
    index: u32,
    /// The pods of each slice, which keeps its number for as long as it exists.
    slices: BTreeMap<u32, Vec<Pod>>,
    /// Number of times that the slices were written.
    pub(super) revision: u32,
    /// Number of times that the Service's specification was edited.
    pub(super) edits: u32,
    pub(super) exists: bool,
}

impl Fleet {
    /// One Service of the fleet, as it is at first.
    pub fn workload(&self, index: u32) -> Workload {
        let first = index * self.endpoints;
        Workload::new(*self, index, (first..first + self.endpoints).map(Pod::ready))
    }

    /// Every Service and its EndpointSlices, one after the other.
    pub fn objects(&self) -> impl Iterator<Item = Value> {
        let fleet = *self;
        (0..fleet.services).flat_map(move |index| fleet.workload(index).objects())
    }
}

impl Workload {
    pub(super) fn new(fleet: Fleet, index: u32, pods: impl Iterator<Item = Pod>) -> Self {
        let mut workload =
            Self { fleet, index, slices: BTreeMap::new(), revision: 0, edits: 0, exists: true };
        workload.set_pods(pods);
        workload
    }

    fn set_pods(&mut self, pods: impl Iterator<Item = Pod>) {
        self.slices = BTreeMap::from([(0, Vec::new())]);
        for pod in pods {
            self.add(pod);
        }
    }

    /// Replaces all pods, and returns what the EndpointSlice controller writes then.
    pub fn replace_pods(&mut self, pods: impl IntoIterator<Item = Pod>) -> Vec<Write> {
        self.set_pods(pods.into_iter());
        self.write_slices()
    }

    /// Pods of the Service.
    pub fn pods(&self) -> impl Iterator<Item = Pod> {
        self.slices.values().flatten().copied()
    }

    /// Namespace and name of the Service.
    pub fn key(&self) -> (String, String) {
        (self.fleet.namespace(self.index), format!("service-{:05}", self.index))
    }

    /// Cluster IP of the Service.
    pub fn cluster_ip(&self) -> Ipv4Addr {
        self.fleet.cluster_ip(self.index)
    }

    /// Puts a pod into the first slice with room; returns the slice's number.
    pub(super) fn add(&mut self, pod: Pod) -> u32 {
        let room = self.slices.iter_mut().find(|(_, pods)| pods.len() < SLICE_CAPACITY);
        if let Some((number, pods)) = room {
            pods.push(pod);
            return *number;
        }
        let number = self.slices.keys().next_back().map_or(0, |last| last + 1);
        self.slices.insert(number, vec![pod]);
        number
    }

    /// Moves a pod on in its life; returns the number of its slice.
    pub(super) fn set_phase(&mut self, number: u32, phase: Phase) -> Option<u32> {
        self.slices.iter_mut().find_map(|(slice, pods)| {
            pods.iter_mut().find(|pod| pod.number == number)?.phase = phase;
            Some(*slice)
        })
    }

    /// Takes a pod out; returns the number of its slice.
    pub(super) fn remove(&mut self, number: u32) -> Option<u32> {
        self.slices.iter_mut().find_map(|(slice, pods)| {
            let position = pods.iter().position(|pod| pod.number == number)?;
            pods.remove(position);
            Some(*slice)
        })
    }

    /// The Service and all its slices; nothing after a deletion.
    pub fn objects(&self) -> Vec<Value> {
        if !self.exists {
            return Vec::new();
        }
        let slices =
            self.slices.keys().flat_map(|&number| self.families().map(move |second| (number, second)));
        let slices = slices.map(|(number, second)| self.slice(number, second));
        std::iter::once(self.service()).chain(slices).collect()
    }

    /// Writes of one slice, in each family. A slice without pods is deleted, unless it is the last.
    pub(super) fn write_slice(&mut self, number: u32) -> Vec<Write> {
        self.revision += 1;
        let gone = self.slices.len() > 1 && self.slices.get(&number).is_some_and(Vec::is_empty);
        let write = |second| match gone {
            true => Write::Delete(Resource::EndpointSlices, self.key().0, self.slice_name(number, second)),
            false => Write::Apply(self.slice(number, second)),
        };
        let writes = self.families().map(write).collect();
        if gone {
            self.slices.remove(&number);
        }
        writes
    }

    /// Writes of all slices.
    pub(super) fn write_slices(&mut self) -> Vec<Write> {
        let numbers: Vec<u32> = self.slices.keys().copied().collect();
        numbers.into_iter().flat_map(|number| self.write_slice(number)).collect()
    }

    /// Deletions of the Service and all its slices.
    pub(super) fn delete(&mut self) -> Vec<Write> {
        self.exists = false;
        let (namespace, name) = self.key();
        let slices =
            self.slices.keys().flat_map(|&number| self.families().map(move |second| (number, second)));
        let names = slices.map(|(number, second)| self.slice_name(number, second));
        let slices = names.map(|name| Write::Delete(Resource::EndpointSlices, namespace.clone(), name));
        std::iter::once(Write::Delete(Resource::Services, namespace.clone(), name)).chain(slices).collect()
    }

    /// For each family of the Service, whether it is the second one.
    fn families(&self) -> impl Iterator<Item = bool> + use<> {
        let dual = self.fleet.second_cluster_ip(self.index).is_some();
        [false, true].into_iter().take(if dual { 2 } else { 1 })
    }

    /// The Service as JSON.
    pub fn service(&self) -> Value {
        let (namespace, name) = self.key();
        let (protocol, node_port) = (self.fleet.protocol(self.index), self.fleet.node_port(self.index));
        let (v4, v6) = (self.cluster_ip(), self.fleet.second_cluster_ip(self.index));
        let port = PORTS[self.edits as usize % PORTS.len()];
        let mut spec = json!({
            "clusterIP": v4,
            "clusterIPs": [v4],
            "internalTrafficPolicy": "Cluster",
            "ipFamilies": ["IPv4"],
            "ipFamilyPolicy": "SingleStack",
            "ports": [{ "name": "http", "port": port, "protocol": protocol, "targetPort": "http" }],
            "selector": { "app.kubernetes.io/instance": name, "app.kubernetes.io/name": name },
            // Two edits change the port and one of two this: six forms.
            "sessionAffinity": if self.edits.is_multiple_of(2) { "None" } else { "ClientIP" },
            "type": "ClusterIP",
        });
        if let Some(v6) = v6 {
            spec["clusterIPs"] = json!([v4, v6]);
            spec["ipFamilies"] = json!(["IPv4", "IPv6"]);
            spec["ipFamilyPolicy"] = "PreferDualStack".into();
        }
        if spec["sessionAffinity"] == "ClientIP" {
            spec["sessionAffinityConfig"] = json!({ "clientIP": { "timeoutSeconds": 10800 } });
        }
        if let Some(node_port) = node_port {
            spec["type"] = "NodePort".into();
            spec["externalTrafficPolicy"] = "Cluster".into();
            spec["ports"][0]["nodePort"] = node_port.into();
        }
        json!({
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": metadata::of_service(&namespace, &name, u64::from(self.index)),
            "spec": spec,
            "status": { "loadBalancer": {} },
        })
    }

    fn slice(&self, number: u32, second: bool) -> Value {
        let (namespace, name) = self.key();
        let pods = self.slices.get(&number).map_or(&[][..], Vec::as_slice);
        let endpoints = pods.iter().map(|pod| pod.endpoint(&namespace, &name, second));
        // As the controller has it for a Service without pods.
        let empty = pods.is_empty();
        let ports =
            json!([{ "name": "http", "port": ENDPOINT_PORT, "protocol": self.fleet.protocol(self.index) }]);
        let slice_name = self.slice_name(number, second);
        let identity = u64::from(self.index);
        json!({
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": metadata::of_slice(&namespace, &name, &slice_name, identity, self.revision),
            "addressType": if second { "IPv6" } else { "IPv4" },
            "endpoints": if empty { Value::Null } else { endpoints.collect() },
            "ports": if empty { Value::Null } else { ports },
        })
    }

    fn slice_name(&self, number: u32, second: bool) -> String {
        let identity = mix(self.index.into()) ^ u64::from(number) << 1 ^ u64::from(second);
        format!("{}-{}", self.key().1, suffix(identity))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_is_as_large_as_those_of_a_real_cluster() {
        let length = Fleet::new(1, 1).workload(0).service().to_string().len();
        assert!((1400..2000).contains(&length), "{length} bytes");
    }

    #[test]
    fn no_slice_holds_more_than_the_controller_puts_into_one() {
        let objects = Fleet::new(1, 250).workload(0).objects();
        let sizes: Vec<usize> =
            objects.iter().filter_map(|object| Some(object["endpoints"].as_array()?.len())).collect();
        assert_eq!(sizes, [100, 100, 50]);
        let names: Vec<&Value> = objects.iter().map(|object| &object["metadata"]["name"]).collect();
        assert!(names[1] != names[2] && names[2] != names[3], "{names:?}");
    }

    #[test]
    fn a_slice_that_becomes_empty_goes_but_the_last_one_stays() {
        let mut workload = Fleet::new(1, 101).workload(0);
        let slice = workload.remove(100).unwrap();
        assert!(matches!(&workload.write_slice(slice)[..], [Write::Delete(..)]));
        workload.set_pods(std::iter::empty());
        assert!(
            matches!(&workload.write_slices()[..], [Write::Apply(slice)] if slice["endpoints"].is_null())
        );
    }
}
