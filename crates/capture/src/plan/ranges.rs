//! Which lists of admitted sources are in use, and by how many frontends? Equal lists are one.

use ipnet::IpNet;
use std::{collections::HashMap, sync::Arc};
use weir_core::Family;

/// Names one list of sources in the rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct RangesId(pub(crate) u64);

/// A family, and its networks: sorted, none inside another.
pub(crate) type Networks = (Family, Arc<[IpNet]>);

/// The lists in use.
#[derive(Debug, Default)]
pub(crate) struct Ranges {
    ids: HashMap<Networks, RangesId>,
    in_use: HashMap<RangesId, (Networks, usize)>,
    last: u64,
    /// The last one of the time before.
    drained: u64,
    fresh: Vec<RangesId>,
    idle: Vec<RangesId>,
}

impl Ranges {
    /// A list by its name.
    pub(crate) fn get(&self, id: RangesId) -> Option<&Networks> {
        self.in_use.get(&id).map(|(networks, _)| networks)
    }

    /// All lists in use, in no order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (RangesId, &Networks)> {
        self.in_use.iter().map(|(id, (networks, _))| (*id, networks))
    }

    /// Counts one more user of these sources.
    pub(super) fn add_user(&mut self, family: Family, sources: &[IpNet]) -> RangesId {
        let of_family = sources.iter().filter(|net| Family::of(net.addr()) == family).copied().collect();
        let mut networks = IpNet::aggregate(&of_family);
        networks.sort_unstable();
        let key: Networks = (family, networks.into());
        let id = *self.ids.entry(key.clone()).or_insert_with(|| {
            self.last += 1;
            self.fresh.push(RangesId(self.last));
            RangesId(self.last)
        });
        self.in_use.entry(id).or_insert((key, 0)).1 += 1;
        id
    }

    /// Counts one user less.
    pub(super) fn remove_user(&mut self, id: RangesId) {
        if let Some((_, users)) = self.in_use.get_mut(&id) {
            *users -= 1;
            if *users == 0 {
                self.idle.push(id);
            }
        }
    }

    /// Forgets lists without users. Returns those that came into use since the last time, and those that went out of it.
    pub(super) fn drain_changes(&mut self) -> (Vec<RangesId>, Vec<RangesId>) {
        let mut gone = Vec::new();
        for id in std::mem::take(&mut self.idle) {
            if self.in_use.get(&id).is_some_and(|(_, users)| *users == 0)
                && let Some((networks, _)) = self.in_use.remove(&id)
            {
                self.ids.remove(&networks);
                gone.push(id);
            }
        }
        let mut fresh = std::mem::take(&mut self.fresh);
        // What came and went in between never was.
        fresh.retain(|id| self.in_use.contains_key(id));
        gone.retain(|id| id.0 <= self.drained);
        self.drained = self.last;
        (fresh, gone)
    }
}
