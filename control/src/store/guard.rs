//! What do guards refuse of each Service, and what of it is new?

use crate::{Object, ObjectKey, Problem};
use std::collections::{BTreeMap, HashMap};
use weir_core::{
    ServiceKey,
    guards::{Refusal, Refused, Role, guard_service, guard_slice},
};

/// What is refused of one Service, when that has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusals {
    /// The Service.
    pub service: ServiceKey,
    /// All that is refused now.
    pub refused: Refused,
    /// What of it was not refused before.
    pub new: Refused,
}

impl Refusals {
    /// One problem for each reason, with an address as an example.
    pub fn problems(&self) -> BTreeMap<(Role, Refusal), Problem> {
        let mut counts = BTreeMap::<(Role, Refusal), Vec<_>>::new();
        for &(role, reason, ip) in &self.refused {
            counts.entry((role, reason)).or_default().push(ip);
        }
        let problem = |((role, reason), ips): ((Role, Refusal), Vec<_>)| {
            let first = ips[0];
            let more = match ips.len() - 1 {
                0 => String::new(),
                more => format!(" (and {more} more)"),
            };
            let (field, fate) = match role {
                Role::Endpoint => ("endpoints", "not dialled"),
                Role::Frontend => ("addresses", "not served"),
            };
            let problem = Problem {
                object: format!("Service {}", self.service),
                field: field.to_owned(),
                message: format!("{first}{more} is a {reason} address, which is {fate} (--guards)"),
                refused: false,
            };
            ((role, reason), problem)
        };
        counts.into_iter().map(problem).collect()
    }
}

/// Takes out of objects what must be neither served nor dialled, and remembers what that was.
#[derive(Debug, Default)]
pub(super) struct Guard {
    /// What was refused, by the object that names it. Most name nothing.
    of_objects: HashMap<ObjectKey, Refused>,
    /// The same by Service, as it was last told.
    of_services: HashMap<ServiceKey, Refused>,
}

impl Guard {
    /// Takes out of an object what is refused.
    pub(super) fn check(&mut self, key: &ObjectKey, object: &mut Object) {
        let refused = match object {
            Object::Service(service) => guard_service(service),
            Object::EndpointSlice(slice) => guard_slice(slice),
            Object::Node(_) | Object::ServiceCidr(_) => return,
        };
        if refused.is_empty() {
            self.of_objects.remove(key);
        } else {
            self.of_objects.insert(key.clone(), refused);
        }
    }

    /// Forgets an object that is gone.
    pub(super) fn forget(&mut self, key: &ObjectKey) {
        self.of_objects.remove(key);
    }

    /// What is refused of a Service that is made of these objects, if that has changed.
    pub(super) fn news(
        &mut self,
        service: &ServiceKey,
        objects: impl Iterator<Item = ObjectKey>,
    ) -> Option<Refusals> {
        if self.of_objects.is_empty() && self.of_services.is_empty() {
            return None;
        }
        let refused: Refused =
            objects.filter_map(|key| self.of_objects.get(&key)).flatten().copied().collect();
        let before = match refused.is_empty() {
            true => self.of_services.remove(service),
            false => self.of_services.insert(service.clone(), refused.clone()),
        };
        let before = before.unwrap_or_default();
        let new = refused.difference(&before).copied().collect();
        (before != refused).then(|| Refusals { service: service.clone(), refused, new })
    }
}
