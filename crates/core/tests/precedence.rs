//! Does the same Service get an address whatever the order in which claims come and go? (semantics A7, A8)
#![allow(clippy::unwrap_used, reason = "clippy excuses test functions only, not their helpers")]

use proptest::prelude::*;
use std::collections::BTreeMap;
use weir_core::{Claimant, Claims, CreationTime, FrontendKind, PortKey, Protocol, Rank, ServiceKey};

const KINDS: [FrontendKind; 4] =
    [FrontendKind::ClusterIp, FrontendKind::LoadBalancerIp, FrontendKind::ExternalIp, FrontendKind::NodePort];

/// A claim of a Service on one of a few addresses.
#[derive(Clone, Debug, PartialEq)]
struct Asked {
    kind: FrontendKind,
    created: CreationTime,
    key: PortKey,
}

impl Claimant for Asked {
    fn rank(&self) -> Rank<'_> {
        Rank::of(self.kind, self.created, &self.key)
    }
}

/// What a Service asks for: when it was created, and a kind for each of the addresses that it wants.
type Wish = (Option<i64>, BTreeMap<u8, usize>);

fn wish() -> impl Strategy<Value = Wish> {
    (prop::option::of(0i64..3), prop::collection::btree_map(0u8..3, 0..KINDS.len(), 0..3))
}

fn service(name: u8) -> ServiceKey {
    ServiceKey::new("default", format!("web-{name}"))
}

fn asked(name: u8, (created, wanted): &Wish) -> Vec<(u8, Asked)> {
    let created = created.map_or(CreationTime::UNKNOWN, CreationTime::at);
    let key = PortKey { service: service(name), name: "".into(), protocol: Protocol::Tcp };
    let claim =
        |(address, kind): (&u8, &usize)| (*address, Asked { kind: KINDS[*kind], created, key: key.clone() });
    wanted.iter().map(claim).collect()
}

/// The winner by the rule as it is written: the kind, then the age, of which an unknown one is the least, then the name.
fn expected(wishes: &BTreeMap<u8, Wish>, address: u8) -> Option<u8> {
    let claims = wishes.iter().filter_map(|(name, (created, wanted))| {
        let kind = wanted.get(&address)?;
        Some((*kind, created.is_none(), *created, *name))
    });
    claims.min().map(|(.., name)| name)
}

proptest! {
    #[test]
    fn who_gets_an_address_follows_from_who_wants_it_and_not_from_who_came_first(
        changes in prop::collection::vec((0u8..4, prop::option::of(wish())), 1..40),
    ) {
        let (mut claims, mut wishes) = (Claims::default(), BTreeMap::new());
        for (name, wish) in changes {
            let asked = wish.as_ref().map(|wish| asked(name, wish)).unwrap_or_default();
            let before: Vec<_> = (0..3).map(|address| expected(&wishes, address)).collect();
            let touched = claims.replace(&service(name), asked);
            match wish {
                Some(wish) => wishes.insert(name, wish),
                None => wishes.remove(&name),
            };
            for address in 0..3 {
                let winner = claims.winner(address).map(|claim: &Asked| claim.key.service.clone());
                let wanted = expected(&wishes, address);
                prop_assert_eq!(&winner, &wanted.map(service), "address {}", address);
                let changed = wanted != before[usize::from(address)];
                prop_assert!(!changed || touched.contains(&address), "address {} has another winner", address);
            }
        }
    }
}
