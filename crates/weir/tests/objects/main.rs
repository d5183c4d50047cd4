//! Do `weir resolve`, `weir explain` and `weir run` say the same of one set of objects, and why something is not served?
#![allow(clippy::unwrap_used, reason = "clippy excuses test functions only, not their helpers")]

mod agreement;
mod cluster;
#[path = "../common/mod.rs"]
mod common;
mod guarded;
mod mistakes;
mod strict;

use common::texts;

/// A Service of the API's `default` namespace with an IPv4 cluster IP and a port `http`.
fn service(name: &str, ip: &str, port: u16) -> String {
    format!(
        "apiVersion: v1\nkind: Service\nmetadata: {{name: {name}}}\nspec: {{clusterIP: {ip}, clusterIPs: [{ip}], \
         ipFamilies: [IPv4], ports: [{{name: http, port: {port}}}]}}\n---\n"
    )
}

/// An EndpointSlice of a Service, with ports and endpoints in YAML.
fn slice(service: &str, family: &str, ports: &str, endpoints: &str) -> String {
    format!(
        "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {{name: {service}-{family}, labels: \
         {{kubernetes.io/service-name: {service}}}}}\naddressType: {family}\nports: [{ports}]\n\
         endpoints: [{endpoints}]\n---\n"
    )
}

/// Runs a command on manifests; returns the exit code, standard output and standard error.
fn ask(command: &str, flags: &[&str], manifests: &str) -> (i32, String, String) {
    let output =
        common::run(&[&[command, "--manifests", "-", "--node-name", "node-a"], flags].concat(), manifests);
    let (stdout, stderr) = texts(&output);
    (output.status.code().unwrap(), stdout, stderr)
}
