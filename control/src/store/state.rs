//! Which objects are there, in a form that can be read while the next change comes?

use ipnet::IpNet;
use std::{collections::BTreeMap, sync::Arc};
use weir_core::{EndpointSlice, Node, Service, ServiceKey, SharedMap};

/// All translated objects. Cheap to clone: parts that did not change are shared.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct State {
    objects: SharedMap<Arc<Parts>>,
    pub(super) node: Arc<Node>,
    pub(super) service_cidrs: Arc<BTreeMap<Arc<str>, Vec<IpNet>>>,
}

/// Objects that make up a Service. Slices may come before the Service and stay after it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Parts {
    pub(super) service: Option<Arc<Service>>,
    /// EndpointSlices by name, which is a fixed order for merging.
    slices: Vec<Arc<EndpointSlice>>,
}

impl Parts {
    /// The EndpointSlices, by name.
    pub(super) fn slices(&self) -> impl Iterator<Item = &EndpointSlice> + Clone {
        self.slices.iter().map(|slice| &**slice)
    }

    fn is_empty(&self) -> bool {
        self.service.is_none() && self.slices.is_empty()
    }

    /// Position of the slice of a name, or where to insert it.
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

    /// EndpointSlices that name a Service, by name, which is the order in which they are merged.
    pub fn slices_of(&self, service: &ServiceKey) -> impl Iterator<Item = &EndpointSlice> + Clone + use<'_> {
        self.parts(service).into_iter().flat_map(Parts::slices)
    }

    /// Node of this proxy.
    pub fn node(&self) -> &Node {
        &self.node
    }

    /// ServiceCIDRs, by name.
    pub fn service_cidrs(&self) -> &BTreeMap<Arc<str>, Vec<IpNet>> {
        &self.service_cidrs
    }

    /// Whether two states share all their parts, which means that nothing has changed. Compares addresses in
    /// memory only; equal states may share nothing.
    pub fn is_same(&self, other: &Self) -> bool {
        self.objects.is_same(&other.objects)
            && Arc::ptr_eq(&self.node, &other.node)
            && Arc::ptr_eq(&self.service_cidrs, &other.service_cidrs)
    }

    /// Objects that make up one Service.
    pub(super) fn parts(&self, key: &ServiceKey) -> Option<&Parts> {
        self.objects.get(key).map(|parts| &**parts)
    }

    /// Service of a key, without its slices.
    pub(super) fn service(&self, key: &ServiceKey) -> Option<&Service> {
        self.parts(key)?.service.as_deref()
    }

    /// Inserts or replaces a Service. An equal one changes nothing.
    pub(super) fn put_service(&mut self, service: Service) {
        if self.service(&service.key) == Some(&service) {
            return;
        }
        let key = service.key.clone();
        self.parts_mut(&key).service = Some(Arc::new(service));
    }

    /// Inserts or replaces a slice of the Service that it names. An equal one changes nothing.
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

    /// Removes a Service; returns whether it was there.
    pub(super) fn take_service(&mut self, key: &ServiceKey) -> bool {
        let known = self.service(key).is_some();
        if known {
            self.parts_mut(key).service = None;
            self.tidy(key);
        }
        known
    }

    /// Removes a slice.
    pub(super) fn take_slice(&mut self, owner: &ServiceKey, name: &str) {
        if let Some(Ok(position)) = self.parts(owner).map(|parts| parts.find(name)) {
            self.parts_mut(owner).slices.remove(position);
            self.tidy(owner);
        }
    }

    fn parts_mut(&mut self, key: &ServiceKey) -> &mut Parts {
        Arc::make_mut(self.objects.get_or_default(key))
    }

    /// Removes the entry of a Service of which nothing is left.
    fn tidy(&mut self, key: &ServiceKey) {
        if self.parts(key).is_some_and(Parts::is_empty) {
            self.objects.remove(key);
        }
    }
}
