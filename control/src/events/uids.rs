//! Which uid has a Service? Known for all Services of an API server, in a few bytes each.

use std::{
    collections::HashMap,
    hash::{BuildHasher, RandomState},
};
use weir_core::ServiceKey;

/// Uids by the hash of a Service's key: texts would take several times the memory. The key of the hash is secret.
#[derive(Debug, Default)]
pub(super) struct Uids {
    keys: RandomState,
    uids: HashMap<u64, Uid>,
    /// Number of lists so far.
    lists: u32,
}

#[derive(Debug)]
struct Uid {
    uid: u128,
    /// Number of the list that has named the Service last.
    list: u32,
}

impl Uids {
    /// Begins a list of all Services.
    pub(super) fn begin_list(&mut self) {
        self.lists = self.lists.wrapping_add(1);
    }

    /// Forgets the Services that the list, which is complete, did not name.
    pub(super) fn complete_list(&mut self) {
        self.uids.retain(|_, uid| uid.list == self.lists);
    }

    pub(super) fn put(&mut self, service: &ServiceKey, uid: u128) {
        self.uids.insert(self.keys.hash_one(service), Uid { uid, list: self.lists });
    }

    pub(super) fn forget(&mut self, service: &ServiceKey) {
        self.uids.remove(&self.keys.hash_one(service));
    }

    pub(super) fn get(&self, service: &ServiceKey) -> Option<u128> {
        self.uids.get(&self.keys.hash_one(service)).map(|known| known.uid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_that_a_complete_list_does_not_name_is_forgotten() {
        let [web, dns] = ["web", "dns"].map(|name| ServiceKey::new("default", name));
        let mut uids = Uids::default();
        uids.begin_list();
        uids.put(&web, 1);
        uids.put(&dns, 2);
        uids.begin_list();
        uids.put(&web, 3);
        assert_eq!((uids.get(&web), uids.get(&dns)), (Some(3), Some(2)));
        uids.complete_list();
        assert_eq!((uids.get(&web), uids.get(&dns)), (Some(3), None));
        uids.forget(&web);
        assert_eq!(uids.get(&web), None);
    }
}
