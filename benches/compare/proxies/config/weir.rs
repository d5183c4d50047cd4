//! How is weir configured?

use crate::bed::network::{ECHO, ENDPOINTS, FRONTEND, PORTS};
use serde_json::{Value, json};

/// Arguments of node mode, in which clients count as pods, whose address is kept.
pub(super) const NODE_MODE: &[&str] =
    &["run", "--mode", "node", "--cluster-cidr", "10.77.0.0/16", "--runtime-dir="];

/// A Service and its EndpointSlice, as JSON.
pub(super) fn text() -> String {
    let tcp = PORTS.map(|port| json!({ "name": format!("tcp-{port}"), "port": port, "protocol": "TCP" }));
    let udp = json!({ "name": "udp", "port": ECHO, "protocol": "UDP" });
    let ports: Vec<Value> = tcp.into_iter().chain([udp]).collect();
    let service = json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": { "name": "compare", "namespace": "default" },
        "spec": { "type": "ClusterIP", "clusterIP": FRONTEND, "clusterIPs": [FRONTEND], "ports": ports },
    });
    let slice = json!({
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": "compare-1",
            "namespace": "default",
            "labels": { "kubernetes.io/service-name": "compare" },
        },
        "addressType": "IPv4",
        "ports": ports,
        "endpoints": ENDPOINTS.map(|endpoint| json!({ "addresses": [endpoint] })),
    });
    json!({ "apiVersion": "v1", "kind": "List", "items": [service, slice] }).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_service_has_all_ports_and_both_endpoints() {
        let list: Value = serde_json::from_str(&text()).unwrap();
        let (service, slice) = (&list["items"][0], &list["items"][1]);
        assert_eq!(service["spec"]["clusterIP"], "10.77.1.1");
        assert_eq!(service["spec"]["ports"].as_array().unwrap().len(), PORTS.len() + 1);
        assert_eq!(service["spec"]["ports"][3]["protocol"], "UDP");
        assert_eq!(slice["endpoints"][1]["addresses"][0], "10.77.2.3");
    }
}
