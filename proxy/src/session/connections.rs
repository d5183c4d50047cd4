//! Which connections does a worker have, and which of them must end now?

use super::{connection::Connection, frontend::LocalFrontend};
use std::{collections::HashMap, ops::Range, rc::Rc, time::Instant};
use weir_core::{Flow, OldestIdle};

/// The live connections of one worker.
///
/// No connection has a timer: deadlines are looked at when the worker's clock ticks, once a second.
#[derive(Default)]
pub(crate) struct Connections {
    live: HashMap<u64, Rc<Connection>>,
    deadlines: OldestIdle,
    /// Numbers of connections that have lived through a whole tick and are still to be marked as mature.
    maturing: Range<u64>,
    /// Numbers of connections that came between the last two ticks.
    young: Range<u64>,
    next: u64,
}

impl Connections {
    /// Lists a new connection.
    pub(crate) fn add(&mut self, frontend: Rc<LocalFrontend>, flow: Flow) -> Rc<Connection> {
        let connection = Connection::new(self.next, frontend, flow);
        self.live.insert(self.next, Rc::clone(&connection));
        self.next += 1;
        connection
    }

    /// Lists `connection` instead of the one with its number.
    pub(crate) fn replace(&mut self, connection: &Rc<Connection>) {
        self.live.insert(connection.id, Rc::clone(connection));
    }

    /// Forgets a connection that has ended.
    pub(crate) fn remove(&mut self, id: u64) {
        self.live.remove(&id);
        let Self { live, deadlines, .. } = self;
        // Four deadlines at most: from its start, since it was half closed, since its endpoint was removed, and since one of
        // its sides failed.
        deadlines.compact(4 * live.len(), |id| live.contains_key(&id));
    }

    /// Registers a connection's deadline; to be called again once the deadline became earlier.
    pub(crate) fn watch(&mut self, connection: &Connection) {
        self.deadlines.push(connection.deadline(), connection.id);
    }

    /// Advances by one tick of the clock. [`Self::signal_due`] does what is due then.
    pub(crate) fn tick(&mut self) {
        self.maturing.end = self.young.end;
        self.young = self.young.end..self.next;
    }

    /// Ends connections whose deadline has come, and marks connections that have lived through a whole tick as mature;
    /// at most `max` in all. Returns whether there may be more.
    pub(crate) fn signal_due(&mut self, now: Instant, max: usize) -> bool {
        let Self { live, deadlines, maturing, .. } = self;
        for _ in 0..max {
            let deadline = |id| live.get(&id).map(|connection| connection.deadline());
            if let Some(due) = deadlines.pop_due(now, deadline).and_then(|id| live.get(&id)) {
                due.close_signal.send(due.overdue(now));
            } else if let Some(connection) = maturing.find_map(|id| live.get(&id)) {
                connection.mark_mature();
            } else {
                return false;
            }
        }
        true
    }

    /// Numbers of all connections.
    pub(crate) fn ids(&self) -> Vec<u64> {
        self.live.keys().copied().collect()
    }

    /// The connection with a number; `None` if it has ended.
    pub(crate) fn get(&self, id: u64) -> Option<&Rc<Connection>> {
        self.live.get(&id)
    }

    /// All connections.
    #[cfg(test)]
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Rc<Connection>> {
        self.live.values()
    }

    /// Number of connections.
    pub(crate) fn len(&self) -> usize {
        self.live.len()
    }

    /// Whether there is no connection.
    pub(crate) fn is_empty(&self) -> bool {
        self.live.is_empty()
    }
}
