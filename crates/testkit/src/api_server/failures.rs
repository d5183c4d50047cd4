//! How does a test make an API server fail, go away or lose what it knew?

use std::collections::BTreeSet;
use std::io;

use super::faults::{EndlessList, Misbehaviour};
use super::resource::Resource;
use super::server::ApiServer;
use super::store::Store;

/// The objects of a test API server at some moment.
#[derive(Debug)]
pub struct Backup(Store);

/// What a test can do to its API server.
impl ApiServer {
    /// Forgets all history: a watch that still needs some gets 410 as an ERROR event and ends, be it open
    /// (when it has not yet delivered everything) or new; continue tokens expire.
    pub fn compact(&self) {
        self.state.store().compact();
        self.state.pages().forget();
    }

    /// Cuts every connection that carries an open watch, in the middle of its answer.
    pub fn drop_streams(&self) {
        self.state.signals.send_modify(|signals| signals.cuts += 1);
    }

    /// With `true`, the watches that are open now stay open but deliver nothing, nor do they time out, as if
    /// the peer had silently died; new ones work. With `false`, all go on where they stopped.
    pub fn stall_streams(&self, stall: bool) {
        let below = if stall { self.state.streams_numbered() } else { 0 };
        self.state.signals.send_modify(|signals| signals.stalled_below = below);
    }

    /// Sends a bookmark in every open watch that allows them.
    pub fn send_bookmarks(&self) {
        self.state.signals.send_modify(|signals| signals.bookmarks += 1);
    }

    /// With `true`, watches that begin from now on end as soon as they have delivered what there is.
    pub fn end_watches_at_once(&self, end: bool) {
        self.state.faults().brief_watches = end;
    }

    /// Refuses watches with `sendInitialEvents` with this status code: 422 in answer, as Kubernetes 1.33 does by
    /// default, or 500 as an ERROR event, as newer ones do on an etcd before 3.5.13.
    pub fn refuse_streaming_lists(&self, code: u16) {
        self.state.faults().streaming_lists_refused = Some(code);
    }

    /// Answers every request for resources with this misbehaviour from now on; `None` ends it.
    pub fn misbehave(&self, how: Option<Misbehaviour>) {
        self.state.faults().misbehaviour = how;
    }

    /// Answers every other request for resources with this status code from now on.
    pub fn fail_every_other(&self, code: Option<u16>) {
        self.state.faults().alternating = code.map(|code| (code, false));
    }

    /// Makes lists in pages endless from now on.
    pub fn list_without_end(&self, how: Option<EndlessList>) {
        self.state.faults().endless_list = how;
    }

    /// Sends clients on to this URL from now on, with 307.
    pub fn redirect_to(&self, location: Option<&str>) {
        self.state.faults().redirect = location.map(str::to_owned);
    }

    /// Copies what the server holds now, for [`restore`](Self::restore).
    pub fn backup(&self) -> Backup {
        Backup(self.state.store().backup())
    }

    /// Goes back to a backup, resource versions included, as after a disaster. Only for a server that is
    /// [away](Self::shut_down): open watches would not notice.
    pub fn restore(&self, backup: &Backup) {
        self.state.restore(backup.0.backup());
    }

    /// With `true`, requests for a resource get 403. Open watches go on.
    pub fn forbid(&self, resource: Resource, forbidden: bool) {
        set_member(&mut self.state.faults().forbidden, resource, forbidden);
    }

    /// With `false`, requests for a resource get 404, as from a cluster without the resource.
    pub fn set_served(&self, resource: Resource, served: bool) {
        set_member(&mut self.state.faults().absent, resource, !served);
    }

    /// Answers the next `count` requests for resources with this status code (429 and 504 with
    /// `Retry-After: 1`); 0 ends the failures.
    pub fn fail_next(&self, count: u32, code: u16) {
        self.state.faults().failing = (count, code);
    }

    /// Answers the next `count` requests for resources with 200 and this content type and body, as a captive portal or a
    /// broken proxy does; 0 ends such answers.
    pub fn answer_next(&self, count: u32, content_type: &'static str, body: &'static str) {
        self.state.faults().foreign = (count, content_type, body);
    }

    /// From now on requests for resources without this bearer token get 401.
    pub fn require_token(&self, token: &str) {
        self.state.faults().token = Some(token.to_owned());
    }

    /// Takes the server away: connects are refused, connections are cut, objects and history are kept.
    pub async fn shut_down(&self) {
        self.port.close().await;
    }

    /// Brings the server back on its port.
    ///
    /// # Errors
    /// When the port cannot be bound again.
    pub fn restart(&self) -> io::Result<()> {
        self.port.open(&self.state)
    }
}

fn set_member(set: &mut BTreeSet<Resource>, resource: Resource, member: bool) {
    if member {
        set.insert(resource);
    } else {
        set.remove(&resource);
    }
}
