//! Which client uses the demo's Service while there is no other?

use std::{
    fmt, io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{MissedTickBehavior, interval, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Time after which a request has failed.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);

/// Bytes of an answer that are read.
const MAX_ANSWER_BYTES: u64 = 4096;

/// Client that makes requests to the Service at a steady rate.
pub(super) struct DemoClient {
    counts: Arc<Counts>,
    stop: CancellationToken,
    requests: TaskTracker,
}

#[derive(Default)]
struct Counts {
    answered: AtomicU64,
    failed: AtomicU64,
}

impl DemoClient {
    /// Makes `rate` requests a second; none with 0.
    pub(super) fn start(service: SocketAddr, rate: u32) -> Self {
        let client =
            Self { counts: Arc::default(), stop: CancellationToken::new(), requests: TaskTracker::new() };
        if rate > 0 {
            let (counts, stop) = (Arc::clone(&client.counts), client.stop.clone());
            tokio::spawn(send_requests(service, rate, counts, stop, client.requests.clone()));
        }
        client
    }

    /// Stops making requests, and waits for requests under way: the Service is still there for them.
    pub(super) async fn stop(&self) {
        self.stop.cancel();
        self.requests.close();
        self.requests.wait().await;
    }
}

impl fmt::Display for DemoClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (answered, failed) = (&self.counts.answered, &self.counts.failed);
        write!(f, "{} answered, {} failed", answered.load(Ordering::Relaxed), failed.load(Ordering::Relaxed))
    }
}

async fn send_requests(
    service: SocketAddr,
    rate: u32,
    counts: Arc<Counts>,
    stop: CancellationToken,
    requests: TaskTracker,
) {
    let mut ticks = interval(Duration::from_secs(1) / rate);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            // First: `requests` is no longer waited for, so that a tick that is due as well comes too late.
            biased;
            () = stop.cancelled() => return,
            _ = ticks.tick() => {}
        }
        let counts = Arc::clone(&counts);
        requests.spawn(async move {
            let outcome = match timeout(REQUEST_TIMEOUT, get(service)).await {
                Ok(Ok(())) => &counts.answered,
                Ok(Err(_)) | Err(_) => &counts.failed,
            };
            outcome.fetch_add(1, Ordering::Relaxed);
        });
    }
}

async fn get(service: SocketAddr) -> io::Result<()> {
    let mut stream = TcpStream::connect(service).await?;
    let request = format!("GET / HTTP/1.1\r\nHost: {service}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.take(MAX_ANSWER_BYTES).read_to_string(&mut answer).await?;
    if answer.starts_with("HTTP/1.1 200") { Ok(()) } else { Err(io::ErrorKind::InvalidData.into()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    #[tokio::test(start_paused = true)]
    async fn a_tick_that_is_due_as_the_visitor_stops_makes_no_request() {
        let service = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = DemoClient::start(service.local_addr().unwrap(), 1);
        tokio::spawn(async move { while service.accept().await.is_ok() {} });
        tokio::task::yield_now().await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        client.stop().await;
        let asked = || client.counts.failed.load(Ordering::Relaxed);
        let before = asked();
        tokio::time::sleep(REQUEST_TIMEOUT * 2).await;
        assert_eq!((before, asked()), (1, 1));
    }
}
