//! How soon may a watch begin again?
//!
//! A server, or a proxy before it, that ends every watch at once and in order must not be asked without pause:
//! the watcher sees no failure, so it does not back off.

use super::request::is_watch;
use http::{Request, Uri};
use std::{
    collections::HashMap,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};
use tokio::time::{Instant, sleep};
use tower::{Layer, Service};
use weir_core::{Quota, RateLimiter};

/// Number of watches of one path that may begin one after another. More than a start and a few renewals need.
const BURST: u32 = 5;

/// Interval at which one more watch may begin.
const INTERVAL: Duration = Duration::from_secs(1);

const QUOTA: Quota = Quota::new(INTERVAL, BURST);

/// Layer that delays watches which begin too often, for each path by itself. Other requests pass.
#[derive(Clone, Debug, Default)]
pub(super) struct WatchRateLimiter {
    paths: Arc<Mutex<HashMap<String, RateLimiter>>>,
}

impl WatchRateLimiter {
    /// Delay of a request for this URI.
    fn pause(&self, uri: &Uri) -> Duration {
        if !is_watch(uri) {
            return Duration::ZERO;
        }
        let now = Instant::now().into_std();
        let mut paths = self.paths.lock().unwrap_or_else(PoisonError::into_inner);
        paths.entry(uri.path().to_owned()).or_insert_with(|| RateLimiter::new(now)).reserve(now, QUOTA)
    }
}

impl<S> Layer<S> for WatchRateLimiter {
    type Service = RateLimited<S>;

    fn layer(&self, inner: S) -> RateLimited<S> {
        RateLimited { inner, limiter: self.clone() }
    }
}

/// Client whose watches are subject to a [`WatchRateLimiter`].
pub(super) struct RateLimited<S> {
    inner: S,
    limiter: WatchRateLimiter,
}

impl<S, B> Service<Request<B>> for RateLimited<S>
where
    S: Service<Request<B>>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let pause = self.limiter.pause(request.uri());
        let answer = self.inner.call(request);
        Box::pin(async move {
            if !pause.is_zero() {
                sleep(pause).await;
            }
            answer.await
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::advance;

    #[tokio::test(start_paused = true)]
    async fn a_few_watches_begin_at_once_and_then_one_a_second() {
        let limiter = WatchRateLimiter::default();
        let uri = "/services?watch=true".parse::<Uri>().unwrap();
        for _ in 0..BURST {
            assert_eq!(limiter.pause(&uri), Duration::ZERO);
        }
        for _ in 0..3 {
            let pause = limiter.pause(&uri);
            assert_eq!(pause, INTERVAL);
            advance(pause).await;
        }
        advance(BURST * INTERVAL).await;
        assert_eq!(limiter.pause(&uri), Duration::ZERO, "quiet time gives the burst back");
    }

    #[tokio::test(start_paused = true)]
    async fn each_kind_counts_by_itself_and_lists_do_not_count() {
        let limiter = WatchRateLimiter::default();
        let [services, slices, list] =
            ["/services?&watch=true&x=1", "/slices?&watch=true", "/services?limit=500"]
                .map(|uri| uri.parse::<Uri>().unwrap());
        let pauses = |uri| (0..BURST + 1).map(|_| limiter.pause(uri)).max();
        assert_eq!(pauses(&services), Some(INTERVAL));
        assert_eq!(pauses(&slices), Some(INTERVAL));
        assert_eq!(pauses(&list), Some(Duration::ZERO));
    }
}
