//! Do Snapshots share what is equal, and do Changes name exactly what differs?
#![allow(clippy::unwrap_used, reason = "clippy excuses test functions only, not their helpers")]

use proptest::prelude::*;
use std::{collections::BTreeMap, sync::Arc};
use weir_core::{Changes, CreationTime, HealthCheck, Node, PerFamily, ResolvedService, ServiceKey, Snapshot};

/// A served Service whose content is one number.
fn served(name: u8, content: u8) -> Arc<ResolvedService> {
    let node_port = std::num::NonZeroU16::MIN;
    let health_check = HealthCheck { node_port, local_endpoints: content.into() };
    Arc::new(ResolvedService {
        key: key(name),
        created: CreationTime::UNKNOWN,
        ports: Vec::new(),
        health_checks: PerFamily { v4: Some(health_check), v6: None },
    })
}

fn key(name: u8) -> ServiceKey {
    ServiceKey::new("default", name.to_string())
}

fn snapshot(services: &BTreeMap<u8, u8>) -> Snapshot {
    let mut snapshot = Snapshot::default();
    services.iter().for_each(|(&name, &content)| snapshot.insert(served(name, content)));
    snapshot
}

fn services() -> impl Strategy<Value = BTreeMap<u8, u8>> {
    prop::collection::btree_map(any::<u8>(), 0u8..3, 0..60)
}

proptest! {
    #[test]
    fn applying_the_changes_to_the_old_gives_the_new(old in services(), new in services(), zone in any::<bool>()) {
        let (old, mut new) = (snapshot(&old), snapshot(&new));
        if zone {
            new.node = Arc::new(Node { zone: Some("z".into()), ..Node::named("n") });
        }
        let changes = Changes::between(&old, &new);
        let mut applied = old.clone();
        changes.apply(&mut applied);
        prop_assert!(applied == new);
        prop_assert_eq!(changes.is_empty(), old == new);
    }

    #[test]
    fn changes_name_what_differs_and_nothing_else(old in services(), new in services()) {
        let changes = Changes::between(&snapshot(&old), &snapshot(&new));
        let removed: Vec<_> = old.keys().filter(|name| !new.contains_key(name)).map(|&name| key(name)).collect();
        let mut changed: Vec<_> = new.iter().filter(|(name, content)| old.get(name) != Some(content)).map(|(&name, _)| key(name)).collect();
        changed.sort();
        let mut expected_removed = removed;
        expected_removed.sort();
        prop_assert_eq!(changes.removed, expected_removed);
        prop_assert_eq!(changes.changed.iter().map(|served| served.key.clone()).collect::<Vec<_>>(), changed);
    }

    #[test]
    fn a_change_to_a_copy_leaves_the_original(services in services(), name: u8) {
        let original = snapshot(&services);
        let mut copy = original.clone();
        copy.insert(served(name, 99));
        copy.remove(&key(name.wrapping_add(1)));
        prop_assert!(original == snapshot(&services));
        prop_assert_eq!(original.services().count(), services.len());
    }
}
