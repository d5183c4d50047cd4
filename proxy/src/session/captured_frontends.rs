//! Which frontend did a client dial? What a worker knows of the frontends whose packets it receives (node mode).

use super::frontend::LocalFrontend;
use crate::shared::command::{CapturedFrontend, FrontendChange};
use std::{cell::RefCell, collections::HashMap, net::SocketAddr, rc::Rc, sync::Arc};
use weir_core::{Frontend, Origin};

/// The captured frontends of a worker.
#[derive(Default)]
pub(crate) struct CapturedFrontends {
    entries: RefCell<HashMap<Frontend, Entry>>,
}

/// A captured frontend. What serves its clients is built when the first one comes: of many frontends few are used.
struct Entry {
    target: CapturedFrontend,
    by_origin: Option<Box<[Option<Rc<LocalFrontend>>; 3]>>,
}

impl CapturedFrontends {
    /// What serves clients that dialled this address and come from there.
    pub(crate) fn frontend(&self, dialled: Frontend, origin: Origin) -> Option<Rc<LocalFrontend>> {
        let mut entries = self.entries.borrow_mut();
        let Entry { target, by_origin } = entries.get_mut(&dialled)?;
        let known = &mut by_origin.get_or_insert_default()[origin as usize];
        Some(Rc::clone(known.get_or_insert_with(|| target.frontend(dialled.address, origin))))
    }

    /// Serves frontends as they are to be from now on. Connections stay where they are.
    pub(crate) fn change(&self, changes: &[FrontendChange]) {
        let mut entries = self.entries.borrow_mut();
        for FrontendChange { frontend, target } in changes {
            match target {
                Some(target) => {
                    entries.insert(*frontend, Entry { target: target.clone(), by_origin: None });
                }
                None => drop(entries.remove(frontend)),
            }
        }
    }
}

impl CapturedFrontend {
    fn frontend(&self, address: SocketAddr, origin: Origin) -> Rc<LocalFrontend> {
        LocalFrontend::at(address, self.kind, Arc::clone(&self.runtime), Some(origin))
    }
}
