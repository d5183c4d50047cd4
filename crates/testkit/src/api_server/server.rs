//! What can a test do with its API server: put objects into it, and see what clients did?

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use serde_json::Value;
use tokio::runtime::Handle;

use super::authority::Authority;
use super::http::Port;
use super::requests::Requests;
use super::resource::Resource;
use super::sighting::Sighting;
use super::state::State;

/// A handle of a test API server over real HTTP/1.1 on a loopback port.
///
/// The server answers what watching clients ask for: lists with pages, watches, streaming lists, selectors, bookmarks and
/// `Status` errors. Clones are handles of one server, which ends when the last of them is dropped.
#[derive(Clone, Debug)]
pub struct ApiServer {
    pub(super) port: Arc<Port>,
    pub(super) state: Arc<State>,
}

impl ApiServer {
    /// Starts a server without objects on the current runtime, on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// When no port can be bound.
    pub async fn start() -> io::Result<Self> {
        Self::start_at(Ipv4Addr::LOCALHOST.into()).await
    }

    /// Starts a server without objects on the current runtime, on a free port of `ip`.
    ///
    /// # Errors
    /// When no port can be bound.
    pub async fn start_at(ip: IpAddr) -> io::Result<Self> {
        let port = Arc::new(Port::reserve(Handle::current(), ip)?);
        let state = Arc::new(State::default());
        port.open(&state)?;
        Ok(Self { port, state })
    }

    /// Address on which the server listens.
    pub fn address(&self) -> SocketAddr {
        self.port.address()
    }

    /// URL of the server, such as `http://127.0.0.1:40123`.
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

    /// A kubeconfig (YAML) that points to the server, with the required token if there is one.
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
    /// `InvalidInput` when the object has no name or is of a kind that the server does not have.
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

    /// The object of this namespace and name, if there is one.
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

/// Questions about what clients did.
impl ApiServer {
    /// Requests for a resource so far.
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

    /// How clients came since this was asked last, in the order of their requests; at most the newest hundred.
    pub fn take_sightings(&self) -> Vec<Sighting> {
        self.state.take_sightings()
    }

    /// Number of watches that are open now.
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
