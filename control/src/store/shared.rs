//! Which parts of objects are equal? Objects repeat names, hints and settings many times; one copy of each is kept.

use crate::Object;
use std::{collections::HashSet, hash::Hash, sync::Arc};
use weir_core::{EndpointSlice, Hints, Service, ServiceKey, Settings};

/// One copy of each part that objects have in common.
#[derive(Debug, Default)]
pub(super) struct Shared {
    names: Pool<str>,
    hints: Pool<Hints>,
    settings: Vec<Arc<Settings>>,
}

impl Shared {
    /// Beyond this many different settings, equal ones are not looked for: the search is linear.
    const MOST_SETTINGS: usize = 16;

    /// Has an object use the copies that others use.
    pub(super) fn share(&mut self, object: &mut Object) {
        match object {
            Object::Service(service) => self.share_service(service),
            Object::EndpointSlice(slice) => self.share_slice(slice),
            Object::Node(_) | Object::ServiceCidr(_) => {}
        }
    }

    fn share_service(&mut self, service: &mut Service) {
        self.share_key(&mut service.key);
        service.ports.iter_mut().for_each(|port| self.names.share(&mut port.name));
        match self.settings.iter().find(|known| **known == service.settings) {
            Some(known) => service.settings = Arc::clone(known),
            None => {
                self.settings.retain(|known| Arc::strong_count(known) > 1);
                if self.settings.len() < Self::MOST_SETTINGS {
                    self.settings.push(Arc::clone(&service.settings));
                }
            }
        }
    }

    fn share_slice(&mut self, slice: &mut EndpointSlice) {
        self.share_key(&mut slice.service);
        slice.ports.iter_mut().for_each(|port| self.names.share(&mut port.name));
        for endpoint in &mut slice.endpoints {
            endpoint.node.iter_mut().chain(&mut endpoint.zone).for_each(|name| self.names.share(name));
            self.hints.share(&mut endpoint.hints);
        }
    }

    fn share_key(&mut self, key: &mut ServiceKey) {
        self.names.share(&mut key.namespace);
        self.names.share(&mut key.name);
    }
}

/// Values of one type. What nobody uses any more is forgotten once that may be half of them.
#[derive(Debug)]
struct Pool<T: ?Sized> {
    known: HashSet<Arc<T>>,
    /// How many may be known until they are looked through.
    most: usize,
}

impl<T: ?Sized> Default for Pool<T> {
    fn default() -> Self {
        Self { known: HashSet::new(), most: LEAST }
    }
}

/// Fewer are never looked through.
const LEAST: usize = 1024;

impl<T: ?Sized + Eq + Hash> Pool<T> {
    /// Replaces a value by the known one that is equal.
    fn share(&mut self, value: &mut Arc<T>) {
        if let Some(known) = self.known.get(&**value) {
            *value = Arc::clone(known);
            return;
        }
        if self.known.len() >= self.most {
            self.known.retain(|known| Arc::strong_count(known) > 1);
            self.most = LEAST.max(2 * self.known.len());
        }
        self.known.insert(Arc::clone(value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::num::NonZeroU16;
    use weir_core::{Conditions, Family, Protocol, SliceEndpoint, SlicePort};

    fn slice(name: &str, zone: &str) -> Object {
        let port = SlicePort { name: "http".into(), protocol: Protocol::Tcp, port: NonZeroU16::MIN };
        let endpoint = SliceEndpoint {
            ip: [10, 0, 0, 1].into(),
            conditions: Conditions::default(),
            node: Some("worker-1".into()),
            zone: Some(zone.into()),
            hints: Arc::new(Hints { zones: [zone.into()].into(), nodes: Box::default() }),
        };
        Object::EndpointSlice(EndpointSlice {
            name: name.into(),
            service: ServiceKey::new("default", "web"),
            family: Family::V4,
            ports: vec![port],
            endpoints: vec![endpoint],
        })
    }

    #[test]
    fn equal_parts_of_objects_are_one_and_others_stay_as_they_are() {
        let mut shared = Shared::default();
        let slices = ["a", "a", "b"].map(|zone| {
            let mut object = slice("web-1", zone);
            shared.share(&mut object);
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
        let mut shared = Shared::default();
        let mut kept = slice("kept", "zone");
        shared.share(&mut kept);
        for number in 0..100 * LEAST {
            shared.share(&mut slice("web-1", &format!("zone-{number}")));
            assert!(shared.names.known.len() <= 2 * LEAST && shared.hints.known.len() <= 2 * LEAST);
        }
        let mut again = slice("kept", "zone");
        shared.share(&mut again);
        let [Object::EndpointSlice(kept), Object::EndpointSlice(again)] = [kept, again] else {
            unreachable!()
        };
        assert!(Arc::ptr_eq(&kept.service.name, &again.service.name));
    }

    #[test]
    fn settings_are_shared_while_there_are_few_and_never_mixed_up() {
        let mut shared = Shared::default();
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
                shared.share(&mut object);
                let Object::Service(service) = object else { unreachable!() };
                assert_eq!(*service, with(number % 50));
                *service
            })
            .collect();
        assert!(Arc::ptr_eq(&services[0].settings, &services[50].settings));
        assert_eq!(shared.settings.len(), Shared::MOST_SETTINGS);
    }
}
