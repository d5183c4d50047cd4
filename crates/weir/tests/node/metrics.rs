//! What do operators see of a node?

use crate::{
    bed::{Bed, eventually},
    families::assert_known,
    objects::Service,
};
use serde_json::json;

#[test]
fn whatever_is_shown_of_a_node_is_in_the_tables_and_capturing_is_shown() {
    let Some(bed) = Bed::single() else { return };
    let service = Service::web("web", 10).node_port(30080).vips(&["203.0.113.70"]);
    let service =
        service.set("externalTrafficPolicy", json!("Local")).set("healthCheckNodePort", json!(32100));
    bed.serve(&service, &["a-1"]);
    bed.wait_until_served(10);
    let wanted = [
        "weir_capture_transactions_total",
        "weir_capture_failures_total",
        "weir_capture_repairs_total",
        "weir_capture_elements",
        "weir_health_check_ports",
        "weir_health_check_bind_failures_total",
        "weir_endpoint_propagation_seconds",
        "kubeproxy_network_programming_duration_seconds",
    ];
    eventually("the metrics of a node", [true; 8], || {
        let answer = bed.cluster.node("node-a").http("127.0.0.1:10249".parse().unwrap(), "/metrics").unwrap();
        let shown = assert_known(&answer);
        wanted.map(|family| shown.contains(family))
    });
}
