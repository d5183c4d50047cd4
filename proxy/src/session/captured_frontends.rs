//! Which frontend did a client dial? What a worker knows of the frontends whose packets it receives (node mode).

use super::{context::Worker, frontend::LocalFrontend};
use crate::{routing::port_runtime::Slot, udp::Clients};
use std::{
    cell::RefCell,
    collections::{HashMap, hash_map},
    net::SocketAddr,
    rc::Rc,
    sync::Arc,
};
use weir_core::{Frontend, FrontendKind, Origin};

/// What serves a frontend.
#[derive(Clone, Debug)]
pub(crate) struct Listing {
    pub(crate) kind: FrontendKind,
    pub(crate) slot: Arc<Slot>,
}

/// A frontend and what serves it from now on; `None` if it is not served any more.
pub(crate) type Change = (Frontend, Option<Listing>);

/// The frontends of a worker. It must not be a part of the worker: what it holds refers to that.
pub(crate) struct Catalog {
    pub(crate) worker: Rc<Worker>,
    entries: RefCell<HashMap<Frontend, Entry>>,
}

/// A frontend. What serves its clients is built when the first one comes: of many frontends few are used.
struct Entry {
    listing: Listing,
    connected: PerOrigin<LocalFrontend>,
    datagrams: PerOrigin<Clients>,
}

/// By where clients come from.
type PerOrigin<T> = Option<Box<[Option<Rc<T>>; 3]>>;

impl Catalog {
    pub(crate) fn new(worker: Rc<Worker>) -> Rc<Self> {
        Rc::new(Self { worker, entries: RefCell::default() })
    }

    /// What serves TCP clients that dialled this address and come from there.
    pub(crate) fn frontend(&self, dialled: Frontend, origin: Origin) -> Option<Rc<LocalFrontend>> {
        let mut entries = self.entries.borrow_mut();
        let Entry { listing, connected, .. } = entries.get_mut(&dialled)?;
        let known = &mut connected.get_or_insert_default()[origin as usize];
        let build = || listing.frontend(&self.worker, dialled.address, origin);
        Some(Rc::clone(known.get_or_insert_with(build)))
    }

    /// What serves UDP clients that send to this address and come from there.
    pub(crate) fn clients(&self, dialled: Frontend, origin: Origin) -> Option<Rc<Clients>> {
        let mut entries = self.entries.borrow_mut();
        let Entry { listing, datagrams, .. } = entries.get_mut(&dialled)?;
        let known = &mut datagrams.get_or_insert_default()[origin as usize];
        let build = || Clients::dialled(listing.frontend(&self.worker, dialled.address, origin));
        Some(Rc::clone(known.get_or_insert_with(build)))
    }

    /// Has frontends served as they are to be from now on. Connections stay where they are. UDP flows end with their
    /// frontend, and move with their next datagram if another Service port takes over. Resolves when the sockets of flows
    /// that ended are closed.
    pub(crate) fn change(&self, changes: &[Change]) -> impl Future<Output = ()> + use<> {
        let mut entries = self.entries.borrow_mut();
        let mut gone = Vec::new();
        for (socket, listing) in changes {
            match (entries.entry(*socket), listing) {
                (hash_map::Entry::Occupied(mut entry), Some(listing)) => {
                    entry.get_mut().redirect(&self.worker, socket.address, listing.clone());
                }
                (hash_map::Entry::Vacant(entry), Some(listing)) => {
                    let (connected, datagrams) = (None, None);
                    entry.insert(Entry { listing: listing.clone(), connected, datagrams });
                }
                (hash_map::Entry::Occupied(entry), None) => gone.extend(entry.remove().datagrams),
                (hash_map::Entry::Vacant(_), None) => {}
            }
        }
        async move {
            for clients in gone.into_iter().flat_map(|clients| clients.into_iter().flatten()) {
                clients.end_flows().await;
            }
        }
    }
}

impl Listing {
    /// Whether it says the same.
    pub(crate) fn is(&self, other: &Self) -> bool {
        self.kind == other.kind && Arc::ptr_eq(&self.slot, &other.slot)
    }

    fn frontend(&self, worker: &Rc<Worker>, address: SocketAddr, origin: Origin) -> Rc<LocalFrontend> {
        LocalFrontend::at(Rc::clone(worker), address, self.kind, Arc::clone(&self.slot), Some(origin))
    }
}

impl Entry {
    fn redirect(&mut self, worker: &Rc<Worker>, address: SocketAddr, listing: Listing) {
        self.listing = listing;
        self.connected = None;
        let known = self.datagrams.iter().flat_map(|clients| clients.iter());
        for (clients, origin) in known.zip([Origin::Node, Origin::Pod, Origin::Outside]) {
            if let Some(clients) = clients {
                clients.redirect(self.listing.frontend(worker, address, origin));
            }
        }
    }
}
