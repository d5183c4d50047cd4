//! Which connections and flows are logged when they have ended, and what is said of them?
//!
//! A worker decides by chance at the beginning, and by the rate at the end. It hands what it knows to a thread, with the
//! sockets, of which that thread asks the kernel and which it closes: [decisions](../../../docs/decisions/metrics.md).

pub(crate) mod logged;

use super::close_reason::Closed;
use crate::sys::sock_diag::tcp_info::TcpInfo;
use std::{
    cell::Cell,
    net::{IpAddr, SocketAddr, TcpStream},
    num::{NonZeroU16, NonZeroU32},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
        mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, TrySendError, sync_channel},
    },
    time::{Duration, Instant, SystemTime},
};
use weir_core::{Flow, PortKey, Quota, RateLimiter};

/// Ended sessions that may wait to be written.
const MAX_WAITING_SESSIONS: usize = 4096;

/// What is said of a TCP connection or a UDP flow that has ended.
#[derive(Clone, Debug)]
pub struct EndedSession {
    /// Time of the end.
    pub closed_at: SystemTime,
    /// Time from the beginning to the end.
    pub duration: Duration,
    /// Service port that was dialled.
    pub port: PortKey,
    /// Number of that port.
    pub port_number: NonZeroU16,
    /// Addresses as the client sees them.
    pub flow: Flow,
    /// Address of the proxy that spoke for the client (PROXY protocol).
    pub via: Option<IpAddr>,
    /// Endpoint; `None` if none has accepted.
    pub endpoint: Option<SocketAddr>,
    /// Node of the endpoint, if its slice says so.
    pub node: Option<Arc<str>>,
    /// Time from the beginning until an endpoint had accepted; `None` of a UDP flow, too.
    pub connect_time: Option<Duration>,
    /// Time from the beginning until the first byte, or reply, of the endpoint.
    pub first_byte: Option<Duration>,
    /// Endpoints that were tried.
    pub attempts: usize,
    /// Bytes relayed to the endpoint.
    pub bytes_to_endpoint: u64,
    /// Bytes relayed to the client.
    pub bytes_to_client: u64,
    /// Datagrams of a UDP flow.
    pub datagrams: Option<Datagrams>,
    /// Why it ended.
    pub reason: Closed,
    /// What the kernel knew at the end of the connection to the client.
    pub client_path: Option<TcpInfo>,
    /// What the kernel knew at the end of the connection to the endpoint.
    pub endpoint_path: Option<TcpInfo>,
}

/// Datagrams that were relayed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Datagrams {
    /// Datagrams relayed to the endpoint.
    pub to_endpoint: u32,
    /// Datagrams relayed to the client.
    pub to_client: u32,
}

/// Which sessions are told of at their end, and to whom; for [`crate::Config::connection_log`].
#[derive(Clone, Debug)]
pub struct ConnectionLog {
    shared: Arc<Shared>,
    lines: SyncSender<Box<EndedSession>>,
}

/// The ended sessions that are to be logged.
#[derive(Debug)]
pub struct EndedSessions {
    shared: Arc<Shared>,
    lines: Receiver<Box<EndedSession>>,
}

/// Sessions that were to be logged and were not, since they were last asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// Sessions beyond the rate.
    pub over_rate: u64,
    /// Sessions for which there was no room among those that wait.
    pub no_room: u64,
}

#[derive(Debug)]
struct Shared {
    /// Of 2^32 sessions so many are logged.
    sample: u64,
    quota: Quota,
    limiter: RateLimiter,
    over_rate: AtomicU64,
    no_room: AtomicU64,
}

/// Creates a log that tells of a part of all sessions, chosen by chance (`sample`, more than 0 and at most 1), and of at most
/// `rate` sessions a second.
pub fn connection_log(sample: f64, rate: NonZeroU32) -> (ConnectionLog, EndedSessions) {
    let (sender, receiver) = sync_channel(MAX_WAITING_SESSIONS);
    let shared = Arc::new(Shared {
        sample: (sample * (1u64 << 32) as f64) as u64,
        quota: Quota::per_second(rate),
        limiter: RateLimiter::new(Instant::now()),
        over_rate: AtomicU64::default(),
        no_room: AtomicU64::default(),
    });
    (ConnectionLog { shared: Arc::clone(&shared), lines: sender }, EndedSessions { shared, lines: receiver })
}

impl EndedSessions {
    /// Waits for the next one. Fails after `timeout`, and once nobody is left who could tell of any.
    pub fn next(&self, timeout: Duration) -> Result<Box<EndedSession>, RecvTimeoutError> {
        self.lines.recv_timeout(timeout)
    }

    /// The next one that is there already.
    pub fn next_waiting(&self) -> Result<Box<EndedSession>, TryRecvError> {
        self.lines.try_recv()
    }

    /// Takes the counts of sessions that were left out.
    pub fn take_left_out(&self) -> LeftOut {
        let Shared { over_rate, no_room, .. } = &*self.shared;
        LeftOut { over_rate: over_rate.swap(0, Relaxed), no_room: no_room.swap(0, Relaxed) }
    }
}

impl ConnectionLog {
    /// Tells of an ended session, if there is room.
    pub(crate) fn tell(&self, ended: Box<EndedSession>) {
        if self.lines.try_send(ended).is_err() {
            self.shared.no_room.fetch_add(1, Relaxed);
        }
    }
}

/// A connection that has ended, on its way to the log, with its sockets.
#[derive(Debug)]
pub(crate) struct Closing {
    pub(crate) ended: Box<EndedSession>,
    pub(crate) client: Option<TcpStream>,
    pub(crate) endpoint: Option<TcpStream>,
}

/// The log as one worker has it.
#[derive(Clone, Debug)]
pub(crate) struct SessionLog {
    log: ConnectionLog,
    /// Where connections go whose sockets the kernel is to be asked about.
    closing: Option<SyncSender<Closing>>,
    /// Sessions beyond the rate that [`LeftOut`] does not count yet.
    over_rate: Cell<u64>,
}

impl SessionLog {
    pub(crate) fn new(log: ConnectionLog, closing: Option<SyncSender<Closing>>) -> Self {
        Self { log, closing, over_rate: Cell::default() }
    }

    /// Whether a session that begins is to be logged.
    pub(crate) fn samples(&self) -> bool {
        u64::from(rand::random::<u32>()) < self.log.shared.sample
    }

    /// Whether the rate allows to tell of a session now; counts it if not.
    pub(crate) fn admits(&self, now: Instant) -> bool {
        let Shared { quota, limiter, .. } = &*self.log.shared;
        let admits = limiter.try_take(now, *quota);
        if !admits {
            self.over_rate.set(self.over_rate.get() + 1);
        }
        admits
    }

    /// Tells of a flow.
    pub(crate) fn tell(&self, ended: Box<EndedSession>) {
        self.log.tell(ended);
    }

    /// Tells of a connection. Its sockets are closed soon; at once if too many wait for that.
    pub(crate) fn tell_closing(&self, closing: Closing) {
        let refused = match &self.closing {
            Some(sender) => match sender.try_send(closing) {
                Ok(()) => return,
                Err(TrySendError::Full(closing) | TrySendError::Disconnected(closing)) => closing,
            },
            None => closing,
        };
        self.log.tell(refused.ended);
    }

    /// Adds what this worker has counted to what all have.
    pub(crate) fn flush(&self) {
        let over_rate = self.over_rate.take();
        if over_rate > 0 {
            self.log.shared.over_rate.fetch_add(over_rate, Relaxed);
        }
    }
}

impl Drop for SessionLog {
    fn drop(&mut self) {
        self.flush();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use weir_core::{Protocol, ServiceKey};

    fn log(sample: f64, rate: u32) -> (SessionLog, EndedSessions) {
        let (log, ended) = connection_log(sample, NonZeroU32::new(rate).unwrap());
        (SessionLog::new(log, None), ended)
    }

    fn ended() -> Box<EndedSession> {
        let address = SocketAddr::from(([127, 0, 0, 1], 80));
        Box::new(EndedSession {
            closed_at: SystemTime::UNIX_EPOCH,
            duration: Duration::ZERO,
            port: PortKey {
                service: ServiceKey::new("default", "web"),
                name: "".into(),
                protocol: Protocol::Tcp,
            },
            port_number: NonZeroU16::MIN,
            flow: Flow { protocol: Protocol::Tcp, client: address, frontend: address },
            via: None,
            endpoint: None,
            node: None,
            connect_time: None,
            first_byte: None,
            attempts: 0,
            bytes_to_endpoint: 0,
            bytes_to_client: 0,
            datagrams: None,
            reason: Closed::Finished,
            client_path: None,
            endpoint_path: None,
        })
    }

    #[test]
    fn a_part_of_all_sessions_is_logged_and_one_means_all() {
        let (all, _ended) = log(1.0, 1);
        assert!((0..10_000).all(|_| all.samples()));
        let (tenth, _ended) = log(0.1, 1);
        let sampled = (0..100_000).filter(|_| tenth.samples()).count();
        // Ten standard deviations.
        assert!((9_050..10_950).contains(&sampled), "{sampled}");
    }

    #[test]
    fn sessions_beyond_the_rate_are_counted_and_told_once() {
        let (log, ended) = log(1.0, 10);
        let start = Instant::now();
        let admitted = (0..100).filter(|_| log.admits(start)).count();
        assert_eq!(admitted, 1);
        assert!(log.admits(start + Duration::from_secs(1)));
        assert_eq!(ended.take_left_out(), LeftOut::default(), "counted by the worker");
        log.flush();
        assert_eq!(ended.take_left_out(), LeftOut { over_rate: 99, no_room: 0 });
        assert_eq!(ended.take_left_out(), LeftOut::default());
    }

    #[test]
    fn what_finds_no_room_is_counted_and_nobody_waits() {
        let (log, sessions) = log(1.0, 10);
        for _ in 0..MAX_WAITING_SESSIONS + 7 {
            log.tell(ended());
        }
        assert_eq!(sessions.take_left_out(), LeftOut { over_rate: 0, no_room: 7 });
        assert_eq!(std::iter::from_fn(|| sessions.next_waiting().ok()).count(), MAX_WAITING_SESSIONS);
        drop(log);
        assert_eq!(sessions.next_waiting().unwrap_err(), TryRecvError::Disconnected);
    }
}
