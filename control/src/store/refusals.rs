//! Which addresses are refused of a Service, in words that say what to do about it?

use crate::Problem;
use std::{collections::BTreeMap, net::IpAddr};
use weir_core::{
    ServiceKey,
    guards::{Refusal, Refused, Role},
};

/// Refused addresses of one Service, when they have changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusals {
    /// Key of the Service.
    pub service: ServiceKey,
    /// All addresses that are refused now.
    pub refused: Refused,
    /// Addresses that were not refused before.
    pub new: Refused,
}

impl Refusals {
    /// One problem for each role and reason, with an address as an example.
    pub fn problems(&self) -> BTreeMap<(Role, Refusal), Problem> {
        let refused: Vec<_> = self.refused.iter().copied().collect();
        // Sorted by role and reason first.
        let groups = refused.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1));
        groups.map(|group| ((group[0].0, group[0].1), self.problem(group))).collect()
    }

    /// One problem for each way in which this Service wanted an address for its clients.
    pub fn at(&self, ip: IpAddr) -> impl Iterator<Item = Problem> + '_ {
        let wanted = self.refused.iter().filter(move |(role, _, of)| *role != Role::Endpoint && *of == ip);
        wanted.map(|refused| self.problem(std::slice::from_ref(refused)))
    }

    /// Problem with addresses of one role that are refused for one reason.
    fn problem(&self, group: &[(Role, Refusal, IpAddr)]) -> Problem {
        let (role, reason, _) = group[0];
        let object = format_args!("Service {}", self.service);
        Problem::new(object, field(role, reason), message(role, reason, group))
    }
}

fn field(role: Role, reason: Refusal) -> &'static str {
    match (role, reason) {
        (Role::Endpoint, _) => "endpoints",
        (Role::LoadBalancerIp, _) => "status.loadBalancer.ingress",
        (_, Refusal::ApiServer | Refusal::Node | Refusal::ClusterIp | Refusal::NotAllowed) => {
            "spec.externalIPs"
        }
        (Role::Frontend, _) => "addresses",
    }
}

/// Message that says what is refused, why, and what to do about it.
fn message(role: Role, reason: Refusal, refused: &[(Role, Refusal, IpAddr)]) -> String {
    let (.., first) = refused[0];
    let more = match refused.len() - 1 {
        0 => String::new(),
        more => format!(" (and {more} more)"),
    };
    let fate = match role {
        Role::Endpoint => "not dialled",
        Role::Frontend | Role::LoadBalancerIp => "not served",
    };
    let why = match (role, reason) {
        (Role::Endpoint, Refusal::Node) => NODE_ENDPOINT.to_owned(),
        (Role::LoadBalancerIp, reason) => {
            format!("{}; if the load balancer means it, name it in --allow-load-balancer-ips", owner(reason))
        }
        (_, Refusal::Node) => format!(
            "{}; take it out of the Service, or if it is a floating address that is on an interface here now, name it \
             itself in --allow-external-ips",
            owner(reason)
        ),
        (_, Refusal::ApiServer | Refusal::ClusterIp) => {
            format!("{}; take it out of the Service", owner(reason))
        }
        (_, Refusal::NotAllowed) => format!(
            "is outside the networks of --allow-external-ips; name its network there if everybody who may edit \
             Services may take what is sent to {first} (CVE-2020-8554)"
        ),
        (_, Refusal::NodePort) => {
            "is a Node's, at the node port of a Service: connections would go round between nodes; \
                                   name the pods or that Service's cluster IP in the EndpointSlice"
                .to_owned()
        }
        (_, Refusal::NotDialled) => "is in --refuse-endpoints; take it out of the EndpointSlice".to_owned(),
        (_, special) => return format!("{first}{more} is a {special} address, which is {fate} (--guards)"),
    };
    format!("{first}{more} is {fate}: it {why}")
}

const NODE_ENDPOINT: &str = "is an address of this node, and the EndpointSlice names no pod on the host network there \
                             (targetRef and nodeName); if it is meant, set --allow-node-endpoints";

/// Who has an address already, after "it".
fn owner(reason: Refusal) -> &'static str {
    match reason {
        Refusal::ApiServer => "is where the API server answers",
        Refusal::Node => "is an address of this node",
        Refusal::ClusterIp => "is another Service's cluster IP, or may become one",
        _ => "is somebody else's",
    }
}
