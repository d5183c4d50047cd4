//! How is one HTTP request answered?

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::{self, BoxStream};
use http_body_util::{BodyExt, Either, Full, StreamBody};
use hyper::body::{Bytes, Frame, Incoming};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, LOCATION, RETRY_AFTER};
use hyper::{Method, Request, Response, StatusCode};
use serde_json::{Map, Value, json};

use super::list::list;
use super::review;
use super::watch::Watch;
use crate::api_server::faults::Misbehaviour;
use crate::api_server::requests::{Parameters, parse_query};
use crate::api_server::resource::Target;
use crate::api_server::state::{State, Verb};
use crate::api_server::status::Failure;
use crate::api_server::store::Object;

/// A whole answer, or a watch that goes on.
pub(super) type Body = Either<Full<Bytes>, StreamBody<BoxStream<'static, io::Result<Frame<Bytes>>>>>;

/// Answers a request; `watching` tells whether the connection carries an open watch. An error ends the connection.
pub(super) async fn answer(
    state: Arc<State>,
    watching: Arc<AtomicBool>,
    request: Request<Incoming>,
) -> io::Result<Response<Body>> {
    match request.uri().path() {
        "/livez" | "/readyz" | "/healthz" => return Ok(whole(StatusCode::OK, "ok")),
        "/version" => return Ok(whole(StatusCode::OK, version().to_string())),
        _ => {}
    }
    if request.uri().path() == review::PATH {
        return answer_review(&state, request).await;
    }
    let Some(target) = Target::parse(request.uri().path()) else {
        return Ok(refusal(&Failure::not_served()));
    };
    let misbehaviour = state.faults().misbehaviour;
    if let Some(misbehaviour) = misbehaviour {
        state.count_refused(&target);
        return misbehave(misbehaviour).await;
    }
    let answer = answer_resource(&state, &watching, &target, request).await;
    Ok(answer.unwrap_or_else(|failure| {
        state.count_refused(&target);
        refusal(&failure)
    }))
}

async fn answer_review(state: &State, request: Request<Incoming>) -> io::Result<Response<Body>> {
    let misbehaviour = state.faults().misbehaviour;
    if let Some(misbehaviour) = misbehaviour {
        return misbehave(misbehaviour).await;
    }
    if !state.faults().accepts(bearer_token(request.headers())) {
        return Ok(refusal(&Failure::unauthorized()));
    }
    let answer = |asked: &Value| whole(StatusCode::CREATED, review::review(state, asked).to_string());
    Ok(read(request).await.map_or_else(|failure| refusal(&failure), |asked| answer(&asked)))
}

/// An answer of no use.
async fn misbehave(how: Misbehaviour) -> io::Result<Response<Body>> {
    const BEGINNING: &[u8] = br#"{"type":"ADDED","object":{"kind":"#;
    let beginning = || Ok(Frame::data(Bytes::from_static(BEGINNING)));
    let hangup = || Err(io::Error::from(io::ErrorKind::ConnectionAborted));
    let frames = match how {
        Misbehaviour::Silence => std::future::pending().await,
        Misbehaviour::Hangup => return Err(io::ErrorKind::ConnectionAborted.into()),
        Misbehaviour::HalfALine => return Ok(whole(StatusCode::OK, BEGINNING)),
        Misbehaviour::Cut => stream::iter([beginning(), hangup()]).boxed(),
        Misbehaviour::Trickle => stream::unfold((), async |()| {
            tokio::time::sleep(Duration::from_millis(50)).await;
            Some((Ok(Frame::data(Bytes::from_static(b" "))), ()))
        })
        .boxed(),
        Misbehaviour::EndlessLine => {
            let spaces = Bytes::from(vec![b' '; 64 << 10]);
            stream::repeat_with(move || Ok(Frame::data(spaces.clone()))).boxed()
        }
    };
    Ok(streamed(frames))
}

async fn answer_resource(
    state: &Arc<State>,
    watching: &Arc<AtomicBool>,
    target: &Target,
    request: Request<Incoming>,
) -> Result<Response<Body>, Failure> {
    let parameters = parse_query(request.uri().query().unwrap_or_default());
    let verb = verb(request.method(), target, &parameters)?;
    state.count(target, verb, &parameters);
    state.faults().check(target, verb.name(), bearer_token(request.headers()))?;
    let foreign = state.faults().foreign();
    if let Some((content_type, body)) = foreign {
        let mut response = whole(StatusCode::OK, body);
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        return Ok(response);
    }
    match verb {
        Verb::Get => get(state, target),
        Verb::List => Ok(whole(StatusCode::OK, list(state, target, &parameters)?)),
        Verb::Watch => Ok(lines(Watch::start(state, target, &parameters, watching)?)),
        Verb::Create => create(state, target, read(request).await?),
        Verb::Patch => patch(state, target, &read(request).await?),
    }
}

fn verb(method: &Method, target: &Target, parameters: &Parameters) -> Result<Verb, Failure> {
    let watch = parameters.get("watch").is_some_and(|value| value == "true" || value == "1");
    match (method, &target.name) {
        (&Method::GET, Some(_)) => Ok(Verb::Get),
        (&Method::GET, None) if watch => Ok(Verb::Watch),
        (&Method::GET, None) => Ok(Verb::List),
        (&Method::POST, None) => Ok(Verb::Create),
        (&Method::PATCH, Some(_)) => Ok(Verb::Patch),
        _ => Err(Failure::method_not_allowed()),
    }
}

fn get(state: &State, target: &Target) -> Result<Response<Body>, Failure> {
    let (namespace, name) = target.key();
    let object = state.store().get(target.resource, namespace, name);
    let object = object.ok_or_else(|| Failure::not_found(target.resource, name))?;
    Ok(single(StatusCode::OK, &object))
}

fn create(state: &State, target: &Target, body: Value) -> Result<Response<Body>, Failure> {
    let mut value = object(body)?;
    let resource = target.resource;
    let metadata = value.entry("metadata").or_insert_with(|| json!({}));
    if !metadata.is_object() {
        return Err(Failure::bad_request("metadata must be an object"));
    }
    if let Some(namespace) = &target.namespace {
        metadata["namespace"] = namespace.as_str().into();
    }
    if metadata["name"].is_null() {
        let prefix = metadata["generateName"].as_str().unwrap_or_default();
        metadata["name"] = format!("{prefix}{:x}", state.store().head() + 1).into();
    }
    let name = metadata["name"].as_str().unwrap_or_default().to_owned();
    state.change(|store| {
        let namespace = target.namespace.as_deref().unwrap_or_default();
        if store.get(resource, namespace, &name).is_some() {
            return Err(Failure::already_exists(resource, &name));
        }
        Ok(single(StatusCode::CREATED, &store.apply(resource, value)))
    })
}

/// A JSON merge patch: what event recorders send when an event repeats.
fn patch(state: &State, target: &Target, body: &Value) -> Result<Response<Body>, Failure> {
    let (namespace, name) = target.key();
    state.change(|store| {
        let before = store.get(target.resource, namespace, name);
        let mut value = before.ok_or_else(|| Failure::not_found(target.resource, name))?.value();
        merge(&mut value, body);
        if value["metadata"]["name"] != name || value["metadata"]["namespace"] != namespace {
            return Err(Failure::bad_request("a patch cannot move an object"));
        }
        Ok(single(StatusCode::OK, &store.apply(target.resource, object(value)?)))
    })
}

fn merge(value: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *value = patch.clone();
        return;
    };
    if !value.is_object() {
        *value = json!({});
    }
    for (key, change) in patch {
        match (change, value.as_object_mut()) {
            (Value::Null, Some(object)) => drop(object.remove(key)),
            _ => merge(&mut value[key], change),
        }
    }
}

async fn read(request: Request<Incoming>) -> Result<Value, Failure> {
    let body = request.into_body().collect().await;
    let body = body.map_err(|error| Failure::bad_request(error.to_string()))?.to_bytes();
    serde_json::from_slice(&body).map_err(|error| Failure::bad_request(error.to_string()))
}

fn object(value: Value) -> Result<Map<String, Value>, Failure> {
    match value {
        Value::Object(object) => Ok(object),
        _ => Err(Failure::bad_request("the body must be an object")),
    }
}

fn bearer_token(headers: &HeaderMap) -> Option<&str> {
    headers.get(AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ")
}

fn single(status: StatusCode, object: &Object) -> Response<Body> {
    let mut out = Vec::new();
    object.write(&mut out);
    whole(status, out)
}

fn refusal(failure: &Failure) -> Response<Body> {
    let status = StatusCode::from_u16(failure.code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = whole(status, failure.status().to_string());
    if let Some(seconds) = failure.retry_after {
        response.headers_mut().insert(RETRY_AFTER, seconds.into());
    }
    if let Some(location) = failure.location.as_deref().and_then(|to| HeaderValue::from_str(to).ok()) {
        response.headers_mut().insert(LOCATION, location);
    }
    response
}

fn whole(status: StatusCode, body: impl Into<Bytes>) -> Response<Body> {
    let mut response = Response::new(Either::Left(Full::new(body.into())));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn lines(watch: Watch) -> Response<Body> {
    let frames = stream::unfold(watch, async |mut watch| {
        let lines = watch.next().await?;
        Some((Ok(Frame::data(lines)), watch))
    });
    streamed(frames.boxed())
}

fn streamed(frames: BoxStream<'static, io::Result<Frame<Bytes>>>) -> Response<Body> {
    let mut response = Response::new(Either::Right(StreamBody::new(frames)));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn version() -> Value {
    json!({
        "major": "1",
        "minor": "33",
        "gitVersion": "v1.33.0-weir-testkit",
        "gitCommit": "",
        "gitTreeState": "clean",
        "buildDate": "2026-01-01T00:00:00Z",
        "goVersion": "",
        "compiler": "",
        "platform": "linux/amd64",
    })
}
