//! Whose clients sent captured datagrams? (node mode)

use super::sessions::Sessions;
use crate::{session::captured_frontends::CapturedFrontends, shared::command::FrontendChange};
use std::{
    cell::RefCell,
    collections::{HashMap, hash_map::Entry},
    rc::Rc,
};
use weir_core::{Frontend, Origin};

/// The sessions of captured frontends on one worker, by where clients come from. They are built when the first client
/// comes: of many frontends few are used.
pub(crate) struct CapturedSessions {
    captured_frontends: Rc<CapturedFrontends>,
    known: RefCell<HashMap<(Frontend, Origin), Rc<Sessions>>>,
}

impl CapturedSessions {
    /// The sessions of the frontends in `captured_frontends`.
    pub(crate) fn new(captured_frontends: &Rc<CapturedFrontends>) -> Rc<Self> {
        Rc::new(Self { captured_frontends: Rc::clone(captured_frontends), known: RefCell::default() })
    }

    /// The clients that send to this address and come from there. `None` if nothing serves them.
    pub(super) fn get(&self, captured: Frontend, origin: Origin) -> Option<Rc<Sessions>> {
        match self.known.borrow_mut().entry((captured, origin)) {
            Entry::Occupied(known) => Some(Rc::clone(known.get())),
            Entry::Vacant(entry) => {
                let sessions = Sessions::captured(self.captured_frontends.frontend(captured, origin)?);
                Some(Rc::clone(entry.insert(sessions)))
            }
        }
    }

    /// Follows frontends that were changed in the captured_frontends. Flows end with their frontend, and move with
    /// their next datagram if another Service port takes over. Resolves when the sockets of flows that ended are closed.
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
