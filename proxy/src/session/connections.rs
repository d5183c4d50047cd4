//! Which connections does a worker have, and which of them must end now?

use super::{connection::Connection, frontend::LocalFrontend};
use std::{collections::HashMap, ops::Range, rc::Rc, time::Instant};
use weir_core::{Flow, OldestIdle};

/// The live connections of one worker.
///
/// No connection has a timer: its deadline is looked at when the worker's clock ticks, once a second.
#[derive(Default)]
pub(crate) struct Connections {
    live: HashMap<u64, Rc<Connection>>,
    deadlines: OldestIdle,
    /// The numbers of those that came before the last tick, and are to be told that they have grown.
    maturing: Range<u64>,
    /// The numbers of those that came between the last two ticks.
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

    /// Lists another one in the place of one with the same number.
    pub(crate) fn replace(&mut self, connection: &Rc<Connection>) {
        self.live.insert(connection.id, Rc::clone(connection));
    }

    /// Forgets a connection that has ended.
    pub(crate) fn remove(&mut self, id: u64) {
        self.live.remove(&id);
        let Self { live, deadlines, .. } = self;
        // Three deadlines at most: from its start, since it was half closed, and since its endpoint was removed.
        deadlines.compact(3 * live.len(), |id| live.contains_key(&id));
    }

    /// Looks at a connection's deadline from now on; to be told again when that has become an earlier one.
    pub(crate) fn watch(&mut self, connection: &Connection) {
        self.deadlines.push(connection.deadline(), connection.id);
    }

    /// One tick of the clock. What is due then is done by [`Self::signal_due`].
    pub(crate) fn tick(&mut self) {
        self.maturing.end = self.young.end;
        self.young = self.young.end..self.next;
    }

    /// Tells connections whose deadline has come to end, and those that have lived through a whole tick that they have
    /// grown: `most` at a time. Returns whether there may be more.
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

    /// The numbers of all.
    pub(crate) fn ids(&self) -> Vec<u64> {
        self.live.keys().copied().collect()
    }

    /// The one with a number, unless it has ended.
    pub(crate) fn get(&self, id: u64) -> Option<&Rc<Connection>> {
        self.live.get(&id)
    }

    /// All of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Rc<Connection>> {
        self.live.values()
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.live.len()
    }

    /// Whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.live.is_empty()
    }
}
