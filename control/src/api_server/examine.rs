//! What does an API server say about itself, the rights of this process, the node and the cluster's networks? Asks and
//! changes nothing.

use super::{
    access_review::may_write_events,
    api_object::ApiObject,
    client::{ApiClient, ConfigError, SharedClient, url},
    explain::{Failure, explain},
    source::KubeSource,
    target::{Requirement, Target},
};
use crate::{Event, Kind, Object, Scope};
use ipnet::IpNet;
use kube::{Api, Resource, runtime::watcher};
use std::time::Duration;
use tokio::time::{Instant, timeout};
use weir_core::Node;

/// Longest time, in seconds, that a watch which only tries the right may last.
const WATCH_SECONDS: u32 = 1;

/// What an API server said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Examination {
    /// URL of the API server.
    pub server: String,
    /// Version and how long the answer took, or why there was no answer.
    pub version: Result<(String, Duration), String>,
    /// Rights, one for each kind that weir watches. Empty without an answer.
    pub rights: Vec<Right>,
    /// Whether Events may be written, or why not. `None` where weir would write none, and without an answer.
    pub events: Option<Result<(), String>>,
    /// The Node of this name; `None` if there is none or it could not be read.
    pub node: Option<Node>,
    /// Networks of Service addresses.
    pub service_cidrs: Vec<IpNet>,
}

/// Whether a kind may be listed and watched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Right {
    /// Name of the kind in rules of roles, as in `endpointslices`.
    pub resource: &'static str,
    /// How much weir needs the kind.
    pub need: Need,
    /// `Ok`, or why not and what to do.
    pub outcome: Result<(), String>,
}

/// How much weir needs a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Nothing can be served without the kind.
    Required,
    /// Something is worse without the kind.
    Recommended,
    /// The kind is used only where it is offered.
    Optional,
}

/// Asks the API server of `source` about the node of `scope`. Every question has `limit` to be answered in.
///
/// Call it on a tokio runtime with time and I/O enabled.
///
/// # Errors
/// When no usable way to reach an API server is configured.
pub async fn examine_api_server(
    source: KubeSource,
    scope: &Scope,
    limit: Duration,
) -> Result<Examination, ConfigError> {
    let server = url(&source).await?;
    let mut examination = Examination {
        version: Err(String::new()),
        server,
        rights: Vec::new(),
        events: None,
        node: None,
        service_cidrs: Vec::new(),
    };
    let writes_events = source.write_events;
    let source = KubeSource { answer_timeout: limit, ..source };
    let Ok(client) = timeout(limit, SharedClient::new(source)).await else {
        examination.version = Err(format!(
            "there are no credentials for the API server at {} within {limit:?}; does a credential plugin wait for \
             somebody?",
            examination.server
        ));
        return Ok(examination);
    };
    let client = client?;
    let examiner = Examiner { current: client.current().await, shared: &client, scope, limit };
    examination.version = examiner.version().await;
    if examination.version.is_ok() {
        for target in targets(scope) {
            let right = examiner.try_kind(&target, &mut examination).await;
            examination.rights.push(right);
        }
        if writes_events {
            examination.events = Some(examiner.may_write_events().await);
        }
    }
    Ok(examination)
}

fn targets(scope: &Scope) -> Vec<Target> {
    let mut targets =
        vec![Target::services(&scope.selection), Target::endpoint_slices(), Target::service_cidrs()];
    if !scope.node_name.is_empty() {
        targets.push(Target::node(&scope.node_name));
    }
    targets
}

struct Examiner<'a> {
    shared: &'a SharedClient,
    current: ApiClient,
    scope: &'a Scope,
    limit: Duration,
}

impl Examiner<'_> {
    /// The server's version, and the time until it was there. An answer of any kind but "who are you?" is one.
    async fn version(&self) -> Result<(String, Duration), String> {
        let begun = Instant::now();
        match timeout(self.limit, self.current.client.apiserver_version()).await {
            Ok(Ok(version)) => Ok((version.git_version, begun.elapsed())),
            Ok(Err(kube::Error::Api(status))) if status.code != 401 => {
                Ok((format!("unknown ({})", status.code), begun.elapsed()))
            }
            Ok(Err(error)) => {
                let error = watcher::Error::InitialListFailed(error);
                Err(self.explain(&error, &Target::services(&self.scope.selection)).message)
            }
            Err(_) => Err(self.silent()),
        }
    }

    /// Lists and watches a kind for a moment, and notes what the list says about the node and networks.
    async fn try_kind(&self, target: &Target, examination: &mut Examination) -> Right {
        let need = match target.requirement {
            Requirement::Required => Need::Required,
            Requirement::Recommended(_) => Need::Recommended,
            Requirement::Optional(_) => Need::Optional,
        };
        let outcome = match timeout(self.limit * 2, self.list_and_watch(target, examination)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(self.silent()),
        };
        Right { resource: target.kind.resource(), need, outcome }
    }

    async fn may_write_events(&self) -> Result<(), String> {
        let asked = timeout(self.limit, may_write_events(&self.current.client)).await;
        asked.unwrap_or_else(|_| Err(self.silent()))
    }

    async fn list_and_watch(&self, target: &Target, examination: &mut Examination) -> Result<(), String> {
        let api: Api<ApiObject> = Api::all_with(self.current.client.clone(), &target.kind);
        // Of Services and EndpointSlices one is enough.
        let few = matches!(target.kind, Kind::Service | Kind::EndpointSlice).then_some(1);
        let (list, watch) = target.probe(few, WATCH_SECONDS);
        let listed = api
            .list(&list)
            .await
            .map_err(|error| self.explain(&watcher::Error::InitialListFailed(error), target).message)?;
        let version = listed.metadata.resource_version.unwrap_or_default();
        for object in listed.items {
            match object.translate(target.kind, self.scope).event {
                Event::Put(_, Object::Node(node)) => examination.node = Some(node),
                Event::Put(_, Object::ServiceCidr(networks)) => examination.service_cidrs.extend(networks),
                _ => {}
            }
        }
        let failed = |error| self.explain(&watcher::Error::WatchStartFailed(error), target).message;
        // What has changed since does not matter: the beginning of an answer tells that there is the right.
        api.watch(&watch, &version).await.map(drop).map_err(failed)
    }

    fn explain(&self, error: &watcher::Error, target: &Target) -> Failure {
        let answer = self.shared.history().answer(&ApiObject::url_path(&target.kind, None));
        explain(error, target, &self.current.server, &answer)
    }

    fn silent(&self) -> String {
        format!(
            "the API server at {} has not answered within {:?}; is the address right, and the way there open?",
            self.current.server, self.limit
        )
    }
}
