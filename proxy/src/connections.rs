//! Which connections does a worker have, and which of them have been silent for too long?

use crate::{connection::Connection, frontend::Frontend};
use std::{collections::HashMap, ops::Range, rc::Rc, time::Instant};
use weir_core::{Flow, idle::OldestIdle};

/// The live connections of one worker.
///
/// No connection has a timer: its deadline is looked at when the worker's clock ticks, once a second.
#[derive(Default)]
pub(crate) struct Connections {
    live: HashMap<u64, Rc<Connection>>,
    deadlines: OldestIdle,
    /// The numbers of those that came between the last two ticks.
    young: Range<u64>,
    next: u64,
}

impl Connections {
    /// Lists a new connection.
    pub(crate) fn add(&mut self, frontend: Rc<Frontend>, flow: Flow) -> Rc<Connection> {
        let connection = Connection::new(self.next, frontend, flow);
        self.live.insert(self.next, Rc::clone(&connection));
        self.next += 1;
        connection
    }

    /// Forgets a connection that has ended.
    pub(crate) fn remove(&mut self, id: u64) {
        self.live.remove(&id);
        let Self { live, deadlines, .. } = self;
        // Two deadlines at most: one from its start, and one since it was half closed.
        deadlines.compact(2 * live.len(), |id| live.contains_key(&id));
    }

    /// Looks at a connection's deadline from now on; to be told again when that has become an earlier one.
    pub(crate) fn watch(&mut self, connection: &Connection) {
        self.deadlines.push(connection.deadline(), connection.id);
    }

    /// One tick of the clock: tells connections that have been silent for too long to end, and those that have lived
    /// through a whole tick that they have grown.
    pub(crate) fn tick(&mut self, now: Instant) {
        let Self { live, deadlines, .. } = self;
        while let Some(id) =
            deadlines.pop_due(now, |id| live.get(&id).map(|connection| connection.deadline()))
        {
            if let Some(connection) = live.get(&id) {
                connection.order.give(connection.silence());
            }
        }
        self.young.clone().filter_map(|id| live.get(&id)).for_each(|connection| connection.note_grown());
        self.young = self.young.end..self.next;
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
