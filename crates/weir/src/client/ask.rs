//! How is one question asked and answered? A connection each: the socket is on this host.

use super::{
    body::{self, MAX_ANSWER_BYTES},
    event::Events,
    failure::{Cause, Failure, quoted},
    query::Query,
    socket::AdminSocket,
};
use anyhow::Context;
use http_body_util::Full;
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Bytes, Incoming},
    client::conn::http1,
    header::{ACCEPT, CONTENT_TYPE, HOST, USER_AGENT},
};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use std::{io, time::Duration};
use tokio::{net::UnixStream, runtime::Builder, task::JoinHandle, time::timeout};

/// Time in which an answer must have come to its end.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(15);

/// Size of an answer's head, in bytes, and its lines.
const MAX_HEAD: (usize, usize) = (64 << 10, 64);

/// Asker of one weir.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    socket: AdminSocket,
    longest: Duration,
}

/// Runs a command that asks a weir, to its end.
pub(crate) fn with_client<T>(
    socket: AdminSocket,
    command: impl AsyncFnOnce(Client) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let runtime = Builder::new_current_thread().enable_all().build().context("cannot start a runtime")?;
    runtime.block_on(command(Client { socket, longest: ANSWER_TIMEOUT }))
}

impl Client {
    /// Socket that is asked.
    pub(crate) fn socket(&self) -> &AdminSocket {
        &self.socket
    }

    /// Answer to a question.
    pub(crate) async fn get(&self, query: &Query) -> Result<Value, Failure> {
        let request = request(Method::GET, query, "application/json", Bytes::new());
        self.json(request).await
    }

    /// Answer to a change.
    pub(crate) async fn change(
        &self,
        method: Method,
        query: &Query,
        change: &Value,
    ) -> Result<Value, Failure> {
        let request = request(method, query, "application/json", Bytes::from(change.to_string()));
        self.json(request).await
    }

    /// Answer to a change that adds something or does something.
    pub(crate) async fn post(&self, query: &Query, change: &Value) -> Result<Value, Failure> {
        let request = request(Method::POST, query, "application/json", Bytes::from(change.to_string()));
        self.json(request).await
    }

    /// Answer to a removal.
    pub(crate) async fn delete(&self, query: &Query) -> Result<Value, Failure> {
        self.json(request(Method::DELETE, query, "application/json", Bytes::new())).await
    }

    /// Stream that answers a question.
    pub(crate) async fn follow(&self, query: &Query) -> Result<Events, Failure> {
        let request = request(Method::GET, query, "text/event-stream", Bytes::new());
        let begin = async {
            let (mut response, connection) = self.send(request).await?;
            if response.status() != StatusCode::OK {
                return Err(refused(&mut response).await);
            }
            Ok(Events::new(response.into_body(), self.socket.path().to_owned(), connection))
        };
        self.timed(begin).await
    }

    async fn json(&self, request: Request<Full<Bytes>>) -> Result<Value, Failure> {
        let bytes = self.bytes(request).await?;
        // Every answer is an object, so that whoever takes parts of it can rely on that.
        let object = serde_json::from_slice(&bytes).ok().filter(Value::is_object);
        object.ok_or_else(|| self.failure(Cause::NoAnswer(format!("no JSON object, but {}", quoted(&bytes)))))
    }

    async fn bytes(&self, request: Request<Full<Bytes>>) -> Result<Vec<u8>, Failure> {
        let answer = async {
            let (mut response, connection) = self.send(request).await?;
            let answer = match response.status().is_success() {
                true => body::whole(response.body_mut(), MAX_ANSWER_BYTES).await,
                false => Err(refused(&mut response).await),
            };
            connection.abort();
            answer
        };
        self.timed(answer).await
    }

    async fn timed<T>(&self, answer: impl Future<Output = Result<T, Cause>>) -> Result<T, Failure> {
        let answer = timeout(self.longest, answer).await.unwrap_or(Err(Cause::Silent(self.longest)));
        answer.map_err(|cause| self.failure(cause))
    }

    async fn send(
        &self,
        request: Request<Full<Bytes>>,
    ) -> Result<(Response<Incoming>, JoinHandle<()>), Cause> {
        let stream = UnixStream::connect(self.socket.path())
            .await
            .map_err(|error| Cause::of_connecting(error, || self.socket.others()))?;
        let mut builder = http1::Builder::new();
        let (bytes, lines) = MAX_HEAD;
        builder.max_buf_size(bytes).max_headers(lines);
        let (mut sender, connection) = builder.handshake(TokioIo::new(stream)).await.map_err(broken)?;
        // It ends with the answer, or is ended by whoever has read enough.
        let connection = tokio::spawn(async move { drop(connection.await) });
        let response = sender.send_request(request).await.map_err(broken)?;
        Ok((response, connection))
    }

    fn failure(&self, cause: Cause) -> Failure {
        Failure::new(self.socket.path(), cause)
    }
}

fn request(method: Method, query: &Query, accept: &'static str, body: Bytes) -> Request<Full<Bytes>> {
    let mut request = Request::new(Full::new(body));
    *request.method_mut() = method;
    // Every character that a path may not have is encoded; a path of the program's own always parses.
    *request.uri_mut() = query.as_str().parse().unwrap_or_default();
    let headers =
        [(HOST, "localhost"), (USER_AGENT, "weir"), (ACCEPT, accept), (CONTENT_TYPE, "application/json")];
    request
        .headers_mut()
        .extend(headers.map(|(name, value)| (name, hyper::header::HeaderValue::from_static(value))));
    request
}

async fn refused(response: &mut Response<Incoming>) -> Cause {
    let status = response.status().as_u16();
    match body::whole(response.body_mut(), MAX_ANSWER_BYTES).await {
        Ok(bytes) => Cause::of_refusal(status, &bytes),
        Err(cause) => cause,
    }
}

/// Cause of an error of HTTP: of the connection, or of what was said over it.
fn broken(error: hyper::Error) -> Cause {
    if error.is_parse() || error.is_incomplete_message() {
        return Cause::NoAnswer(error.to_string());
    }
    Cause::Connection(io::Error::other(error))
}

#[cfg(test)]
mod tests;
