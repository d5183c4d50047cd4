//! Whose clients sent captured datagrams? (node mode)

use super::sessions::Clients;
use crate::{session::captured_frontends::Catalog, shared::command::Change};
use std::{
    cell::RefCell,
    collections::{HashMap, hash_map::Entry},
    rc::Rc,
};
use weir_core::{Frontend, Origin};

/// The sessions of captured frontends on one worker, by where clients come from. They are built when the first client
/// comes: of many frontends few are used.
pub(crate) struct CapturedSessions {
    catalog: Rc<Catalog>,
    known: RefCell<HashMap<(Frontend, Origin), Rc<Clients>>>,
}

impl CapturedSessions {
    /// The sessions of the frontends in `catalog`.
    pub(crate) fn new(catalog: &Rc<Catalog>) -> Rc<Self> {
        Rc::new(Self { catalog: Rc::clone(catalog), known: RefCell::default() })
    }

    /// The clients that send to this address and come from there. `None` if nothing serves them.
    pub(super) fn get(&self, dialled: Frontend, origin: Origin) -> Option<Rc<Clients>> {
        match self.known.borrow_mut().entry((dialled, origin)) {
            Entry::Occupied(known) => Some(Rc::clone(known.get())),
            Entry::Vacant(entry) => {
                let clients = Clients::dialled(self.catalog.frontend(dialled, origin)?);
                Some(Rc::clone(entry.insert(clients)))
            }
        }
    }

    /// Follows frontends that were changed in the catalog. Flows end with their frontend, and move with
    /// their next datagram if another Service port takes over. Resolves when the sockets of flows that ended are closed.
    pub(crate) fn change(&self, changes: &[Change]) -> impl Future<Output = ()> + use<> {
        let mut known = self.known.borrow_mut();
        let mut gone = Vec::new();
        for &(frontend, _) in changes {
            for origin in [Origin::Node, Origin::Pod, Origin::Outside] {
                let Entry::Occupied(entry) = known.entry((frontend, origin)) else { continue };
                match self.catalog.frontend(frontend, origin) {
                    Some(now) => entry.get().redirect(now),
                    None => gone.push(entry.remove()),
                }
            }
        }
        async move {
            for clients in gone {
                clients.end_flows().await;
            }
        }
    }
}
