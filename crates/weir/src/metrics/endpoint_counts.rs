//! How many endpoints can new flows of each Service port get? Shown at each scrape from what is served.
//!
//! A gauge for each port would take more memory than anything else of a Service that nobody uses.

use super::families::ENDPOINTS;
use metrics_exporter_prometheus::formatting::{sanitize_label_value, write_help_line, write_type_line};
use std::fmt::Write;
use weir_core::{EndpointSet, PortKey, ServicePort, Snapshot};

/// Renders the counts of a Snapshot in Prometheus' text format.
pub(super) fn render(served: &Snapshot) -> String {
    let mut text = String::new();
    write_help_line(&mut text, ENDPOINTS.name, None, None, ENDPOINTS.help);
    write_type_line(&mut text, ENDPOINTS.name, None, None, ENDPOINTS.kind.as_str());
    for port in served.services().flat_map(|service| &service.ports) {
        for (traffic, endpoints) in [("cluster", &port.cluster), ("local", &port.local)] {
            let Some(endpoints) = endpoints else { continue };
            // Writing to a string does not fail.
            let _ = write_line(&mut text, port, traffic, endpoints);
        }
    }
    text
}

fn write_line(
    text: &mut String,
    port: &ServicePort,
    traffic: &str,
    endpoints: &EndpointSet,
) -> std::fmt::Result {
    let PortKey { service, name, protocol } = &port.key;
    let name = if name.is_empty() { port.port.to_string() } else { sanitize_label_value(name) };
    writeln!(
        text,
        "{}{{namespace=\"{}\",service=\"{}\",port=\"{name}\",protocol=\"{protocol}\",\
         family=\"{}\",traffic=\"{traffic}\"}} {}",
        ENDPOINTS.name,
        sanitize_label_value(&service.namespace),
        sanitize_label_value(&service.name),
        port.family.as_str(),
        endpoints.len()
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use weir_core::{PortSpec, Protocol, Service, ServiceKey, resolve_static};

    #[test]
    fn each_port_has_a_line_and_a_name_cannot_break_out_of_its_label() {
        let port = |name: &str, number: u16| PortSpec {
            name: name.into(),
            protocol: Protocol::Tcp,
            port: number.try_into().unwrap(),
            node_port: None,
        };
        let key = ServiceKey::new("default", "a\"b");
        let service = Service::new(key, [10, 0, 0, 1].into(), vec![port("", 80), port("https", 443)]);
        let endpoints = ["10.1.0.1:8080".parse().unwrap(), "10.1.0.2:8080".parse().unwrap()];
        let mut snapshot = Snapshot::default();
        snapshot.insert(Arc::new(resolve_static(&service, &endpoints)));
        let of = |port| {
            format!(
                "\nweir_endpoints{{namespace=\"default\",service=\"a\\\"b\",port=\"{port}\",protocol=\"TCP\",family=\"IPv4\",traffic=\"cluster\"}} 2\n"
            )
        };
        let text = render(&snapshot);
        assert!(text.contains(&of("80")) && text.contains(&of("https")), "{text}");
        assert!(
            text.starts_with("# HELP weir_endpoints ") && text.contains("\n# TYPE weir_endpoints gauge\n")
        );
    }
}
