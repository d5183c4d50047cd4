//! Whose clients sent captured datagrams? (node mode)

use super::sessions::Sessions;
use crate::{session::captured_frontends::CapturedFrontends, shared::command::FrontendChange};
use std::{
    cell::RefCell,
    collections::{HashMap, hash_map::Entry},
    rc::Rc,
};
use weir_core::{Frontend, Origin};

/// Sessions of captured frontends on one worker, by origin of the clients. Built when the first client comes: of many
/// frontends few are used.
pub(crate) struct CapturedSessions {
    captured_frontends: Rc<CapturedFrontends>,
    known: RefCell<HashMap<(Frontend, Origin), Rc<Sessions>>>,
}

impl CapturedSessions {
    /// Creates sessions for the frontends in `captured_frontends`, none of them yet.
    pub(crate) fn new(captured_frontends: &Rc<CapturedFrontends>) -> Rc<Self> {
        Rc::new(Self { captured_frontends: Rc::clone(captured_frontends), known: RefCell::default() })
    }

    /// Sessions of clients from `origin` that send to a frontend; `None` if that is not served.
    pub(super) fn get(&self, frontend: Frontend, origin: Origin) -> Option<Rc<Sessions>> {
        match self.known.borrow_mut().entry((frontend, origin)) {
            Entry::Occupied(known) => Some(Rc::clone(known.get())),
            Entry::Vacant(entry) => {
                let sessions = Sessions::captured(self.captured_frontends.frontend(frontend, origin)?);
                Some(Rc::clone(entry.insert(sessions)))
            }
        }
    }

    /// Follows changes of captured frontends. Flows end with their frontend, and move with their next datagram if
    /// another Service port takes over. Resolves when the sockets of flows that ended are closed.
    pub(crate) fn change(&self, changes: &[FrontendChange]) -> impl Future<Output = ()> + use<> {
        let mut known = self.known.borrow_mut();
        let mut gone = Vec::new();
        for &FrontendChange { frontend, .. } in changes {
            for origin in [Origin::Node, Origin::Pod, Origin::Outside] {
                let Entry::Occupied(entry) = known.entry((frontend, origin)) else { continue };
                match self.captured_frontends.frontend(frontend, origin) {
                    Some(now) => entry.get().redirect(now),
                    None => gone.push(entry.remove()),
                }
            }
        }
        async move {
            for sessions in gone {
                sessions.end_flows().await;
            }
        }
    }
}
