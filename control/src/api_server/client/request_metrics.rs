//! How many requests does the API server answer, with which status, and how fast? Under client-go's names, for its dashboards.

use crate::metric_families::{REQUEST_DURATION, REQUESTS};
use http::{Method, Request, Response, StatusCode, Uri};
use metrics::{Counter, Histogram, counter, histogram};
use std::{
    collections::HashMap,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
};
use tokio::time::Instant;
use tower::{Layer, Service};

/// Handles by method and status, `None` where there was no answer. They are held, so that counts do not begin anew after a
/// while without requests.
type Handles = HashMap<(Method, Option<StatusCode>), (Counter, Histogram)>;

/// Counts requests to one API server.
#[derive(Clone, Debug)]
pub(super) struct RequestMetrics {
    /// Name or address and port of the server.
    host: Arc<str>,
    handles: Arc<Mutex<Handles>>,
}

impl RequestMetrics {
    /// Counts for the server that a URL names.
    pub(super) fn new(server: &Uri) -> Self {
        let host = server.authority().map_or("", |authority| authority.as_str());
        Self { host: host.into(), handles: Arc::default() }
    }

    /// Records an answer that began now, to a request that was sent at `began`; of a watch only the beginning is an answer.
    fn record(&self, method: Method, code: Option<StatusCode>, began: Instant) {
        let mut handles = self.handles.lock().unwrap_or_else(PoisonError::into_inner);
        let (requests, duration) = handles.entry((method, code)).or_insert_with_key(|(method, code)| {
            let (method, host) = (method.as_str().to_owned(), Arc::clone(&self.host));
            let code = code.map_or("<error>".to_owned(), |code| code.as_str().to_owned());
            let requests =
                counter!(REQUESTS.name, "code" => code, "method" => method.clone(), "host" => Arc::clone(&host));
            (requests, histogram!(REQUEST_DURATION.name, "verb" => method, "host" => host))
        });
        requests.increment(1);
        duration.record(began.elapsed());
    }
}

impl<S> Layer<S> for RequestMetrics {
    type Service = Measured<S>;

    fn layer(&self, inner: S) -> Measured<S> {
        Measured { inner, metrics: self.clone() }
    }
}

/// Service whose requests are counted.
#[derive(Clone, Debug)]
pub(super) struct Measured<S> {
    inner: S,
    metrics: RequestMetrics,
}

impl<S, B, A> Service<Request<B>> for Measured<S>
where
    S: Service<Request<B>, Response = Response<A>>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (metrics, method) = (self.metrics.clone(), request.method().clone());
        let began = Instant::now();
        let answer = self.inner.call(request);
        Box::pin(async move {
            let answer = answer.await;
            metrics.record(method, answer.as_ref().ok().map(Response::status), began);
            answer
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use metrics::{Key, KeyName, Metadata, Recorder, SharedString, Unit};
    use std::{convert::Infallible, io};
    use tower::service_fn;

    /// Remembers which series are registered, by name and labels.
    #[derive(Default)]
    struct Registered(Mutex<Vec<String>>);

    impl Registered {
        fn add(&self, key: &Key) {
            let labels: Vec<_> =
                key.labels().map(|label| format!("{}={}", label.key(), label.value())).collect();
            self.0.lock().unwrap().push(format!("{}{{{}}}", key.name(), labels.join(",")));
        }
    }

    impl Recorder for Registered {
        fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

        fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
            self.add(key);
            Counter::noop()
        }

        fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> metrics::Gauge {
            metrics::Gauge::noop()
        }

        fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
            self.add(key);
            Histogram::noop()
        }
    }

    #[test]
    fn requests_are_counted_by_status_method_and_host_each_series_registered_once() {
        let recorder = Registered::default();
        let layer = RequestMetrics::new(&"https://10.0.0.1:6443/prefix".parse().unwrap());
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        metrics::with_local_recorder(&recorder, || {
            runtime.block_on(async {
                let mut served =
                    layer.layer(service_fn(async |_: Request<()>| Ok::<_, Infallible>(Response::new(()))));
                for _ in 0..2 {
                    served.call(Request::new(())).await.unwrap();
                }
                let mut broken = layer
                    .layer(service_fn(async |_: Request<()>| Err::<Response<()>, _>(io::Error::other("x"))));
                let post = Request::post("/").body(()).unwrap();
                broken.call(post).await.unwrap_err();
            });
        });
        let series = [
            "rest_client_requests_total{code=200,method=GET,host=10.0.0.1:6443}",
            "rest_client_request_duration_seconds{verb=GET,host=10.0.0.1:6443}",
            "rest_client_requests_total{code=<error>,method=POST,host=10.0.0.1:6443}",
            "rest_client_request_duration_seconds{verb=POST,host=10.0.0.1:6443}",
        ];
        assert_eq!(*recorder.0.lock().unwrap(), series);
    }
}
