//! Which lists of admitted sources are in use, and by how many frontends? Equal lists are kept once.

use ipnet::IpNet;
use std::{collections::HashMap, sync::Arc};
use weir_core::Family;

/// Identifies one list of sources in the rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct RangesId(pub(crate) u64);

/// A family and networks of that family: sorted, none inside another.
pub(crate) type Networks = (Family, Arc<[IpNet]>);

/// The lists of sources in use.
#[derive(Debug, Default)]
pub(crate) struct Ranges {
    ids: HashMap<Networks, RangesId>,
    in_use: HashMap<RangesId, (Networks, usize)>,
    last: u64,
    /// The newest id at the last [`drain_changes`](Self::drain_changes).
    drained: u64,
    fresh: Vec<RangesId>,
    idle: Vec<RangesId>,
}

impl Ranges {
    /// The list with this id.
    pub(crate) fn get(&self, id: RangesId) -> Option<&Networks> {
        self.in_use.get(&id).map(|(networks, _)| networks)
    }

    /// Lists in use, in no order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (RangesId, &Networks)> {
        self.in_use.iter().map(|(id, (networks, _))| (*id, networks))
    }

    /// Counts one more user of a list of sources, which is kept if it is new. Returns its id.
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

    /// Counts one user of a list less.
    pub(super) fn remove_user(&mut self, id: RangesId) {
        if let Some((_, users)) = self.in_use.get_mut(&id) {
            *users -= 1;
            if *users == 0 {
                self.idle.push(id);
            }
        }
    }

    /// Forgets lists without users. Returns the lists that came into use since the last call, and those that went out of use.
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
