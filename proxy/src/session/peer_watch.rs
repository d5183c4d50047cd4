//! Which peers have not acknowledged what was written to them, and are they alive?
//!
//! A connection is looked at from time to time after something was written, until all of it is acknowledged. The kernel is
//! asked about a side that was written to and has sent nothing since. Connections that are idle, or that talk both ways, cost
//! no question, and idle ones no look: keepalive watches them.

use super::connection::Connection;
use crate::{
    shared::{
        command::{Command, Side, TICK},
        peer_question::{PeerQuestion, PeerQuestions},
    },
    sys::{peer::probe_peer, sock_diag::SocketKey},
    telemetry::close_reason::Closed,
};
use std::{collections::HashMap, os::fd::BorrowedFd, time::Instant};
use tokio::sync::mpsc::WeakUnboundedSender;
use weir_core::{Liveness, OldestIdle, PeerReport, PeerVerdict};

/// The connections of one worker whose peers have not acknowledged everything, as far as is known.
#[derive(Debug, Default)]
pub(crate) struct PeerWatch {
    /// Where questions go; `None` where the kernel cannot be asked.
    questions: Option<PeerQuestions>,
    watched: HashMap<u64, Watched>,
    due: OldestIdle,
}

/// What is known of both peers of a connection.
#[derive(Debug)]
struct Watched {
    look_at: Instant,
    client: Peer,
    endpoint: Peer,
}

/// What is known of one peer.
#[derive(Debug, Default)]
struct Peer {
    /// Bytes that had come from this side at the last look.
    heard: u64,
    /// Bytes that were written to this side and are acknowledged; `None` before this is known.
    acknowledged: Option<u64>,
    liveness: Option<Liveness>,
}

impl PeerWatch {
    pub(crate) fn new(questions: Option<PeerQuestions>) -> Self {
        Self { questions, ..Self::default() }
    }

    /// Watches the peers of a connection to which something was written, from the beginning.
    pub(crate) fn begin(&mut self, connection: &Connection, now: Instant) {
        if self.questions.is_none() {
            return;
        }
        let look_at = now + Liveness::look_interval(connection.dead_peer_timeout());
        // What has come so far says nothing of what has come since.
        let peer = |heard| Peer { heard, ..Peer::default() };
        let (client, endpoint) = (peer(connection.to_endpoint.get()), peer(connection.to_client.get()));
        self.watched.insert(connection.id, Watched { look_at, client, endpoint });
        self.due.push(look_at, connection.id);
        connection.set_peers_watched(true);
    }

    /// Takes out a connection that is to be looked at now; it is due again later.
    pub(super) fn pop_due(&mut self, now: Instant) -> Option<u64> {
        let Self { watched, due, .. } = self;
        due.pop_due(now, |id| watched.get(&id).map(|watched| watched.look_at))
    }

    /// Forgets a connection.
    pub(crate) fn remove(&mut self, id: u64) {
        self.watched.remove(&id);
        let Self { watched, due, .. } = self;
        // Few more than one each: a connection that is watched anew is noted once more.
        due.compact(2 * watched.len(), |id| watched.contains_key(&id));
    }

    /// Looks at both peers at `now`: asks the kernel about those that may not have acknowledged everything. Answers go to
    /// `answer_to`.
    pub(super) fn look(
        &mut self,
        now: Instant,
        connection: &Connection,
        [client, endpoint]: [BorrowedFd<'_>; 2],
        answer_to: &WeakUnboundedSender<Command>,
    ) {
        let Self { questions: Some(questions), watched, due } = self else { return };
        let Some(watched) = watched.get_mut(&connection.id) else { return };
        let (to_client, to_endpoint) = (connection.to_client.get(), connection.to_endpoint.get());
        for (side, peer, heard, written, socket) in [
            (Side::Client, &mut watched.client, to_endpoint, to_client, client),
            (Side::Endpoint, &mut watched.endpoint, to_client, to_endpoint, endpoint),
        ] {
            if let Some(socket) = peer.look(now, heard, written, socket) {
                let (connection, answer_to) = (connection.id, answer_to.clone());
                // Asked again at the next look if there is no room.
                let _ = questions.try_send(PeerQuestion { connection, side, socket, written, answer_to });
            }
        }
        watched.look_at = now + Liveness::look_interval(connection.dead_peer_timeout());
        due.push(watched.look_at, connection.id);
        self.end_if_idle(connection);
    }

    /// Judges a side of a connection by what the kernel said at `at`; ends the connection if it is dead. `written` bytes had
    /// been written to the side when the kernel was asked.
    pub(super) fn judge(
        &mut self,
        connection: &Connection,
        side: Side,
        written: u64,
        at: Instant,
        report: &PeerReport,
    ) {
        let Some(watched) = self.watched.get_mut(&connection.id) else { return };
        let (peer, closed) = match side {
            Side::Client => (&mut watched.client, Closed::ClientTimeout),
            Side::Endpoint => (&mut watched.endpoint, Closed::EndpointTimeout),
        };
        let timeout = connection.dead_peer_timeout();
        let liveness = peer.liveness.get_or_insert_with(|| Liveness::new(timeout));
        match liveness.judge(at, connection.last_active() + TICK, report) {
            PeerVerdict::Idle => {
                peer.liveness = None;
                peer.acknowledged = Some(written);
                self.end_if_idle(connection);
            }
            PeerVerdict::Alive(look_at) => watched.look_at = look_at,
            PeerVerdict::Dead => connection.close_signal.send(closed),
        }
    }

    /// Forgets a connection whose peers have acknowledged everything.
    fn end_if_idle(&mut self, connection: &Connection) {
        let Some(Watched { client, endpoint, .. }) = self.watched.get(&connection.id) else { return };
        let is_idle =
            client.is_idle(connection.to_client.get()) && endpoint.is_idle(connection.to_endpoint.get());
        if is_idle {
            self.remove(connection.id);
            connection.set_peers_watched(false);
        }
    }

    /// Whether no connection is watched.
    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.watched.is_empty()
    }
}

impl Peer {
    /// Looks at the peer, from which `heard` and to which `written` bytes have gone; returns the socket if the kernel is to
    /// be asked about it.
    fn look(&mut self, now: Instant, heard: u64, written: u64, socket: BorrowedFd<'_>) -> Option<SocketKey> {
        if heard != self.heard {
            // What comes from a peer shows that it is alive.
            self.heard = heard;
            self.liveness = None;
            return None;
        }
        if self.is_idle(written) {
            return None;
        }
        if let Some(liveness) = self.liveness.as_mut().filter(|liveness| liveness.wants_probe(now))
            && probe_peer(&socket).is_ok()
        {
            liveness.probed();
        }
        SocketKey::of(&socket).ok()
    }

    /// Whether the peer has acknowledged all that was written to it.
    fn is_idle(&self, written: u64) -> bool {
        self.liveness.is_none() && self.acknowledged == Some(written)
    }
}
