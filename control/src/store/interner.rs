//! Which parts of objects are equal? Names, hints and settings repeat many times; one copy of each is kept.

use crate::Object;
use std::{collections::HashSet, hash::Hash, sync::Arc};
use weir_core::{EndpointSlice, Hints, Service, ServiceKey, Settings};

/// Shared copies of parts that objects have in common.
#[derive(Debug, Default)]
pub(super) struct Interner {
    names: Pool<str>,
    hints: Pool<Hints>,
    settings: Vec<Arc<Settings>>,
}

impl Interner {
    /// Number of different settings up to which equal ones are looked for: the search is linear.
    const MAX_SETTINGS: usize = 16;

    /// Replaces the parts of an object by shared copies.
    pub(super) fn intern(&mut self, object: &mut Object) {
        match object {
            Object::Service(service) => self.intern_service(service),
            Object::EndpointSlice(slice) => self.intern_slice(slice),
            Object::Node(_) | Object::ServiceCidr(_) => {}
        }
    }

    fn intern_service(&mut self, service: &mut Service) {
        self.intern_key(&mut service.key);
        service.ports.iter_mut().for_each(|port| self.names.intern(&mut port.name));
        for (key, value) in &mut service.labels {
            self.names.intern(key);
            self.names.intern(value);
        }
        match self.settings.iter().find(|known| **known == service.settings) {
            Some(known) => service.settings = Arc::clone(known),
            None => {
                self.settings.retain(|known| Arc::strong_count(known) > 1);
                if self.settings.len() < Self::MAX_SETTINGS {
                    self.settings.push(Arc::clone(&service.settings));
                }
            }
        }
    }

    fn intern_slice(&mut self, slice: &mut EndpointSlice) {
        self.intern_key(&mut slice.service);
        slice.ports.iter_mut().for_each(|port| self.names.intern(&mut port.name));
        for endpoint in &mut slice.endpoints {
            endpoint.node.iter_mut().chain(&mut endpoint.zone).for_each(|name| self.names.intern(name));
            self.hints.intern(&mut endpoint.hints);
        }
    }

    fn intern_key(&mut self, key: &mut ServiceKey) {
        self.names.intern(&mut key.namespace);
        self.names.intern(&mut key.name);
    }
}

/// Shared values of one type. Unused values are dropped once they may be half of all.
#[derive(Debug)]
struct Pool<T: ?Sized> {
    known: HashSet<Arc<T>>,
    /// Number of values at which unused ones are dropped.
    sweep_len: usize,
}

impl<T: ?Sized> Default for Pool<T> {
    fn default() -> Self {
        Self { known: HashSet::new(), sweep_len: MIN_POOL_LEN }
    }
}

/// Number of values up to which unused ones are kept.
const MIN_POOL_LEN: usize = 1024;

impl<T: ?Sized + Eq + Hash> Pool<T> {
    /// Replaces a value by the shared copy that is equal.
    fn intern(&mut self, value: &mut Arc<T>) {
        if let Some(known) = self.known.get(&**value) {
            *value = Arc::clone(known);
            return;
        }
        if self.known.len() >= self.sweep_len {
            self.known.retain(|known| Arc::strong_count(known) > 1);
            self.sweep_len = MIN_POOL_LEN.max(2 * self.known.len());
        }
        self.known.insert(Arc::clone(value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::num::NonZeroU16;
    use weir_core::{Conditions, Family, Protocol, SliceEndpoint, SlicePort, Weight};

    fn slice(name: &str, zone: &str) -> Object {
        let port = SlicePort { name: "http".into(), protocol: Protocol::Tcp, port: NonZeroU16::MIN };
        let endpoint = SliceEndpoint {
            ip: [10, 0, 0, 1].into(),
            conditions: Conditions::default(),
            is_pod: false,
            node: Some("worker-1".into()),
            zone: Some(zone.into()),
            hints: Arc::new(Hints { zones: [zone.into()].into(), nodes: Box::default() }),
        };
        Object::EndpointSlice(EndpointSlice {
            weight: Weight::DEFAULT,
            name: name.into(),
            service: ServiceKey::new("default", "web"),
            family: Family::V4,
            ports: vec![port],
            endpoints: vec![endpoint],
        })
    }

    #[test]
    fn equal_parts_of_objects_are_one_and_others_stay_as_they_are() {
        let mut interner = Interner::default();
        let slices = ["a", "a", "b"].map(|zone| {
            let mut object = slice("web-1", zone);
            interner.intern(&mut object);
            assert_eq!(object, slice("web-1", zone), "it says the same as before");
            let Object::EndpointSlice(slice) = object else { unreachable!() };
            slice
        });
        let [first, second, third] = slices.each_ref().map(|slice| &slice.endpoints[0]);
        assert!(Arc::ptr_eq(&slices[0].service.name, &slices[2].service.name));
        assert!(Arc::ptr_eq(first.node.as_ref().unwrap(), third.node.as_ref().unwrap()));
        assert!(Arc::ptr_eq(&first.hints, &second.hints) && !Arc::ptr_eq(&first.hints, &third.hints));
    }

    #[test]
    fn names_that_nobody_uses_any_more_are_forgotten() {
        let mut interner = Interner::default();
        let mut kept = slice("kept", "zone");
        interner.intern(&mut kept);
        for number in 0..100 * MIN_POOL_LEN {
            interner.intern(&mut slice("web-1", &format!("zone-{number}")));
            assert!(
                interner.names.known.len() <= 2 * MIN_POOL_LEN
                    && interner.hints.known.len() <= 2 * MIN_POOL_LEN
            );
        }
        let mut again = slice("kept", "zone");
        interner.intern(&mut again);
        let [Object::EndpointSlice(kept), Object::EndpointSlice(again)] = [kept, again] else {
            unreachable!()
        };
        assert!(Arc::ptr_eq(&kept.service.name, &again.service.name));
    }

    #[test]
    fn settings_are_shared_while_there_are_few_and_never_mixed_up() {
        let mut interner = Interner::default();
        let with = |seconds: u64| {
            let mut service =
                Service::new(ServiceKey::new("default", "web"), [10, 96, 0, 1].into(), Vec::new());
            let idle_timeout = std::time::Duration::from_secs(seconds);
            service.settings = Arc::new(Settings { idle_timeout, ..Settings::default() });
            service
        };
        let services: Vec<Service> = (0..100)
            .map(|number| {
                let mut object = Object::Service(Box::new(with(number % 50)));
                interner.intern(&mut object);
                let Object::Service(service) = object else { unreachable!() };
                assert_eq!(*service, with(number % 50));
                *service
            })
            .collect();
        assert!(Arc::ptr_eq(&services[0].settings, &services[50].settings));
        assert_eq!(interner.settings.len(), Interner::MAX_SETTINGS);
    }
}
