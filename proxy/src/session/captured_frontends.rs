//! Which frontend did the client of a captured packet dial? (node mode)

use super::frontend::LocalFrontend;
use crate::shared::command::{CapturedFrontend, FrontendChange};
use std::{cell::RefCell, collections::HashMap, net::SocketAddr, rc::Rc, sync::Arc};
use weir_core::{Frontend, Origin};

/// The captured frontends of a worker.
#[derive(Default)]
pub(crate) struct CapturedFrontends {
    entries: RefCell<HashMap<Frontend, Entry>>,
}

/// A captured frontend. Its [`LocalFrontend`] for an origin is built with the first client: of many frontends few are
/// used.
struct Entry {
    target: CapturedFrontend,
    by_origin: Option<Box<[Option<Rc<LocalFrontend>>; 3]>>,
}

impl CapturedFrontends {
    /// The local frontend of clients from `origin`; `None` if `dialled` is not served.
    pub(crate) fn frontend(&self, dialled: Frontend, origin: Origin) -> Option<Rc<LocalFrontend>> {
        let mut entries = self.entries.borrow_mut();
        let Entry { target, by_origin } = entries.get_mut(&dialled)?;
        let known = &mut by_origin.get_or_insert_default()[origin as usize];
        Some(Rc::clone(known.get_or_insert_with(|| target.frontend(dialled.address, origin))))
    }

    /// Applies changes to new connections and flows. Existing connections keep their endpoints.
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
