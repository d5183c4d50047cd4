//! How can a map of all Services be handed over at once, and changed while others read it?

use crate::model::{ServiceKey, stable_hasher};
use std::{collections::BTreeMap, hash::Hasher, sync::Arc};

/// Children of each of the two levels: 1024 leaves in all.
const FANOUT: usize = 32;

type Leaf<V> = BTreeMap<ServiceKey, V>;
type Branch<V> = [Arc<Leaf<V>>; FANOUT];

/// A map by Service in two levels of shared nodes. A clone increments one reference count; a change of one Service after it
/// copies one path: 2 x 32 pointers and one small leaf. A plain shared map would copy every entry on each change.
#[derive(Clone, Debug)]
pub struct SharedMap<V> {
    root: Arc<[Arc<Branch<V>>; FANOUT]>,
}

impl<V> Default for SharedMap<V> {
    fn default() -> Self {
        let leaf = Arc::new(Leaf::new());
        let branch = Arc::new(std::array::from_fn(|_| Arc::clone(&leaf)));
        Self { root: Arc::new(std::array::from_fn(|_| Arc::clone(&branch))) }
    }
}

impl<V> SharedMap<V> {
    /// The value of one Service.
    pub fn get(&self, key: &ServiceKey) -> Option<&V> {
        let (branch, leaf) = path(key);
        self.root[branch][leaf].get(key)
    }

    /// All entries, in an order that depends on the keys only.
    pub fn iter(&self) -> impl Iterator<Item = (&ServiceKey, &V)> {
        self.root.iter().flat_map(|branch| branch.iter()).flat_map(|leaf| leaf.iter())
    }

    /// Whether both are one map in memory, so that nothing differs. `false` does not mean that something differs.
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.root, &other.root)
    }

    /// The pairs of leaves of two maps that are not shared: all that can differ.
    pub fn differing<'a>(
        &'a self,
        other: &'a Self,
    ) -> impl Iterator<Item = (&'a BTreeMap<ServiceKey, V>, &'a BTreeMap<ServiceKey, V>)> {
        let branches = self.root.iter().zip(other.root.iter()).filter(|(a, b)| !Arc::ptr_eq(a, b));
        let leaves = branches.flat_map(|(a, b)| a.iter().zip(b.iter()));
        leaves.filter(|(a, b)| !Arc::ptr_eq(a, b)).map(|(a, b)| (&**a, &**b))
    }
}

impl<V: Clone> SharedMap<V> {
    /// Sets the value of one Service; returns the value before.
    pub fn insert(&mut self, key: ServiceKey, value: V) -> Option<V> {
        self.leaf_mut(&key).insert(key, value)
    }

    /// The value of one Service, to change it; a default one is inserted if there is none.
    pub fn get_or_default(&mut self, key: &ServiceKey) -> &mut V
    where
        V: Default,
    {
        self.leaf_mut(key).entry(key.clone()).or_default()
    }

    /// Removes one Service; returns its value. Copies nothing if the Service is not in the map.
    pub fn remove(&mut self, key: &ServiceKey) -> Option<V> {
        self.get(key)?;
        self.leaf_mut(key).remove(key)
    }

    fn leaf_mut(&mut self, key: &ServiceKey) -> &mut Leaf<V> {
        let (branch, leaf) = path(key);
        Arc::make_mut(&mut Arc::make_mut(&mut Arc::make_mut(&mut self.root)[branch])[leaf])
    }
}

impl<V: PartialEq> PartialEq for SharedMap<V> {
    fn eq(&self, other: &Self) -> bool {
        self.differing(other).all(|(mine, theirs)| mine == theirs)
    }
}

fn path(key: &ServiceKey) -> (usize, usize) {
    let mut hasher = stable_hasher(PATH_KEY);
    hasher.write(key.namespace.as_bytes());
    hasher.write_u8(b'/');
    hasher.write(key.name.as_bytes());
    let hash = hasher.finish() as usize;
    (hash % FANOUT, hash / FANOUT % FANOUT)
}

const PATH_KEY: u64 = 3;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key(number: u16) -> ServiceKey {
        ServiceKey::new("default", format!("web-{number}"))
    }

    #[test]
    fn a_clone_is_the_same_map_until_one_of_them_changes() {
        let mut map = SharedMap::default();
        map.insert(key(1), 1);
        let before = map.clone();
        map.remove(&key(2));
        assert!(map.is_same(&before), "what is not there changes nothing");
        *map.get_or_default(&key(1)) = 2;
        assert!(!map.is_same(&before));
        assert_eq!((before.get(&key(1)), map.get(&key(1))), (Some(&1), Some(&2)));
        assert_eq!(map.differing(&before).count(), 1);
    }

    proptest! {
        #[test]
        fn it_holds_what_a_plain_map_holds(steps in proptest::collection::vec((0u16..64, any::<Option<u8>>()), 0..200)) {
            let (mut map, mut plain) = (SharedMap::default(), BTreeMap::new());
            for (number, value) in steps {
                let old = map.clone();
                let was = plain.clone();
                match value {
                    Some(value) => prop_assert_eq!(map.insert(key(number), value), plain.insert(key(number), value)),
                    None => prop_assert_eq!(map.remove(&key(number)), plain.remove(&key(number))),
                }
                prop_assert_eq!(map == old, plain == was);
                let held: BTreeMap<_, _> = map.iter().map(|(key, value)| (key.clone(), *value)).collect();
                prop_assert_eq!(&held, &plain);
            }
        }
    }
}
