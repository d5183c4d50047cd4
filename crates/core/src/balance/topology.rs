//! Which endpoints are near this node, and when do flows go further? (`weir.dev/topology-spill`)

use crate::model::{EndpointSet, Node, Ratio};

/// Endpoints of `set` that run on this node, else those in its zone; `None` if no endpoint is near or all are.
pub fn nearby(set: &EndpointSet, node: &Node) -> Option<EndpointSet> {
    let some = |near: EndpointSet| (!near.is_empty() && near.len() < set.len()).then_some(near);
    let here = set.filter(|endpoint| node.is_local(endpoint.node.as_deref()));
    if here.len() == set.len() {
        return None;
    }
    some(here).or_else(|| {
        let zone = node.zone.as_deref()?;
        some(set.filter(|endpoint| endpoint.zone.as_deref() == Some(zone)))
    })
}

/// How busy a set of endpoints is as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SetLoad {
    /// Number of endpoints.
    pub endpoints: usize,
    /// Sum of the endpoints' weights.
    pub weight: usize,
    /// Number of live connections to all endpoints together.
    pub live: usize,
}

/// Whether a flow may go further than the endpoints nearby, because those have more live connections than `spill` times what
/// their weight is of the live connections of all endpoints: with equal weights, than `spill` times the mean of all endpoints. One connection to each does not count, or the first one would go further already.
pub fn spills(spill: Ratio, near: SetLoad, all: SetLoad) -> bool {
    if all.weight == 0 {
        return false;
    }
    near.live >= spill.of(all.live * near.weight) / all.weight + near.endpoints
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Endpoint;
    use proptest::prelude::*;
    use std::sync::Arc;

    fn set(places: &[(&str, &str)]) -> EndpointSet {
        let endpoint = |(last, (node, zone)): (usize, &(&str, &str))| Endpoint {
            node: Some((*node).into()),
            zone: Some((*zone).into()),
            ..Endpoint::ready(([10, 0, 0, last as u8], 80).into())
        };
        EndpointSet::select(&Arc::from_iter(places.iter().enumerate().map(endpoint)), |_| true)
    }

    fn node() -> Node {
        Node { zone: Some("z1".into()), ..Node::named("n1") }
    }

    fn near(places: &[(&str, &str)]) -> Option<usize> {
        nearby(&set(places), &node()).map(|near| near.len())
    }

    #[test]
    fn endpoints_of_the_node_are_nearest_then_those_of_its_zone() {
        assert_eq!(near(&[("n1", "z1"), ("n2", "z1"), ("n3", "z2")]), Some(1));
        assert_eq!(near(&[("n2", "z1"), ("n3", "z1"), ("n4", "z2")]), Some(2));
        assert_eq!(near(&[("n2", "z2"), ("n3", "z3")]), None, "all are far");
        assert_eq!(near(&[("n2", "z1"), ("n3", "z1")]), None, "all are near");
        assert_eq!(near(&[("n1", "z1")]), None);
    }

    #[test]
    fn endpoints_nearby_keep_flows_in_proportion_to_their_weight() {
        let spill: Ratio = "1.5".parse().unwrap();
        let all = SetLoad { endpoints: 2, weight: 400, live: 400 };
        let spills_from = |live, weight| spills(spill, SetLoad { endpoints: 1, weight, live }, all);
        assert!(
            !spills_from(450, 300) && spills_from(451, 300),
            "three quarters of the weight, and a half more"
        );
        assert!(!spills_from(150, 100) && spills_from(151, 100));
    }

    proptest! {
        #[test]
        fn connections_stay_near_up_to_the_ratio_and_none_are_left_without_endpoints(near_count in 1usize..5, far_count in 1usize..5, flows in 1usize..200) {
            let spill: Ratio = "1.5".parse().unwrap();
            let (mut near_live, mut all_live) = (0, 0);
            for _ in 0..flows {
                let near = SetLoad { endpoints: near_count, weight: 100 * near_count, live: near_live };
                let all = SetLoad { endpoints: near_count + far_count, weight: 100 * (near_count + far_count), live: all_live };
                near_live += usize::from(!spills(spill, near, all));
                all_live += 1;
            }
            let mean = all_live as f64 / (near_count + far_count) as f64;
            let near_mean = near_live as f64 / near_count as f64;
            prop_assert!(near_mean <= 1.5 * mean + 1.0 + 1.0 / near_count as f64, "{near_mean} of {mean}");
            prop_assert!(near_live >= flows.min(near_count), "the first ones stay near");
            prop_assert!(near_mean >= (1.5 * mean - 2.0).min(flows as f64 / near_count as f64), "{near_mean} of {mean}");
        }
    }
}
