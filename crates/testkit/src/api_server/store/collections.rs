//! Which objects exist now, and what changed since a resource version?

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use serde_json::{Map, Value};

use super::object::Object;
use crate::api_server::resource::Resource;
use crate::api_server::status::Failure;

/// The most changes of a resource kept, as by a real watch cache; a watch that needs older ones gets 410.
const HISTORY_LIMIT: usize = 100_000;

/// All objects, with a history that watches read.
#[derive(Debug, Default)]
pub(crate) struct Store {
    head: u64,
    collections: BTreeMap<Resource, Collection>,
}

/// One change of one object.
#[derive(Debug)]
pub(crate) struct Change {
    pub(crate) version: u64,
    pub(crate) before: Option<Arc<Object>>,
    /// The object after the change, or at its deletion.
    pub(crate) object: Arc<Object>,
    pub(crate) deleted: bool,
}

#[derive(Debug, Default)]
struct Collection {
    objects: BTreeMap<Key, Arc<Object>>,
    history: VecDeque<Arc<Change>>,
    /// Every change after this version is in the history.
    floor: u64,
}

/// Namespace (empty for cluster-scoped objects) and name.
type Key = (String, String);

impl Store {
    /// The newest resource version.
    pub(crate) fn head(&self) -> u64 {
        self.head
    }

    /// Creates or replaces an object. One that is replaced keeps its uid.
    pub(crate) fn apply(&mut self, resource: Resource, value: Map<String, Value>) -> Arc<Object> {
        let version = self.advance();
        let fresh_uid = format!("00000000-0000-4000-8000-{version:012x}");
        let collection = self.collections.entry(resource).or_default();
        let metadata = value.get("metadata").unwrap_or(&Value::Null);
        let key = (owned(&metadata["namespace"]), owned(&metadata["name"]));
        let before = collection.objects.get(&key).cloned();
        let uid = before.as_ref().map_or(fresh_uid.as_str(), |object| &object.uid);
        let object = Arc::new(Object::new(resource, value, version, uid));
        collection.objects.insert(key, Arc::clone(&object));
        collection.remember(Change { version, before, object: Arc::clone(&object), deleted: false });
        object
    }

    /// Deletes an object; false if there is none.
    pub(crate) fn delete(&mut self, resource: Resource, namespace: &str, name: &str) -> bool {
        let collection = self.collections.entry(resource).or_default();
        let Some(before) = collection.objects.remove(&key(namespace, name)) else {
            return false;
        };
        let version = self.advance();
        let object = Arc::new(before.at(version));
        let change = Change { version, before: Some(before), object, deleted: true };
        self.collections.entry(resource).or_default().remember(change);
        true
    }

    /// One object.
    pub(crate) fn get(&self, resource: Resource, namespace: &str, name: &str) -> Option<Arc<Object>> {
        self.collections.get(&resource)?.objects.get(&key(namespace, name)).cloned()
    }

    /// All objects of a resource, in the order of namespace and name.
    pub(crate) fn objects(&self, resource: Resource) -> impl Iterator<Item = &Arc<Object>> {
        self.collections.get(&resource).into_iter().flat_map(|collection| collection.objects.values())
    }

    /// At most `limit` changes after a version, and the version up to which they are complete.
    pub(crate) fn changes_after(
        &self,
        resource: Resource,
        version: u64,
        limit: usize,
    ) -> Result<(Vec<Arc<Change>>, u64), Failure> {
        let Some(collection) = self.collections.get(&resource) else {
            return Ok((Vec::new(), self.head));
        };
        if version < collection.floor {
            return Err(Failure::too_old(version, collection.floor));
        }
        let start = collection.history.partition_point(|change| change.version <= version);
        let changes: Vec<_> = collection.history.range(start..).take(limit).cloned().collect();
        let complete = match changes.last() {
            Some(last) if changes.len() == limit => last.version,
            _ => self.head,
        };
        Ok((changes, complete))
    }

    /// A copy of the objects and the version, without history.
    pub(crate) fn backup(&self) -> Self {
        let objects = |collection: &Collection| Collection {
            objects: collection.objects.clone(),
            history: VecDeque::new(),
            floor: self.head,
        };
        let collections = Resource::ALL.map(|resource| {
            (resource, self.collections.get(&resource).map_or_else(Collection::default, objects))
        });
        Self { head: self.head, collections: collections.into() }
    }

    /// Forgets the history of every resource.
    pub(crate) fn compact(&mut self) {
        for resource in Resource::ALL {
            let collection = self.collections.entry(resource).or_default();
            collection.history.clear();
            collection.floor = self.head;
        }
    }

    fn advance(&mut self) -> u64 {
        self.head += 1;
        self.head
    }
}

impl Collection {
    fn remember(&mut self, change: Change) {
        if self.history.len() == HISTORY_LIMIT
            && let Some(forgotten) = self.history.pop_front()
        {
            self.floor = forgotten.version;
        }
        self.history.push_back(Arc::new(change));
    }
}

fn key(namespace: &str, name: &str) -> Key {
    (namespace.to_owned(), name.to_owned())
}

fn owned(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
