//! What does a Kubernetes API server do to its clients, on a good day and on a bad one?
//!
//! ```text
//! test -> ApiServer -> State (store, pages, faults, requests, signals)
//!                        ^
//! client -> listener -> answer -> list | watch
//! ```

mod answer;
mod faults;
mod list;
mod listener;
mod object;
mod requests;
mod resource;
mod selector;
mod state;
mod status;
mod store;
mod watch;

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use serde_json::Value;
use tokio::runtime::Handle;

pub use self::faults::{EndlessList, Misbehaviour};
pub use self::requests::{Parameters, Requests};
pub use self::resource::Resource;

use self::listener::Port;
use self::state::State;
use self::store::Store;
use crate::authority::Authority;

/// A test API server over real HTTP/1.1 on a loopback port, and the hand that controls it.
///
/// It speaks what watching clients need: lists with pages, watches, streaming lists, selectors, bookmarks
/// and `Status` errors. Clones control the same server, which ends when the last one is dropped.
#[derive(Clone, Debug)]
pub struct ApiServer {
    port: Arc<Port>,
    state: Arc<State>,
}

impl ApiServer {
    /// Serves on the current runtime, empty, on a free port.
    ///
    /// # Errors
    /// When no port can be bound.
    pub async fn start() -> io::Result<Self> {
        Self::start_at(Ipv4Addr::LOCALHOST.into()).await
    }

    /// The same on another address of this host than 127.0.0.1.
    ///
    /// # Errors
    /// When no port can be bound.
    pub async fn start_at(ip: IpAddr) -> io::Result<Self> {
        let port = Arc::new(Port::reserve(Handle::current(), ip)?);
        let state = Arc::new(State::default());
        port.open(&state)?;
        Ok(Self { port, state })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.port.address()
    }

    /// Its URL, such as `http://127.0.0.1:40123`.
    pub fn url(&self) -> String {
        let scheme = if self.state.tls().is_some() { "https" } else { "http" };
        format!("{scheme}://{}", self.address())
    }

    /// Speaks TLS on connections that are accepted from now on, with a certificate from this authority.
    ///
    /// # Errors
    /// When the certificate cannot be made.
    pub fn use_tls(&self, authority: &Authority) -> io::Result<()> {
        self.state.set_tls(Some(authority.acceptor()?));
        Ok(())
    }

    /// A kubeconfig (YAML) that points to it, with the required token if there is one.
    pub fn kubeconfig(&self) -> String {
        let user = match &self.state.faults().token {
            Some(token) => format!("{{ token: \"{token}\" }}"),
            None => "{}".to_owned(),
        };
        self.kubeconfig_with("", &user)
    }

    /// A kubeconfig (YAML) that trusts the authority in this file, and proves itself with the token in that file.
    pub fn kubeconfig_of_files(&self, authority: &Path, token: &Path) -> String {
        let cluster = format!(", certificate-authority: \"{}\"", authority.display());
        self.kubeconfig_with(&cluster, &format!("{{ tokenFile: \"{}\" }}", token.display()))
    }

    fn kubeconfig_with(&self, cluster: &str, user: &str) -> String {
        format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: weir-test\n\
             clusters:\n- name: weir-test\n  cluster: {{ server: \"{}\"{cluster} }}\n\
             users:\n- name: weir-test\n  user: {user}\n\
             contexts:\n- name: weir-test\n  context: {{ cluster: weir-test, user: weir-test }}\n",
            self.url()
        )
    }

    /// Creates or replaces an object and returns its resource version. A namespaced object without a
    /// namespace goes to `default`; one without a uid gets one.
    ///
    /// # Errors
    /// `InvalidInput` when it has no name or is of a kind that is not served.
    pub fn apply(&self, object: Value) -> io::Result<u64> {
        let invalid = |what: &str| io::Error::new(io::ErrorKind::InvalidInput, what);
        let text = |key: &str| object[key].as_str().unwrap_or_default();
        let resource = Resource::of(text("apiVersion"), text("kind"))
            .ok_or_else(|| invalid("the object's apiVersion and kind are not served"))?;
        if !object["metadata"]["name"].is_string() {
            return Err(invalid("the object has no metadata.name"));
        }
        let Value::Object(mut object) = object else {
            return Err(invalid("not an object"));
        };
        let metadata = &mut object["metadata"];
        match (resource.namespaced(), metadata["namespace"].is_null()) {
            (true, true) => metadata["namespace"] = "default".into(),
            (false, false) => return Err(invalid("the kind has no namespace")),
            _ => {}
        }
        Ok(self.state.change(|store| {
            store.apply(resource, object);
            store.head()
        }))
    }

    /// Deletes an object (`namespace` is empty for cluster-scoped ones); false if there is none.
    pub fn delete(&self, resource: Resource, namespace: &str, name: &str) -> bool {
        self.state.change(|store| store.delete(resource, namespace, name))
    }

    /// One object, if it exists.
    pub fn get(&self, resource: Resource, namespace: &str, name: &str) -> Option<Value> {
        let object = self.state.store().get(resource, namespace, name);
        object.map(|object| object.value())
    }

    /// All objects of a resource, ordered by namespace and name.
    pub fn objects(&self, resource: Resource) -> Vec<Value> {
        self.state.store().objects(resource).map(|object| object.value()).collect()
    }

    /// The newest resource version.
    pub fn resource_version(&self) -> u64 {
        self.state.store().head()
    }
}

/// What a test API server held at some moment.
#[derive(Debug)]
pub struct Backup(Store);

/// Bad days.
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

    /// Answers every request for resources like this from now on.
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

    /// What it holds now, to go back to.
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

    /// With `false`, requests for a resource get 404, as from a cluster that does not have it.
    pub fn set_served(&self, resource: Resource, served: bool) {
        set_member(&mut self.state.faults().absent, resource, !served);
    }

    /// Answers the next `count` requests for resources with this status code (429 and 504 with
    /// `Retry-After: 1`); 0 ends it.
    pub fn fail_next(&self, count: u32, code: u16) {
        self.state.faults().failing = (count, code);
    }

    /// Answers the next `count` requests for resources with 200 and this content type and body, as a captive portal or a
    /// broken proxy does; 0 ends it.
    pub fn answer_next(&self, count: u32, content_type: &'static str, body: &'static str) {
        self.state.faults().foreign = (count, content_type, body);
    }

    /// From now on requests for resources without this bearer token get 401.
    pub fn require_token(&self, token: &str) {
        self.state.faults().token = Some(token.to_owned());
    }

    /// Goes away: connects are refused, connections are cut, objects and history are kept.
    pub async fn shut_down(&self) {
        self.port.close().await;
    }

    /// Comes back on the same port.
    ///
    /// # Errors
    /// When the port cannot be bound again.
    pub fn restart(&self) -> io::Result<()> {
        self.port.open(&self.state)
    }
}

/// What clients did.
impl ApiServer {
    /// What was asked for a resource so far.
    pub fn requests(&self, resource: Resource) -> Requests {
        self.state.requests(resource)
    }

    /// Waits until the requests for a resource satisfy `wanted`.
    ///
    /// # Errors
    /// `TimedOut` after [`WAIT_LIMIT`](crate::WAIT_LIMIT).
    pub async fn wait_for_requests(
        &self,
        resource: Resource,
        wanted: impl Fn(&Requests) -> bool,
    ) -> io::Result<Requests> {
        self.state.seen.wait_for("requests", |_| wanted(&self.requests(resource))).await?;
        Ok(self.requests(resource))
    }

    /// How many watches are open now.
    pub fn open_streams(&self) -> u64 {
        self.state.open_streams.get()
    }

    /// Waits until exactly `count` watches are open.
    ///
    /// # Errors
    /// `TimedOut` after [`WAIT_LIMIT`](crate::WAIT_LIMIT).
    pub async fn wait_for_open_streams(&self, count: u64) -> io::Result<u64> {
        self.state.open_streams.wait_for("open streams", |open| open == count).await
    }

    /// Events that clients have posted, of either API group.
    pub fn events(&self) -> Vec<Value> {
        let mut events = self.objects(Resource::CoreEvents);
        events.extend(self.objects(Resource::Events));
        events
    }
}

fn set_member(set: &mut std::collections::BTreeSet<Resource>, resource: Resource, member: bool) {
    if member {
        set.insert(resource);
    } else {
        set.remove(&resource);
    }
}
