//! How does a test write Services and their endpoints?

use serde_json::{Value, json};
use std::net::IpAddr;
use weir_testkit::{
    ApiServer, Resource,
    cluster::{Cluster, POD_PORT},
};

/// The addresses of Service number `n`: 172.30.0.n and fd00:172:30::n.
pub(crate) fn cluster_ips(number: u8) -> [IpAddr; 2] {
    let v6 = [0xfd00, 0x172, 0x30, 0, 0, 0, 0, number.into()];
    [[172, 30, 0, number].into(), v6.into()]
}

/// A Service of both families.
#[derive(Clone)]
pub(crate) struct Service(Value);

impl Service {
    /// Without ports, with the cluster IPs of this number.
    pub(crate) fn new(name: &str, number: u8) -> Self {
        let ips = cluster_ips(number);
        Self(json!({
            "apiVersion": "v1", "kind": "Service", "metadata": { "name": name, "labels": {} },
            "spec": {
                "type": "ClusterIP", "clusterIP": ips[0], "clusterIPs": ips, "ipFamilies": ["IPv4", "IPv6"],
                "ipFamilyPolicy": "PreferDualStack", "ports": [], "internalTrafficPolicy": "Cluster",
                "sessionAffinity": "None",
            },
            "status": { "loadBalancer": {} },
        }))
    }

    /// With TCP and UDP on port 80.
    pub(crate) fn web(name: &str, number: u8) -> Self {
        Self::new(name, number).port("TCP", 80).port("UDP", 80)
    }

    pub(crate) fn port(mut self, protocol: &str, port: u16) -> Self {
        let name = format!("{}-{port}", protocol.to_lowercase());
        let added = json!({ "name": name, "protocol": protocol, "port": port, "targetPort": POD_PORT });
        self.0["spec"]["ports"].as_array_mut().unwrap().push(added);
        self
    }

    /// Gives every port the same node port and makes this a Service of that type.
    pub(crate) fn node_port(mut self, port: u16) -> Self {
        for each in self.0["spec"]["ports"].as_array_mut().unwrap() {
            each["nodePort"] = port.into();
        }
        self.set("type", json!("NodePort")).set("externalTrafficPolicy", json!("Cluster"))
    }

    /// Makes it a load balancer's, reached at these addresses.
    pub(crate) fn vips(mut self, ips: &[&str]) -> Self {
        let ingress: Vec<Value> = ips.iter().map(|ip| json!({ "ip": ip, "ipMode": "VIP" })).collect();
        self.0["status"]["loadBalancer"] = json!({ "ingress": ingress });
        self.set("type", json!("LoadBalancer"))
    }

    /// Sets when it was created.
    pub(crate) fn created(mut self, time: &str) -> Self {
        self.0["metadata"]["creationTimestamp"] = time.into();
        self
    }

    /// Sets an annotation.
    pub(crate) fn annotate(mut self, key: &str, value: &str) -> Self {
        self.0["metadata"]["annotations"][key] = value.into();
        self
    }

    /// Sets a field of its spec.
    pub(crate) fn set(mut self, field: &str, value: Value) -> Self {
        self.0["spec"][field] = value;
        self
    }

    pub(crate) fn label(mut self, key: &str, value: &str) -> Self {
        self.0["metadata"]["labels"][key] = value.into();
        self
    }

    pub(crate) fn name(&self) -> &str {
        self.0["metadata"]["name"].as_str().unwrap()
    }

    /// Creates or replaces it.
    pub(crate) fn apply(&self, api: &ApiServer) {
        api.apply(self.0.clone()).unwrap();
    }

    /// Deletes it and its endpoints.
    pub(crate) fn delete(&self, api: &ApiServer) {
        let name = self.name();
        assert!(api.delete(Resource::Services, "default", name), "{name} is not there");
        for family in ["ipv4", "ipv6"] {
            api.delete(Resource::EndpointSlices, "default", &format!("{name}-{family}"));
        }
    }

    /// Makes these its endpoints, in one slice of each family.
    pub(crate) fn endpoints(&self, api: &ApiServer, endpoints: &[Endpoint]) {
        self.slices(api, "", POD_PORT, endpoints);
    }

    /// The same, where its port is this one; further slices have names of their own.
    pub(crate) fn slices(&self, api: &ApiServer, suffix: &str, port: u16, endpoints: &[Endpoint]) {
        self.annotated_slices(api, suffix, port, &json!({}), endpoints);
    }

    /// Makes these endpoints in slices of this weight, which have names of their own.
    pub(crate) fn weighed(&self, api: &ApiServer, suffix: &str, weight: u16, endpoints: &[Endpoint]) {
        let annotations = json!({ "weir.dev/weight": weight.to_string() });
        self.annotated_slices(api, suffix, POD_PORT, &annotations, endpoints);
    }

    fn annotated_slices(
        &self,
        api: &ApiServer,
        suffix: &str,
        port: u16,
        annotations: &Value,
        endpoints: &[Endpoint],
    ) {
        let ports = self.0["spec"]["ports"].as_array().unwrap().iter();
        let ports =
            ports.map(|named| json!({ "name": named["name"], "protocol": named["protocol"], "port": port }));
        let ports: Vec<Value> = ports.collect();
        for (family, index) in [("IPv4", 0), ("IPv6", 1)] {
            let endpoints: Vec<Value> = endpoints.iter().map(|endpoint| endpoint.json(index)).collect();
            let slice = json!({
                "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
                "metadata": {
                    "name": format!("{}-{}{suffix}", self.name(), family.to_lowercase()),
                    "labels": { "kubernetes.io/service-name": self.name() },
                    "annotations": annotations,
                },
                "addressType": family, "ports": ports, "endpoints": endpoints,
            });
            api.apply(slice).unwrap();
        }
    }
}

/// An endpoint: a pod, or a hostNetwork pod, of which the node's name is the name.
#[derive(Clone)]
pub(crate) struct Endpoint {
    ips: [IpAddr; 2],
    node: String,
    conditions: Value,
    hints: Value,
    /// Whether the EndpointSlice controller wrote it, for a Pod.
    is_pod: bool,
}

impl Endpoint {
    pub(crate) fn ready(cluster: &Cluster, pod: &str) -> Self {
        let host = cluster.pod(pod);
        Self { is_pod: true, ..Self::at([host.v4(), host.v6()], cluster.node_of(pod)) }
    }

    /// A hostNetwork pod that is ready.
    pub(crate) fn on_host_network(cluster: &Cluster, node: &str) -> Self {
        let host = cluster.node(node);
        Self { is_pod: true, ..Self::at([host.v4(), host.v6()], node) }
    }

    /// Any ready address, as somebody writes it who names no Pod; with an empty name on no node that is told.
    pub(crate) fn at(ips: [IpAddr; 2], node: &str) -> Self {
        let conditions = json!({ "ready": true, "serving": true, "terminating": false });
        Self { ips, node: node.to_owned(), conditions, hints: json!({}), is_pod: false }
    }

    /// On its way out, and still serving.
    pub(crate) fn terminating(self) -> Self {
        let conditions = json!({ "ready": false, "serving": true, "terminating": true });
        Self { conditions, ..self }
    }

    /// On its way out and ready nevertheless, as with publishNotReadyAddresses.
    pub(crate) fn published(self) -> Self {
        let conditions = json!({ "ready": true, "serving": true, "terminating": true });
        Self { conditions, ..self }
    }

    /// Hinted for a zone.
    pub(crate) fn for_zone(self, zone: &str) -> Self {
        Self { hints: json!({ "forZones": [{ "name": zone }] }), ..self }
    }

    pub(crate) fn not_ready(self) -> Self {
        let conditions = json!({ "ready": false, "serving": false, "terminating": false });
        Self { conditions, ..self }
    }

    fn json(&self, family: usize) -> Value {
        let mut endpoint = json!({
            "addresses": [self.ips[family]], "conditions": self.conditions, "hints": self.hints,
        });
        if !self.node.is_empty() {
            endpoint["nodeName"] = self.node.as_str().into();
        }
        if self.is_pod {
            endpoint["targetRef"] = json!({ "kind": "Pod", "namespace": "default", "name": "web-0" });
        }
        endpoint
    }
}
