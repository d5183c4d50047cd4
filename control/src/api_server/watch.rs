//! How is one kind followed for ever? One watcher and one back-off; every failure is retried, none ends it.

use super::{
    access::{Access, Lent},
    backoff::Backoff,
    explain::{Failure, Reason, explain},
    target::{Need, Target},
    trimmed::{Trim, Trimmed},
};
use crate::{
    Event, Kind, Moment, Scope, WatchState,
    driver::{Input, Inputs},
    metric_families::WATCH_ERRORS,
    translate::{Translate, Translation, translate},
};
use futures::StreamExt;
use kube::{
    Api, Resource,
    api::ListParams,
    runtime::watcher::{self, watcher},
};
use std::{convert::Infallible, fmt::Debug, marker::PhantomData, pin::pin, sync::Arc, time::Duration};
use tokio::time::{Instant, sleep, timeout};
use tracing::{info, warn};

/// After a failure, a watch that was answered and has not failed for so long is established: an idle watch says nothing.
const SETTLED: Duration = Duration::from_secs(2);

/// How soon something that weir can do without is asked for again.
const SLOW_RETRY: Duration = Duration::from_secs(60);

/// Follows one kind.
pub(super) struct Watch<T> {
    access: Arc<Access>,
    target: Target,
    scope: Scope,
    inputs: Inputs,
    /// Whether the API server is asked to stream the list.
    streaming: bool,
    /// Whether was said that it does not.
    pages_noted: bool,
    backoff: Backoff,
    connected: bool,
    kind: PhantomData<fn() -> T>,
}

/// Why a watcher is given up, for a new one if at all.
enum Next {
    /// What it asked for cannot be had that way: ask in another, at once.
    Paged,
    /// Its position or its client is of no more use.
    StartOver,
    /// The control plane has ended.
    End,
}

impl<T> Watch<T>
where
    T: Translate + Trim + Resource<DynamicType = ()> + Clone + Debug + Send + 'static,
{
    pub(super) fn new(access: &Arc<Access>, target: Target, scope: &Scope, inputs: &Inputs) -> Self {
        Self {
            access: Arc::clone(access),
            target,
            scope: scope.clone(),
            inputs: inputs.clone(),
            streaming: true,
            pages_noted: false,
            backoff: Backoff::default(),
            connected: false,
            kind: PhantomData,
        }
    }

    pub(super) async fn run(mut self) {
        if self.tell(Input::Watch(self.target.kind, WatchState::Connecting)).await.is_err() {
            return;
        }
        loop {
            let lent = self.access.lend().await;
            let Err(next) = self.follow(lent).await;
            match next {
                Next::Paged => {
                    self.streaming = false;
                    if !std::mem::replace(&mut self.pages_noted, true) {
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
    async fn follow(&mut self, lent: Lent) -> Result<Infallible, Next> {
        let config = self.target.config(self.streaming, self.access.watch_timeout());
        let mut events = pin!(watcher(Api::<Trimmed<T>>::all(lent.client.clone()), config));
        let mut list = List::default();
        loop {
            let next = match self.connected {
                true => events.next().await,
                false => match timeout(SETTLED, events.next()).await {
                    Ok(next) => next,
                    Err(_) => {
                        if list.complete {
                            self.resumed(&lent, &mut list).await?;
                        }
                        continue;
                    }
                },
            };
            match next.ok_or(Next::StartOver)? {
                Ok(event) => self.take(event, &mut list).await?,
                Err(error) => self.fail(&error, &mut list, &lent).await?,
            }
        }
    }

    /// Passes an event on.
    async fn take(&mut self, event: watcher::Event<Trimmed<T>>, list: &mut List) -> Result<(), Next> {
        let kind = self.target.kind;
        let translation = match event {
            watcher::Event::Init => {
                // An old API server streams, but never says that the list is complete.
                if self.streaming && list.begun && !list.complete {
                    return Err(Next::Paged);
                }
                *list = List { begun: true, ..List::default() };
                bare(Event::Begin(kind))
            }
            watcher::Event::InitApply(Trimmed(object)) => {
                list.objects += 1;
                translate(&object, &self.scope)
            }
            watcher::Event::InitDone => {
                list.complete = true;
                if kind == Kind::Node && list.objects == 0 {
                    warn!(
                        "this node has no Node object; zone hints and node ports need it; is --node-name right?"
                    );
                }
                bare(Event::Complete(kind))
            }
            watcher::Event::Apply(Trimmed(object)) => translate(&object, &self.scope),
            watcher::Event::Delete(Trimmed(object)) => bare(Event::Delete(object.key())),
        };
        self.tell(Input::Object(translation, Moment::now())).await?;
        match list.complete && !self.connected {
            true => self.established().await,
            false => Ok(()),
        }
    }

    /// A watch goes on after a failure and says nothing. Does the server still know what the watch has seen? After it
    /// was restored from a backup it may not: then it would be silent until it has caught up, and what changes until
    /// then would never be told.
    async fn resumed(&mut self, lent: &Lent, list: &mut List) -> Result<(), Next> {
        let path = T::url_path(&(), None);
        if !self.access.history().is_watched(&path) {
            return Ok(());
        }
        let probe =
            Api::<Trimmed<T>>::all(lent.client.clone()).list_metadata(&ListParams::default().limit(1)).await;
        let newest = match probe {
            Ok(probe) => probe.metadata.resource_version,
            Err(error) => {
                let error = watcher::Error::InitialListFailed(error);
                // Whoever may only watch cannot know.
                if !explain(&error, &self.target, &lent.server).is_final() {
                    return self.fail(&error, list, lent).await;
                }
                None
            }
        };
        if self.access.history().is_ahead_of(&path, newest.as_deref()) {
            let resource = self.target.kind.resource();
            warn!("the API server has gone back in time (restored from a backup?); listing {resource} again");
            return Err(Next::StartOver);
        }
        self.established().await
    }

    /// Says what went wrong, waits, and decides whether this watcher can go on.
    async fn fail(&mut self, error: &watcher::Error, list: &mut List, lent: &Lent) -> Result<(), Next> {
        let failure = explain(error, &self.target, &lent.server);
        let refused = matches!(error, watcher::Error::WatchStartFailed(_)) && failure.is_final();
        // It may also say so in the stream, after an answer that began well.
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
        let fresh = self.backoff.is_fresh(Instant::now());
        let (reason, delay) = (failure.reason, self.delay(&failure));
        if reason != Reason::Expired {
            self.connected = false;
            self.tell(Input::Watch(kind, self.state(failure))).await?;
        }
        // Certificates and tokens are renewed on disk; the configuration names the new ones.
        if matches!(reason, Reason::Unauthorized | Reason::Tls) {
            let renewed = self.access.renew(lent).await;
            if let Err(error) = &renewed {
                self.tell(Input::Watch(kind, WatchState::Failing(error.to_string()))).await?;
            }
            if renewed.is_err() || !fresh {
                sleep(delay).await;
            }
            return Err(Next::StartOver);
        }
        sleep(delay).await;
        if reason == Reason::Unreachable && self.access.has_moved(lent).await {
            return Err(Next::StartOver);
        }
        if refused { Err(Next::StartOver) } else { Ok(()) }
    }

    fn state(&self, failure: Failure) -> WatchState {
        let absent = matches!(failure.reason, Reason::Forbidden | Reason::NotFound);
        match self.target.need {
            Need::May(_) if absent => WatchState::Off(failure.message),
            _ => WatchState::Failing(failure.message),
        }
    }

    fn delay(&mut self, failure: &Failure) -> Duration {
        let optional = self.target.need != Need::Must;
        if optional && matches!(failure.reason, Reason::Forbidden | Reason::NotFound) {
            return SLOW_RETRY;
        }
        self.backoff.next(failure.patience(), failure.wish, Instant::now(), rand::random())
    }

    async fn established(&mut self) -> Result<(), Next> {
        self.connected = true;
        self.tell(Input::Watch(self.target.kind, WatchState::Connected)).await
    }

    /// An error: nobody listens any more.
    async fn tell(&self, input: Input) -> Result<(), Next> {
        self.inputs.send(input).await.map_err(|_| Next::End)
    }
}

/// How far a watcher's list is.
#[derive(Default)]
struct List {
    begun: bool,
    complete: bool,
    objects: usize,
}

fn bare(event: Event) -> Translation {
    Translation { event, problems: Vec::new(), triggered: None }
}
