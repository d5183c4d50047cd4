//! What does one watch deliver, and when does it end?

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hyper::body::Bytes;
use serde_json::json;
use tokio::sync::watch::Receiver;
use tokio::time::Instant;

use super::list::asked_version;
use crate::api_server::requests::Parameters;
use crate::api_server::resource::{Resource, Target};
use crate::api_server::state::{Signals, State};
use crate::api_server::status::Failure;
use crate::api_server::store::{Change, Object, Selection, Store};

/// Bounds the bytes written at once when many objects are sent.
const BATCH: usize = 256;

/// One open watch: JSON lines for its client.
#[derive(Debug)]
pub(super) struct Watch {
    resource: Resource,
    selection: Selection,
    /// Objects to send as ADDED first, newest position last.
    initial: std::vec::IntoIter<Arc<Object>>,
    /// Whether the end of the initial objects is still to be announced.
    announce_initial_end: bool,
    /// Everything up to this version was delivered.
    delivered: u64,
    allow_bookmarks: bool,
    bookmarks: u64,
    deadline: Option<Instant>,
    /// The failure to report before anything is delivered.
    failure: Option<Failure>,
    ended: bool,
    signals: Receiver<Signals>,
    open: Open,
}

impl Watch {
    /// Starts a watch as its parameters ask. `on_connection` is true while the watch is open.
    pub(super) fn start(
        state: &Arc<State>,
        target: &Target,
        parameters: &Parameters,
        on_connection: &Arc<AtomicBool>,
    ) -> Result<Self, Failure> {
        let wants = |key: &str| parameters.get(key).is_some_and(|value| value == "true" || value == "1");
        let streaming = wants("sendInitialEvents");
        let refused = state.faults().streaming_lists_refused;
        check_streaming(parameters, refused)?;
        let selection = Selection::parse(target, parameters)?;
        let (initial, delivered) = {
            let store = state.store();
            let head = store.head();
            // As a real API server does, a watch from a version that is yet to come begins, and is silent until then.
            match asked_version(parameters)? {
                Some(version) if !streaming => (Vec::new(), version),
                None if !streaming && parameters.contains_key("sendInitialEvents") => (Vec::new(), head),
                _ => (selected(&store, target.resource, &selection), head),
            }
        };
        let seconds = parameters.get("timeoutSeconds").and_then(|seconds| seconds.parse().ok());
        let timeout = seconds.filter(|&seconds| seconds > 0).map(Duration::from_secs);
        let timeout = if state.faults().brief_watches { Some(Duration::ZERO) } else { timeout };
        let allow_bookmarks = wants("allowWatchBookmarks");
        let signals = state.signals.subscribe();
        let bookmarks = signals.borrow().bookmarks;
        Ok(Self {
            resource: target.resource,
            selection,
            initial: initial.into_iter(),
            announce_initial_end: streaming && allow_bookmarks,
            delivered,
            allow_bookmarks,
            bookmarks,
            deadline: timeout.map(|timeout| Instant::now() + timeout),
            failure: refused.filter(|&code| streaming && code == 500).map(|_| Failure::no_watch_progress()),
            ended: false,
            signals,
            open: Open::new(state, on_connection),
        })
    }

    /// The next lines; none when the watch is over.
    pub(super) async fn next(&mut self) -> Option<Bytes> {
        loop {
            if self.ended {
                return None;
            }
            let signals = *self.signals.borrow_and_update();
            let stalled = self.open.number < signals.stalled_below;
            if !stalled {
                let lines = self.lines(&signals);
                if !lines.is_empty() {
                    return Some(lines.into());
                }
            }
            // A stalled stream stands for a dead peer, which does not end a stream either.
            let deadline = self.deadline.filter(|_| !stalled);
            tokio::select! {
                changed = self.signals.changed() => self.ended = changed.is_err(),
                () = until(deadline) => self.ended = true,
            }
        }
    }

    /// The lines that can be sent now: initial objects, their end, changes, a bookmark, in this order.
    fn lines(&mut self, signals: &Signals) -> Vec<u8> {
        let mut out = Vec::new();
        if let Some(failure) = self.failure.take() {
            self.fail(&mut out, &failure);
            return out;
        }
        for object in self.initial.by_ref().take(BATCH) {
            write_event(&mut out, "ADDED", &object);
        }
        if self.initial.len() > 0 {
            return out;
        }
        if std::mem::take(&mut self.announce_initial_end) {
            self.write_bookmark(&mut out, true);
            self.open.state.count_complete_list(self.resource);
        }
        if out.is_empty() && signals.head > self.delivered {
            self.write_changes(&mut out);
        }
        if out.is_empty() && signals.bookmarks != self.bookmarks {
            self.bookmarks = signals.bookmarks;
            if self.allow_bookmarks {
                self.write_bookmark(&mut out, false);
            }
        }
        out
    }

    fn write_changes(&mut self, out: &mut Vec<u8>) {
        while out.is_empty() {
            let read = self.open.state.store().changes_after(self.resource, self.delivered, BATCH);
            match read {
                Ok((_, complete)) if complete == self.delivered => return,
                Ok((changes, complete)) => {
                    changes.iter().for_each(|change| self.write_change(out, change));
                    self.delivered = complete;
                }
                Err(expired) => self.fail(out, &expired),
            }
        }
    }

    /// Writes an ERROR event and ends the watch.
    fn fail(&mut self, out: &mut Vec<u8>, failure: &Failure) {
        let event = json!({ "type": "ERROR", "object": failure.status() });
        out.extend_from_slice(format!("{event}\n").as_bytes());
        self.ended = true;
    }

    /// An object that enters or leaves the selection is added or deleted as far as this watch can see.
    fn write_change(&self, out: &mut Vec<u8>, change: &Change) {
        let before = change.before.as_ref().filter(|object| self.selection.matches(object));
        let selected = !change.deleted && self.selection.matches(&change.object);
        match (before, selected) {
            (None, false) => {}
            (None, true) => write_event(out, "ADDED", &change.object),
            (Some(_), true) => write_event(out, "MODIFIED", &change.object),
            (Some(_), false) if change.deleted => write_event(out, "DELETED", &change.object),
            // As a real API server does: the object as it last matched, at the version it left.
            (Some(before), false) => write_event(out, "DELETED", &before.at(change.version)),
        }
    }

    fn write_bookmark(&self, out: &mut Vec<u8>, initial_end: bool) {
        let mut metadata =
            json!({ "resourceVersion": self.delivered.to_string(), "creationTimestamp": null });
        if initial_end {
            metadata["annotations"] = json!({ "k8s.io/initial-events-end": "true" });
        }
        let (kind, api_version) = (self.resource.kind(), self.resource.api_version());
        let object = json!({ "kind": kind, "apiVersion": api_version, "metadata": metadata });
        let event = json!({ "type": "BOOKMARK", "object": object });
        out.extend_from_slice(format!("{event}\n").as_bytes());
    }
}

/// Marks a watch as open, on the server and on its connection, until dropped.
#[derive(Debug)]
struct Open {
    state: Arc<State>,
    on_connection: Arc<AtomicBool>,
    number: u64,
}

impl Open {
    fn new(state: &Arc<State>, on_connection: &Arc<AtomicBool>) -> Self {
        on_connection.store(true, Ordering::Relaxed);
        let number = state.number_stream();
        state.open_streams.add(1);
        Self { state: Arc::clone(state), on_connection: Arc::clone(on_connection), number }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.on_connection.store(false, Ordering::Relaxed);
        self.state.open_streams.subtract_one();
    }
}

/// Refuses streaming lists where the server has none (Kubernetes 1.33 without the WatchList gate) or cannot have any, and
/// streaming lists without a `resourceVersionMatch`.
fn check_streaming(parameters: &Parameters, refused: Option<u16>) -> Result<(), Failure> {
    if !parameters.contains_key("sendInitialEvents") {
        return Ok(());
    }
    let not_older = parameters.get("resourceVersionMatch").is_some_and(|value| value == "NotOlderThan");
    let detail = match refused {
        None if not_older => return Ok(()),
        None => "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan",
        // The answer begins well, and its first event says what is wrong.
        Some(500) => return Ok(()),
        Some(_) => "sendInitialEvents is forbidden for watch unless the WatchList feature gate is enabled",
    };
    Err(Failure::invalid_list_options("sendInitialEvents", detail))
}

fn selected(store: &Store, resource: Resource, selection: &Selection) -> Vec<Arc<Object>> {
    store.objects(resource).filter(|object| selection.matches(object)).cloned().collect()
}

fn write_event(out: &mut Vec<u8>, kind: &str, object: &Object) {
    out.extend_from_slice(format!(r#"{{"type":"{kind}","object":"#).as_bytes());
    object.write(out);
    out.extend_from_slice(b"}\n");
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
