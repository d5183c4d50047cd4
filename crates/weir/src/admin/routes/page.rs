//! What does a browser get at `/`?

use crate::http::{Reply, TEXT, reply};
use hyper::StatusCode;

const INDEX: &str = "\
weir: a userspace L4 load balancer for Kubernetes Services

/metrics   metrics in Prometheus' text format
/healthz   ok while this process answers (probes: see --health-address)
/proxyMode nftables, as kube-proxy answers there (node mode only)
/api/v1    everything else that weir tells, as JSON (docs/api.md)
";

/// The answer at `/`.
pub(in crate::admin) fn index() -> Reply {
    reply(StatusCode::OK, TEXT, INDEX)
}
