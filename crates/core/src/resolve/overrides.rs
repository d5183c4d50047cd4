//! What has an operator said of endpoints and nodes while weir runs, whatever Kubernetes says?

use super::steered::Steered;
use crate::model::{Endpoint, Overridden, Protocol, Weight};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

/// What an operator has said of one endpoint or node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Override {
    /// Whether it is drained: it gets nothing new, whatever its weight is.
    pub drained: bool,
    /// The weight; `None` leaves that of the EndpointSlice.
    pub weight: Option<Weight>,
    /// When it was said, in milliseconds of Unix time.
    pub set_at: u64,
    /// Who said it, in words for other operators.
    pub by: Arc<str>,
}

impl Override {
    /// Whether this overrides nothing.
    pub fn is_empty(&self) -> bool {
        !self.drained && self.weight.is_none()
    }
}

/// All that an operator has said of endpoints and nodes. Together with the objects it gives the Snapshot.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "BTreeMap<Steered, Override>", into = "BTreeMap<Steered, Override>")]
pub struct Overrides {
    by_target: Arc<BTreeMap<Steered, Override>>,
}

/// The error of one override too many.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there are {} overrides already, which is the most; remove some first", Overrides::MAX)]
pub struct TooManyOverrides;

impl Overrides {
    /// Endpoints and nodes that can be overridden at one time.
    pub const MAX: usize = 4_096;

    /// Whether nothing is overridden.
    pub fn is_empty(&self) -> bool {
        self.by_target.is_empty()
    }

    /// All overrides, by their targets.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&Steered, &Override)> {
        self.by_target.iter()
    }

    /// The override of a target itself; an endpoint may be overridden by that of its node, too.
    pub fn get(&self, target: &Steered) -> Option<&Override> {
        self.by_target.get(target)
    }

    /// Sets the override of a target; an empty one removes it.
    pub fn set(&mut self, target: Steered, said: Override) -> Result<(), TooManyOverrides> {
        if said.is_empty() {
            if self.by_target.contains_key(&target) {
                Arc::make_mut(&mut self.by_target).remove(&target);
            }
            return Ok(());
        }
        if self.by_target.len() >= Self::MAX && !self.by_target.contains_key(&target) {
            return Err(TooManyOverrides);
        }
        Arc::make_mut(&mut self.by_target).insert(target, said);
        Ok(())
    }

    /// Keeps the overrides that differ from those of `other`, or that `other` alone has: Services whose endpoints none of
    /// these is about are the same under both.
    #[must_use]
    pub fn differing(&self, other: &Self) -> Self {
        let differs = |target: &Steered| self.by_target.get(target) != other.by_target.get(target);
        let all = self.by_target.iter().chain(&*other.by_target);
        let differing = all.filter(|(target, _)| differs(target));
        Self { by_target: Arc::new(differing.map(|(target, said)| (target.clone(), said.clone())).collect()) }
    }

    /// Whether some override is about an endpoint of this address or on this node.
    pub fn concern(&self, ip: IpAddr, node: Option<&str>) -> bool {
        let first = Steered::Endpoint { ip, port: None, protocol: None };
        let next = self.by_target.range(first..).next();
        let is_there = matches!(next, Some((Steered::Endpoint { ip: of, .. }, _)) if *of == ip);
        is_there || node.is_some_and(|node| self.by_target.contains_key(&Steered::Node(node.into())))
    }

    /// The override that decides for an endpoint on a node, and its target; `None` if none is about it. A drain comes before
    /// any weight; of several weights that of the most exact target counts: address, port and protocol, address and port,
    /// address, node.
    pub fn deciding(
        &self,
        address: SocketAddr,
        protocol: Protocol,
        node: Option<&Arc<str>>,
    ) -> Option<(Steered, &Override)> {
        let said = Steered::all_of(address, protocol, node).filter_map(|target| {
            let said = self.by_target.get(&target)?;
            Some((target, said))
        });
        // The first of equal ones.
        said.min_by_key(|(_, said)| !said.drained)
    }

    /// Gives an endpoint the weight that counts.
    pub(super) fn steer(&self, endpoint: &mut Endpoint, protocol: Protocol) {
        if self.is_empty() {
            return;
        }
        let deciding = self.deciding(endpoint.address, protocol, endpoint.node.as_ref());
        let (weight, overridden) = match deciding {
            Some((_, said)) if said.drained => (Weight::MAINTENANCE, Overridden::Drained),
            Some((_, Override { weight: Some(weight), .. })) => (*weight, Overridden::Weighted),
            _ => return,
        };
        (endpoint.weight, endpoint.overridden) = (weight, Some(overridden));
    }
}

impl TryFrom<BTreeMap<Steered, Override>> for Overrides {
    type Error = TooManyOverrides;

    fn try_from(mut by_target: BTreeMap<Steered, Override>) -> Result<Self, TooManyOverrides> {
        by_target.retain(|_, said| !said.is_empty());
        if by_target.len() > Self::MAX {
            return Err(TooManyOverrides);
        }
        Ok(Self { by_target: Arc::new(by_target) })
    }
}

impl From<Overrides> for BTreeMap<Steered, Override> {
    fn from(overrides: Overrides) -> Self {
        Arc::unwrap_or_clone(overrides.by_target)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn overrides(said: &[(&str, bool, Option<u16>)]) -> Overrides {
        let mut overrides = Overrides::default();
        for (target, drained, weight) in said {
            let said = Override { drained: *drained, weight: weight.map(Weight::new), ..Override::default() };
            overrides.set(target.parse().unwrap(), said).unwrap();
        }
        overrides
    }

    fn steered(overrides: &Overrides, address: &str) -> (u16, Option<Overridden>) {
        let mut endpoint = Endpoint { node: Some("n1".into()), ..Endpoint::ready(address.parse().unwrap()) };
        overrides.steer(&mut endpoint, Protocol::Tcp);
        (endpoint.weight.get(), endpoint.overridden)
    }

    #[test]
    fn the_most_exact_weight_counts() {
        let all = [
            ("node/n1", false, Some(1)),
            ("10.0.0.1", false, Some(2)),
            ("10.0.0.1:80", false, Some(3)),
            ("10.0.0.1:80/TCP", false, Some(4)),
            ("10.0.0.1:80/UDP", false, Some(5)),
        ];
        for (count, weight) in [(1, 1), (2, 2), (3, 3), (4, 4), (5, 4)] {
            let said = overrides(&all[..count]);
            assert_eq!(steered(&said, "10.0.0.1:80"), (weight, Some(Overridden::Weighted)));
        }
        assert_eq!(steered(&overrides(&all[1..]), "10.0.0.2:80"), (100, None));
    }

    #[test]
    fn a_drain_of_the_node_or_of_the_endpoint_comes_before_every_weight() {
        let drained = (0, Some(Overridden::Drained));
        let of_node = overrides(&[("node/n1", true, None), ("10.0.0.1:80/TCP", false, Some(9))]);
        assert_eq!(steered(&of_node, "10.0.0.1:80"), drained);
        let of_endpoint = overrides(&[("10.0.0.1:80", true, Some(7))]);
        assert_eq!(steered(&of_endpoint, "10.0.0.1:80"), drained);
    }

    #[test]
    fn an_override_that_is_emptied_leaves_no_trace() {
        let mut said = overrides(&[("10.0.0.1", true, None)]);
        said.set("10.0.0.1".parse().unwrap(), Override::default()).unwrap();
        assert_eq!(said, Overrides::default());
    }

    #[test]
    fn overrides_are_bounded_and_a_known_one_can_be_changed_when_there_are_most() {
        let mut said = Overrides::default();
        let target = |number: u32| Steered::Endpoint {
            ip: IpAddr::from(number.to_be_bytes()),
            port: None,
            protocol: None,
        };
        let drained = Override { drained: true, ..Override::default() };
        for number in 0..Overrides::MAX as u32 {
            said.set(target(number), drained.clone()).unwrap();
        }
        assert_eq!(said.set(target(u32::MAX), drained.clone()), Err(TooManyOverrides));
        assert_eq!(said.set(target(0), Override { weight: Some(Weight::new(5)), ..drained }), Ok(()));
    }

    #[test]
    fn what_differs_is_what_one_of_the_two_says_otherwise_or_alone() {
        let before =
            overrides(&[("10.0.0.1", true, None), ("10.0.0.2", true, None), ("10.0.0.3", true, None)]);
        let after =
            overrides(&[("10.0.0.2", true, Some(5)), ("10.0.0.3", true, None), ("node/n1", true, None)]);
        let differing = before.differing(&after);
        let targets: Vec<String> = differing.iter().map(|(target, _)| target.to_string()).collect();
        assert_eq!(targets, ["10.0.0.1", "10.0.0.2", "node/n1"]);
        assert!(
            differing.concern([10, 0, 0, 1].into(), None)
                && differing.concern([9, 9, 9, 9].into(), Some("n1"))
        );
        assert!(!differing.concern([10, 0, 0, 3].into(), Some("n2")));
    }
}
