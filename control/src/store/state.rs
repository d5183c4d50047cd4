//! Which objects are there, in a form that can be handed over at once and read while the next change comes?

use ipnet::IpNet;
use std::{collections::BTreeMap, sync::Arc};
use weir_core::{EndpointSlice, Node, Service, ServiceKey, SharedMap};

/// All translated objects. Cheap to clone: what did not change is shared.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct State {
    objects: SharedMap<Arc<Parts>>,
    pub(super) node: Arc<Node>,
    pub(super) service_cidrs: Arc<BTreeMap<Arc<str>, Vec<IpNet>>>,
}

/// What a Service is made of. Slices may come before it and stay after it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Parts {
    pub(super) service: Option<Arc<Service>>,
    /// By name, which is a fixed order for merging.
    slices: Vec<Arc<EndpointSlice>>,
}

impl Parts {
    /// The slices, by name.
    pub(super) fn slices(&self) -> impl Iterator<Item = &EndpointSlice> + Clone {
        self.slices.iter().map(|slice| &**slice)
    }

    fn is_empty(&self) -> bool {
        self.service.is_none() && self.slices.is_empty()
    }

    /// Where the slice of a name is, or would be.
    fn find(&self, name: &str) -> Result<usize, usize> {
        self.slices.binary_search_by(|slice| (*slice.name).cmp(name))
    }
}

impl State {
    pub(super) fn of(node: Node) -> Self {
        Self { node: Arc::new(node), ..Self::default() }
    }

    /// All Services, in an order that depends on their names only.
    pub fn services(&self) -> impl Iterator<Item = &Service> {
        self.objects.iter().filter_map(|(_, parts)| parts.service.as_deref())
    }

    /// All EndpointSlices, in an order that depends on names only.
    pub fn slices(&self) -> impl Iterator<Item = &EndpointSlice> {
        self.objects.iter().flat_map(|(_, parts)| parts.slices())
    }

    /// This proxy's node.
    pub fn node(&self) -> &Node {
        &self.node
    }

    /// The ServiceCIDRs, by name.
    pub fn service_cidrs(&self) -> &BTreeMap<Arc<str>, Vec<IpNet>> {
        &self.service_cidrs
    }

    /// Whether nothing has changed from one to the other. Looks at addresses in memory only; `false` says nothing.
    pub fn is_same(&self, other: &Self) -> bool {
        self.objects.is_same(&other.objects)
            && Arc::ptr_eq(&self.node, &other.node)
            && Arc::ptr_eq(&self.service_cidrs, &other.service_cidrs)
    }

    /// What one Service is made of.
    pub(super) fn parts(&self, key: &ServiceKey) -> Option<&Parts> {
        self.objects.get(key).map(|parts| &**parts)
    }

    /// The Service itself.
    pub(super) fn service(&self, key: &ServiceKey) -> Option<&Service> {
        self.parts(key)?.service.as_deref()
    }

    /// Takes in a Service. One that is equal to what is known touches nothing.
    pub(super) fn put_service(&mut self, service: Service) {
        if self.service(&service.key) == Some(&service) {
            return;
        }
        let key = service.key.clone();
        self.parts_mut(&key).service = Some(Arc::new(service));
    }

    /// Takes in a slice of the Service that it names. One that is equal to what is known touches nothing.
    pub(super) fn put_slice(&mut self, slice: EndpointSlice) {
        let known = self.parts(&slice.service).map_or(Err(0), |parts| parts.find(&slice.name));
        if let (Ok(position), Some(parts)) = (known, self.parts(&slice.service))
            && *parts.slices[position] == slice
        {
            return;
        }
        let slices = &mut self.parts_mut(&slice.service.clone()).slices;
        match known {
            Ok(position) => slices[position] = Arc::new(slice),
            Err(position) => {
                slices.reserve_exact(1);
                slices.insert(position, Arc::new(slice));
            }
        }
    }

    /// Takes a Service out; returns whether it was there.
    pub(super) fn take_service(&mut self, key: &ServiceKey) -> bool {
        let known = self.service(key).is_some();
        if known {
            self.parts_mut(key).service = None;
            self.tidy(key);
        }
        known
    }

    /// Takes a slice out.
    pub(super) fn take_slice(&mut self, owner: &ServiceKey, name: &str) {
        if let Some(Ok(position)) = self.parts(owner).map(|parts| parts.find(name)) {
            self.parts_mut(owner).slices.remove(position);
            self.tidy(owner);
        }
    }

    fn parts_mut(&mut self, key: &ServiceKey) -> &mut Parts {
        Arc::make_mut(self.objects.get_or_default(key))
    }

    /// Forgets a Service of which nothing is left.
    fn tidy(&mut self, key: &ServiceKey) {
        if self.parts(key).is_some_and(Parts::is_empty) {
            self.objects.remove(key);
        }
    }
}
