//! How is one kind followed for ever? One watcher and one back-off; every failure is retried, none ends it.

use super::{
    access::{Access, Lent},
    explain::{Failure, Reason, explain},
    target::{Need, Target},
};
use crate::{
    Event, Kind, Moment, Scope, WatchState,
    driver::{Input, Inputs, WATCH_ERRORS},
    translate::{Translate, Translation, translate},
};
use futures::StreamExt;
use kube::{
    Api, Resource,
    runtime::{
        utils::Backoff,
        watcher::{self, DefaultBackoff, watcher},
    },
};
use serde::de::DeserializeOwned;
use std::{fmt::Debug, marker::PhantomData, pin::pin, sync::Arc, time::Duration};
use tokio::time::{sleep, timeout};
use tracing::{info, warn};

/// After a failure, this long without another means that the watch is established: an idle watch says nothing.
const SETTLED: Duration = Duration::from_secs(10);

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
    backoff: DefaultBackoff,
    connected: bool,
    kind: PhantomData<fn() -> T>,
}

/// Why a watcher is given up for a new one.
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
    T: Translate + Resource<DynamicType = ()> + DeserializeOwned + Clone + Debug + Send + 'static,
{
    pub(super) fn new(access: &Arc<Access>, target: Target, scope: &Scope, inputs: &Inputs) -> Self {
        Self {
            access: Arc::clone(access),
            target,
            scope: scope.clone(),
            inputs: inputs.clone(),
            streaming: true,
            pages_noted: false,
            backoff: DefaultBackoff::default(),
            connected: false,
            kind: PhantomData,
        }
    }

    pub(super) async fn run(mut self) {
        if self.tell(Input::Watch(self.target.kind, WatchState::Connecting)).await.is_none() {
            return;
        }
        loop {
            let lent = self.access.lend().await;
            match self.follow(lent).await {
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
    async fn follow(&mut self, lent: Lent) -> Next {
        let config = self.target.config(self.streaming, self.access.watch_timeout());
        let mut events = pin!(watcher(Api::<T>::all(lent.client.clone()), config));
        let mut list = List::default();
        loop {
            let next = if self.connected {
                events.next().await
            } else {
                match timeout(SETTLED, events.next()).await {
                    Ok(next) => next,
                    Err(_) if list.complete => {
                        if self.established().await.is_none() {
                            return Next::End;
                        }
                        continue;
                    }
                    Err(_) => continue,
                }
            };
            let next = match next {
                Some(Ok(event)) => self.take(event, &mut list).await,
                Some(Err(error)) => self.fail(&error, &mut list, &lent).await,
                None => Some(Next::StartOver),
            };
            if let Some(next) = next {
                return next;
            }
        }
    }

    /// Passes an event on.
    async fn take(&mut self, event: watcher::Event<T>, list: &mut List) -> Option<Next> {
        let kind = self.target.kind;
        let translation = match event {
            watcher::Event::Init => {
                // An old API server streams, but never says that the list is complete.
                if self.streaming && list.begun && !list.complete {
                    return Some(Next::Paged);
                }
                *list = List { begun: true, ..List::default() };
                bare(Event::Begin(kind))
            }
            watcher::Event::InitApply(object) => {
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
            watcher::Event::Apply(object) => translate(&object, &self.scope),
            watcher::Event::Delete(object) => bare(Event::Delete(object.key())),
        };
        // A paged list begins before anything was asked of the API server.
        let heard = self.streaming || !matches!(translation.event, Event::Begin(_));
        if heard && !self.connected && self.established().await.is_none() {
            return Some(Next::End);
        }
        self.tell(Input::Object(translation, Moment::now())).await.is_none().then_some(Next::End)
    }

    /// Says what went wrong, waits, and decides whether this watcher can go on.
    async fn fail(&mut self, error: &watcher::Error, list: &mut List, lent: &Lent) -> Option<Next> {
        let failure = explain(error, &self.target, self.access.server());
        let refused = matches!(error, watcher::Error::WatchStartFailed(_)) && failure.is_final();
        // It may also say so in the stream, after an answer that began well.
        let in_stream = matches!(error, watcher::Error::WatchError(_)) && failure.is_final();
        let streaming = self.streaming && !list.complete && failure.reason == Reason::Refused;
        if streaming && (refused || in_stream) {
            return Some(Next::Paged);
        }
        // A list that this failure cut short does not count as one that never ends.
        list.begun = list.complete;
        let kind = self.target.kind;
        metrics::counter!(WATCH_ERRORS, "kind" => kind.as_str(), "reason" => failure.reason.as_str())
            .increment(1);
        let reason = failure.reason;
        if reason != Reason::Expired {
            self.connected = false;
            let state = self.state(failure);
            if self.tell(Input::Watch(kind, state)).await.is_none() {
                return Some(Next::End);
            }
        }
        sleep(self.delay(reason)).await;
        match reason {
            // Certificates and tokens are renewed on disk; the configuration names the new ones.
            Reason::Unauthorized | Reason::Tls => {
                if let Err(error) = self.access.renew(lent).await {
                    let state = WatchState::Failing(error.to_string());
                    if self.tell(Input::Watch(kind, state)).await.is_none() {
                        return Some(Next::End);
                    }
                }
                Some(Next::StartOver)
            }
            _ => refused.then_some(Next::StartOver),
        }
    }

    fn state(&self, failure: Failure) -> WatchState {
        let absent = matches!(failure.reason, Reason::Forbidden | Reason::NotFound);
        match self.target.need {
            Need::May(_) if absent => WatchState::Off(failure.message),
            _ => WatchState::Failing(failure.message),
        }
    }

    fn delay(&mut self, reason: Reason) -> Duration {
        let optional = self.target.need != Need::Must;
        if optional && matches!(reason, Reason::Forbidden | Reason::NotFound) {
            return SLOW_RETRY;
        }
        self.backoff.next().unwrap_or(SLOW_RETRY)
    }

    async fn established(&mut self) -> Option<()> {
        self.connected = true;
        self.backoff.reset();
        self.tell(Input::Watch(self.target.kind, WatchState::Connected)).await
    }

    /// `None`: nobody listens any more.
    async fn tell(&self, input: Input) -> Option<()> {
        self.inputs.send(input).await.ok()
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
