//! What does a health-check node port answer? Whether this node has endpoints of one Service. Pure: semantics H2-H4.
//!
//! A load balancer that keeps clients' addresses (externalTrafficPolicy Local) asks every node, and sends only to those that
//! answer 200.

use crate::http::{JSON, Reply, reply};
use hyper::{
    StatusCode,
    header::{HeaderName, HeaderValue},
};
use serde::Serialize;
use serde_json::{Serializer, ser::PrettyFormatter};
use weir_core::{CreationTime, ServiceKey};

/// Header with the share of traffic that this node should get.
const WEIGHT: HeaderName = HeaderName::from_static("x-load-balancing-endpoint-weight");

/// Report to load balancers about one Service on this node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Report {
    /// Service that the report is about.
    pub(crate) service: ServiceKey,
    /// When the Service was created.
    pub(crate) created: CreationTime,
    /// Ready endpoints of the Service on this node.
    pub(crate) local_endpoints: usize,
}

impl Report {
    /// Answer to a request of any method and path: 200 if there are endpoints and the proxy is `healthy` (Z1), else 503.
    pub(crate) fn answer(&self, healthy: bool) -> Reply {
        let status = match healthy && self.local_endpoints > 0 {
            true => StatusCode::OK,
            false => StatusCode::SERVICE_UNAVAILABLE,
        };
        let mut reply = reply(status, JSON, self.body(healthy));
        reply.headers_mut().insert(WEIGHT, HeaderValue::from(self.local_endpoints));
        reply
    }

    fn body(&self, healthy: bool) -> Vec<u8> {
        let ServiceKey { namespace, name } = &self.service;
        let body = Body {
            service: Name { namespace, name },
            local_endpoints: self.local_endpoints,
            service_proxy_healthy: healthy,
        };
        let mut text = Vec::new();
        let mut json = Serializer::with_formatter(&mut text, PrettyFormatter::with_indent(b"\t"));
        // Writing texts and numbers into memory cannot fail.
        let _ = body.serialize(&mut json);
        text
    }
}

/// Body of the answer, with kube-proxy's fields in kube-proxy's order.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    service: Name<'a>,
    local_endpoints: usize,
    service_proxy_healthy: bool,
}

#[derive(Serialize)]
struct Name<'a> {
    namespace: &'a str,
    name: &'a str,
}
