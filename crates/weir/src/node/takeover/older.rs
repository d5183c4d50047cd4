//! How does a weir that runs hand over to a newcomer?

use super::{
    channel::Channel,
    message::{MAX_SOCKETS, Message, Peer, SocketName},
    steps::{Action, Event, Step},
};
use crate::http::Probes;
use std::{
    io,
    os::fd::OwnedFd,
    sync::{Arc, atomic::AtomicUsize, atomic::Ordering},
    time::Duration,
};
use tokio::{
    net::UnixListener,
    sync::{Mutex, mpsc, oneshot},
    task::{JoinHandle, JoinSet},
    time::{Instant, sleep, timeout_at},
};
use tracing::{info, warn};
use weir_capture::{RuntimeDir, TAKEOVER_SOCKET, is_trusted_peer};
use weir_proxy::{HandOver, ListeningSocket};

/// Time that a newcomer may take from its question until it serves: clients wait meanwhile.
const MAX_HAND_OVER: Duration = Duration::from_secs(30);

/// Connections at once.
const MAX_CONNECTIONS: usize = 16;

/// Pause after an accept that failed.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What the owner of the rules hears of a hand-over.
#[derive(Debug)]
pub(crate) enum HandOverEvent {
    /// A newcomer asks: the table may be another's from now on. Answered with a duplicate of the lock.
    Asked { lock: oneshot::Sender<Option<OwnedFd>> },
    /// The newcomer that has asked is gone before it served.
    Lost,
    /// The newcomer serves.
    TakenOver(TakenOver),
}

/// The end of a hand-over.
#[derive(Debug)]
pub(crate) struct TakenOver {
    /// The newcomer; `None` if it has taken over without a word.
    pub(crate) by: Option<Peer>,
    /// To be answered when all ports and sockets are let go of.
    pub(crate) released: Option<oneshot::Sender<()>>,
}

/// Waits for newcomers until dropped.
#[derive(Debug)]
pub(crate) struct HandOverServer {
    /// `None` once a newcomer has taken over.
    events: Option<mpsc::Receiver<HandOverEvent>>,
    task: JoinHandle<()>,
}

/// What all connections share.
#[derive(Clone)]
struct Shared {
    hand_over: HandOver,
    events: mpsc::Sender<HandOverEvent>,
    /// Held by the connection whose newcomer takes over.
    turn: Arc<Mutex<()>>,
    /// Newcomers that have greeted.
    greeted: Arc<AtomicUsize>,
    probes: Probes,
}

impl HandOverServer {
    /// Listens for newcomers in the runtime directory, in place of whoever did before.
    pub(crate) fn start(runtime_dir: &RuntimeDir, hand_over: HandOver, probes: Probes) -> io::Result<Self> {
        let listener = UnixListener::from_std(runtime_dir.listen(TAKEOVER_SOCKET)?.into())?;
        let (sender, events) = mpsc::channel(1);
        let shared =
            Shared { hand_over, events: sender, turn: Arc::default(), greeted: Arc::default(), probes };
        Ok(Self { events: Some(events), task: tokio::spawn(serve(listener, shared)) })
    }

    /// The next event. Safe to cancel.
    pub(crate) async fn next(&mut self) -> HandOverEvent {
        match &mut self.events {
            Some(events) => match events.recv().await {
                Some(event) => event,
                None => std::future::pending().await,
            },
            None => std::future::pending().await,
        }
    }

    /// Hands over no more; the newcomer that has taken over still gets its answer.
    pub(crate) fn finish(&mut self) {
        self.events = None;
    }
}

impl Drop for HandOverServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(listener: UnixListener, shared: Shared) {
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let socket = match listener.accept().await {
            Ok((socket, _)) => socket,
            Err(error) => {
                warn!(%error, "cannot accept a newcomer; trying again");
                sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        if !is_trusted_peer(&socket) || connections.len() >= MAX_CONNECTIONS {
            continue;
        }
        connections.spawn(attend(Channel::accepted(socket), shared.clone()));
    }
}

/// Attends to one newcomer until its connection ends or it has taken over.
async fn attend(channel: Channel, shared: Shared) {
    let mut connection =
        Connection { channel, step: Step::Connected, peer: None, parts: Vec::new(), greeting: None };
    let mut turn = None;
    let mut deadline = Instant::now() + MAX_HAND_OVER;
    let mut event = connection.listen(deadline).await;
    loop {
        let action = connection.step.take(event);
        event = match action {
            Action::Greet => {
                connection.greeting = Some(Greeting::new(&shared));
                connection.say(&Message::hello(), deadline).await
            }
            Action::Duplicate => match Arc::clone(&shared.turn).try_lock_owned() {
                Ok(guard) => {
                    turn = Some(guard);
                    deadline = Instant::now() + MAX_HAND_OVER;
                    connection.duplicate(&shared).await
                }
                Err(_) => {
                    let reason = "another newcomer is taking over".to_owned();
                    connection.say(&Message::Refused { reason }, deadline).await
                }
            },
            Action::SendPart => connection.send_part(deadline).await,
            Action::Wait => connection.listen(deadline).await,
            Action::GiveWay => return connection.give_way(&shared).await,
            Action::Resume => {
                info!("the newcomer that was taking over is gone: this weir serves on");
                shared.hand_over.resume().await;
                let _ = shared.events.send(HandOverEvent::Lost).await;
                break;
            }
            Action::Close => break,
        };
    }
    drop(turn);
}

/// One newcomer's connection.
struct Connection {
    channel: Channel,
    step: Step,
    peer: Option<Peer>,
    /// Parts that are still to be sent, the last one first.
    parts: Vec<(Message, Vec<OwnedFd>)>,
    greeting: Option<Greeting>,
}

impl Connection {
    /// Hears what the newcomer says next. One that starts may take its time; once clients wait there is a deadline.
    async fn listen(&mut self, deadline: Instant) -> Event {
        let received = match self.step == Step::Greeted {
            true => Ok(self.channel.receive().await),
            false => timeout_at(deadline, self.channel.receive()).await,
        };
        match received {
            Ok(Ok(Some((message, _)))) => {
                if let Some(peer) = message.clone().peer() {
                    self.peer = Some(peer);
                }
                Event::Said(message)
            }
            _ => Event::Lost,
        }
    }

    /// Says something, and hears what the newcomer says next.
    async fn say(&mut self, message: &Message, deadline: Instant) -> Event {
        match timeout_at(deadline, self.channel.send(message)).await {
            Ok(Ok(())) => self.listen(deadline).await,
            _ => Event::Lost,
        }
    }

    async fn duplicate(&mut self, shared: &Shared) -> Event {
        let (sender, lock) = oneshot::channel();
        if shared.events.send(HandOverEvent::Asked { lock: sender }).await.is_err() {
            return Event::Lost;
        }
        let lock = lock.await.ok().flatten();
        self.parts = parts(shared.hand_over.pass().await, lock);
        Event::Duplicated { parts: self.parts.len() }
    }

    async fn send_part(&mut self, deadline: Instant) -> Event {
        let Some((message, descriptors)) = self.parts.pop() else { return Event::Lost };
        match timeout_at(deadline, self.channel.send_with(&message, &descriptors)).await {
            Ok(Ok(())) => self.listen(deadline).await,
            _ => Event::Lost,
        }
    }

    async fn give_way(mut self, shared: &Shared) {
        let (released, done) = oneshot::channel();
        let taken_over = TakenOver { by: self.peer.take(), released: Some(released) };
        if shared.events.send(HandOverEvent::TakenOver(taken_over)).await.is_ok() && done.await.is_ok() {
            let _ = self.channel.send(&Message::Released).await;
        }
    }
}

/// Sockets and lock in parts that each fit into a message; the last one to be sent first, at least one.
fn parts(sockets: Vec<ListeningSocket>, lock: Option<OwnedFd>) -> Vec<(Message, Vec<OwnedFd>)> {
    let mut named: Vec<(SocketName, OwnedFd)> = sockets
        .into_iter()
        .filter_map(|ListeningSocket { listen, socket }| Some((SocketName::of(listen)?, socket)))
        .collect();
    let mut parts = Vec::new();
    let mut lock = lock;
    loop {
        let rest = named.split_off(named.len().min(MAX_SOCKETS));
        let (sockets, mut descriptors): (Vec<_>, Vec<_>) = named.into_iter().unzip();
        let has_lock = lock.is_some();
        descriptors.extend(lock.take());
        let more = !rest.is_empty();
        parts.push((Message::Sockets { sockets, lock: has_lock, more }, descriptors));
        named = rest;
        if !more {
            break;
        }
    }
    parts.reverse();
    parts
}

/// A newcomer that has greeted: this weir is not ready, so that probes of the newcomer, who has the same port, are not
/// answered for it.
struct Greeting {
    greeted: Arc<AtomicUsize>,
    probes: Probes,
}

impl Greeting {
    fn new(shared: &Shared) -> Self {
        let (greeted, probes) = (Arc::clone(&shared.greeted), shared.probes.clone());
        greeted.fetch_add(1, Ordering::Relaxed);
        probes.health().set_newcomer_waits(true);
        Self { greeted, probes }
    }
}

impl Drop for Greeting {
    fn drop(&mut self) {
        let others = self.greeted.fetch_sub(1, Ordering::Relaxed) - 1;
        self.probes.health().set_newcomer_waits(others > 0);
    }
}
