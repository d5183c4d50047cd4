//! How is one kind followed for ever? One watcher and one back-off; every failure is retried, none ends it.

use super::{
    api_object::ApiObject,
    backoff::Retries,
    client::{ApiClient, SharedClient},
    explain::{Failure, Reason, explain},
    target::{Requirement, Target},
};
use crate::{
    ClockReading, Event, Kind, Scope, WatchState,
    driver::{Input, Inputs},
    metric_families::WATCH_ERRORS,
    translate::Translation,
};
use futures::StreamExt;
use kube::{
    Api, Resource,
    api::ListParams,
    runtime::watcher::{self, watcher},
};
use std::{convert::Infallible, sync::Arc, time::Duration};
use tokio::time::{Instant, sleep, timeout};
use tracing::{info, warn};

/// Time without a failure after which a resumed watch that was answered counts as established: an idle watch
/// sends nothing.
const SETTLE_TIME: Duration = Duration::from_secs(2);

/// Interval at which the API server is asked for an optional kind that it does not offer.
const OPTIONAL_RETRY_INTERVAL: Duration = Duration::from_secs(60);

/// Watch of one kind.
pub(super) struct Watch {
    shared_client: Arc<SharedClient>,
    target: Target,
    scope: Scope,
    inputs: Inputs,
    /// Whether the API server is asked to stream the list.
    streaming: bool,
    /// Whether was logged that the API server does not stream lists.
    pages_logged: bool,
    retries: Retries,
    connected: bool,
}

/// Reason why a watcher is given up.
enum Next {
    /// The API server does not stream lists: ask for pages, at once.
    Paged,
    /// The watcher's resource version or client is of no more use: begin a new one.
    StartOver,
    /// The control plane has ended.
    End,
}

impl Watch {
    pub(super) fn new(
        shared_client: &Arc<SharedClient>,
        target: Target,
        scope: &Scope,
        inputs: &Inputs,
    ) -> Self {
        Self {
            shared_client: Arc::clone(shared_client),
            target,
            scope: scope.clone(),
            inputs: inputs.clone(),
            streaming: true,
            pages_logged: false,
            retries: Retries::default(),
            connected: false,
        }
    }

    pub(super) async fn run(mut self) {
        if self.send(Input::Watch(self.target.kind, WatchState::Connecting)).await.is_err() {
            return;
        }
        let mut reloads = self.shared_client.reloads();
        loop {
            let client = self.shared_client.current().await;
            // A reload also ends a wait for the next attempt.
            let next = tokio::select! {
                biased;
                _ = reloads.changed() => {
                    self.connected = false;
                    Next::StartOver
                }
                Err(next) = self.follow(client) => next,
            };
            match next {
                Next::Paged => {
                    self.streaming = false;
                    if !std::mem::replace(&mut self.pages_logged, true) {
                        let resource = self.target.kind.resource();
                        info!("the API server does not stream lists of {resource}; using pages");
                    }
                }
                Next::StartOver => self.streaming = true,
                Next::End => return,
            }
        }
    }

    /// Runs one watcher for as long as it is of use.
    async fn follow(&mut self, client: ApiClient) -> Result<Infallible, Next> {
        let config = self.target.config(self.streaming, self.shared_client.watch_timeout());
        let mut events = watcher(self.api(&client), config).boxed();
        let mut list = List::default();
        loop {
            let next = match self.connected {
                true => events.next().await,
                false => match timeout(SETTLE_TIME, events.next()).await {
                    Ok(next) => next,
                    Err(_) => {
                        if list.complete {
                            self.check_resumed(&client, &mut list).await?;
                        }
                        continue;
                    }
                },
            };
            match next.ok_or(Next::StartOver)? {
                Ok(event) => self.receive(event, &mut list).await?,
                Err(error) => self.fail(&error, &mut list, &client).await?,
            }
        }
    }

    /// Sends an event of the watcher to the driver.
    async fn receive(&mut self, event: watcher::Event<ApiObject>, list: &mut List) -> Result<(), Next> {
        let kind = self.target.kind;
        let translation = match event {
            watcher::Event::Init => {
                // An old API server streams, but never says that the list is complete.
                if self.streaming && list.begun && !list.complete {
                    return Err(Next::Paged);
                }
                *list = List { begun: true, ..List::default() };
                without_problems(Event::Begin(kind))
            }
            watcher::Event::InitApply(object) => {
                list.objects += 1;
                object.translate(kind, &self.scope)
            }
            watcher::Event::InitDone => {
                list.complete = true;
                if kind == Kind::Node && list.objects == 0 {
                    warn!(
                        "the cluster has no Node named {:?}, which zone hints, local endpoints and node ports need; is \
                         --node-name right?",
                        self.scope.node_name
                    );
                }
                without_problems(Event::Complete(kind))
            }
            watcher::Event::Apply(object) => object.translate(kind, &self.scope),
            watcher::Event::Delete(object) => without_problems(Event::Delete(object.key(kind))),
        };
        self.send(Input::Object(translation, ClockReading::now())).await?;
        match list.complete && !self.connected {
            true => self.established().await,
            false => Ok(()),
        }
    }

    /// Finds out whether the server still knows the resource version from which a watch resumes. After it was
    /// restored from a backup it may not: then the watch would be silent until the server has caught up, and
    /// would miss what changes until then.
    async fn check_resumed(&mut self, client: &ApiClient, list: &mut List) -> Result<(), Next> {
        let path = ApiObject::url_path(&self.target.kind, None);
        if !self.shared_client.history().is_watch_answered(&path) {
            return Ok(());
        }
        let probe = self.api(client).list_metadata(&ListParams::default().limit(1)).await;
        let newest = match probe {
            Ok(probe) => probe.metadata.resource_version,
            Err(error) => {
                let error = watcher::Error::InitialListFailed(error);
                // A client that may only watch cannot know.
                let answer = self.shared_client.history().answer(&path);
                if !explain(&error, &self.target, &client.server, &answer).is_final() {
                    return self.fail(&error, list, client).await;
                }
                None
            }
        };
        if self.shared_client.history().is_ahead_of(&path, newest.as_deref()) {
            let resource = self.target.kind.resource();
            warn!("the API server has gone back in time (restored from a backup?); listing {resource} again");
            return Err(Next::StartOver);
        }
        self.established().await
    }

    /// Reports what went wrong, waits, and decides whether this watcher can go on.
    async fn fail(
        &mut self,
        error: &watcher::Error,
        list: &mut List,
        client: &ApiClient,
    ) -> Result<(), Next> {
        let answer = self.shared_client.history().answer(&ApiObject::url_path(&self.target.kind, None));
        let failure = explain(error, &self.target, &client.server, &answer);
        let refused = matches!(error, watcher::Error::WatchStartFailed(_)) && failure.is_final();
        // The refusal may also come in the stream, after an answer that began well.
        let in_stream = matches!(error, watcher::Error::WatchError(_)) && failure.is_final();
        let streaming = self.streaming && !list.complete && failure.reason == Reason::Refused;
        if streaming && (refused || in_stream) {
            return Err(Next::Paged);
        }
        // A list that this failure cut short does not count as one that never ends.
        list.begun = list.complete;
        let kind = self.target.kind;
        metrics::counter!(WATCH_ERRORS.name, "kind" => kind.as_str(), "reason" => failure.reason.as_str())
            .increment(1);
        let fresh = self.retries.is_fresh(Instant::now());
        let (reason, delay) = (failure.reason, self.delay(&failure));
        if reason != Reason::Expired {
            self.connected = false;
            self.send(Input::Watch(kind, self.state(failure))).await?;
        }
        // Certificates and tokens are renewed on disk; the configuration names the new ones.
        if matches!(reason, Reason::Unauthorized | Reason::Tls | Reason::ClientGone) {
            let renewed = self.shared_client.renew(client).await;
            if let Err(error) = &renewed {
                self.send(Input::Watch(kind, WatchState::Failing(error.clone()))).await?;
            }
            if renewed.is_err() || !fresh {
                sleep(delay).await;
            }
            return Err(Next::StartOver);
        }
        sleep(delay).await;
        if reason == Reason::Unreachable && self.shared_client.has_moved(client).await {
            return Err(Next::StartOver);
        }
        if refused { Err(Next::StartOver) } else { Ok(()) }
    }

    fn state(&self, failure: Failure) -> WatchState {
        let absent = matches!(failure.reason, Reason::Forbidden | Reason::NotFound);
        match self.target.requirement {
            Requirement::Optional(_) if absent => WatchState::Off(failure.message),
            _ => WatchState::Failing(failure.message),
        }
    }

    fn delay(&mut self, failure: &Failure) -> Duration {
        let optional = self.target.requirement != Requirement::Required;
        if optional && matches!(failure.reason, Reason::Forbidden | Reason::NotFound) {
            return OPTIONAL_RETRY_INTERVAL;
        }
        self.retries.next_wait(failure.backoff(), failure.retry_after, Instant::now(), rand::random())
    }

    fn api(&self, client: &ApiClient) -> Api<ApiObject> {
        Api::all_with(client.client.clone(), &self.target.kind)
    }

    async fn established(&mut self) -> Result<(), Next> {
        self.connected = true;
        self.send(Input::Watch(self.target.kind, WatchState::Connected)).await
    }

    /// Sends an input to the driver; an error means that the driver has ended.
    async fn send(&self, input: Input) -> Result<(), Next> {
        self.inputs.send(input).await.map_err(|_| Next::End)
    }
}

/// Progress of a watcher's list.
#[derive(Default)]
struct List {
    begun: bool,
    complete: bool,
    objects: usize,
}

fn without_problems(event: Event) -> Translation {
    Translation { event, problems: Vec::new(), triggered: None, uid: None }
}
