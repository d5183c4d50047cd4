//! How is a data-plane thread started, and what can it be told?

use crate::{
    Closed, ConnectionInfo, Error,
    catalog::{Catalog, Change},
    counters::ProcessCounters,
    endings::{self, Removed},
    listener::{Listener, Serving},
    peers::{Peer, Peers},
    receivers::Receiving,
    service_load::ServiceLoad,
    slot::Slot,
    tcp::HandedOver,
    worker::{Share, Worker},
};
use std::{collections::HashMap, io, net::IpAddr, rc::Rc, sync::Arc, thread::JoinHandle};
use tokio::{
    runtime::{Builder, LocalOptions},
    sync::{mpsc, oneshot},
};
use weir_core::EndpointRemoved;

/// What a worker can be told.
#[derive(Debug)]
pub(crate) enum Command {
    /// Serve a bound socket.
    Listen { id: ListenerId, socket: socket2::Socket, serving: Serving },
    /// Serve what comes in through a receiving socket (node mode).
    Receive(Receiving),
    /// Have frontends whose packets are received served like this. The answer comes when that is so.
    Change { changes: Arc<[Change]>, done: oneshot::Sender<()> },
    /// Serve something else through it from now on. The answer comes when that is so.
    Redirect { id: ListenerId, serving: Serving, done: oneshot::Sender<io::Result<()>> },
    /// Stop serving it. What is in its queue is served first; the answer comes when the socket is closed.
    Close { id: ListenerId, done: oneshot::Sender<()> },
    /// Accept nothing new. Answers when all TCP sockets that listened are closed.
    StopAccepting { done: oneshot::Sender<()> },
    /// Answers when the last TCP connection has ended, once nothing new is accepted.
    Drain { done: oneshot::Sender<()> },
    /// Endpoints of a Service port are gone, and the Service does not keep their connections.
    Removed { slot: Arc<Slot>, removed: Removed, rule: EndpointRemoved },
    /// End all connections. Answers how many there were, once all were told.
    EndAll { reason: Closed, done: oneshot::Sender<usize> },
    /// A second has passed.
    Tick,
    /// Serve a client that another worker has accepted.
    Adopt(HandedOver),
    /// End the client's UDP flow that has been idle for longest, or pass it on to so many others.
    EvictOf { service: Arc<ServiceLoad>, client: IpAddr, left: usize },
    /// Count the live connections.
    Count { done: oneshot::Sender<usize> },
    /// List the live connections.
    List { done: oneshot::Sender<Vec<ConnectionInfo>> },
}

/// Names a listening socket; the same on all workers that serve the address.
pub(crate) type ListenerId = u64;

/// A worker thread, seen from the thread that steers it.
#[derive(Debug)]
pub(crate) struct WorkerHandle {
    commands: Option<mpsc::UnboundedSender<Command>>,
    thread: Option<JoinHandle<()>>,
}

impl WorkerHandle {
    /// Starts `count` workers, each with the same share.
    pub(crate) fn start_all(
        count: usize,
        share: &Share,
        counters: &Arc<ProcessCounters>,
    ) -> Result<Vec<Self>, Error> {
        let (commands, orders): (Vec<_>, Vec<_>) = (0..count).map(|_| mpsc::unbounded_channel()).unzip();
        let all: Arc<[_]> = commands.iter().map(|commands| Peer::new(commands.downgrade())).collect();
        let start = |(number, (commands, orders))| {
            let (share, counters, peers) = (share.clone(), Arc::clone(counters), Peers::new(&all, number));
            let thread = start_thread(number, orders, move || Worker::new(share, counters, peers))
                .map_err(|source| Error::Worker { worker: number, source })?;
            Ok(Self { commands: Some(commands), thread: Some(thread) })
        };
        commands.into_iter().zip(orders).enumerate().map(start).collect()
    }

    /// A way to tell the worker something that does not keep it alive.
    pub(crate) fn commands(&self) -> Option<mpsc::WeakUnboundedSender<Command>> {
        self.commands.as_ref().map(mpsc::UnboundedSender::downgrade)
    }

    /// Tells the worker something. A worker that has ended (it panicked) no longer serves, and listens to nothing.
    pub(crate) fn tell(&self, command: Command) {
        if self.commands.as_ref().is_none_or(|commands| commands.send(command).is_err()) {
            tracing::error!("a worker thread has ended; please report this as a bug");
        }
    }

    /// Tells the worker something that it answers.
    pub(crate) fn ask<T>(&self, command: impl FnOnce(oneshot::Sender<T>) -> Command) -> oneshot::Receiver<T> {
        let (done, answer) = oneshot::channel();
        self.tell(command(done));
        answer
    }
}

impl Drop for WorkerHandle {
    fn drop(&mut self) {
        self.commands = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Waits for all answers; workers that have ended give none.
pub(crate) async fn answers<T>(asked: Vec<oneshot::Receiver<T>>) -> Vec<T> {
    let mut answers = Vec::with_capacity(asked.len());
    for answer in asked {
        answers.extend(answer.await.ok());
    }
    answers
}

/// Starts a thread that owns a worker; returns once its runtime is up.
fn start_thread(
    number: usize,
    orders: mpsc::UnboundedReceiver<Command>,
    worker: impl FnOnce() -> Rc<Worker> + Send + 'static,
) -> io::Result<JoinHandle<()>> {
    let (ready, started) = std::sync::mpsc::channel();
    let body = move || match Builder::new_current_thread().enable_all().build_local(LocalOptions::default()) {
        Ok(runtime) => {
            let _ = ready.send(Ok(()));
            runtime.block_on(run(worker(), orders));
        }
        Err(error) => {
            let _ = ready.send(Err(error));
        }
    };
    let thread = std::thread::Builder::new().name(format!("weir-worker-{number}")).spawn(body)?;
    started.recv().map_err(|_| io::Error::other("the thread ended at once"))??;
    Ok(thread)
}

async fn run(worker: Rc<Worker>, mut commands: mpsc::UnboundedReceiver<Command>) {
    let mut open =
        Open { listeners: HashMap::new(), receivers: Vec::new(), catalog: Catalog::new(Rc::clone(&worker)) };
    while let Some(command) = commands.recv().await {
        obey(&worker, command, &mut open);
    }
    endings::end_last(&worker).await;
    worker.tallies.flush();
}

/// Through what clients come in.
struct Open {
    listeners: HashMap<ListenerId, Listener>,
    receivers: Vec<Listener>,
    catalog: Rc<Catalog>,
}

fn obey(worker: &Rc<Worker>, command: Command, open: &mut Open) {
    let Open { listeners, receivers, catalog } = open;
    match command {
        Command::Listen { id, socket, serving } => match Listener::start(worker, socket, serving) {
            Ok(listener) => drop(listeners.insert(id, listener)),
            Err(error) => tracing::error!(%error, "cannot watch a listening socket"),
        },
        Command::Receive(receiving) => match Listener::receive(catalog, receiving) {
            Ok(receiver) => receivers.push(receiver),
            Err(error) => tracing::error!(%error, "cannot watch a receiving socket"),
        },
        Command::Change { changes, done } => {
            answer_when_closed(vec![tokio::task::spawn_local(catalog.change(&changes))], done);
        }
        Command::Redirect { id, serving, done } => {
            let Some(listener) = listeners.get(&id) else { return };
            let _ = done.send(listener.redirect(worker, serving));
        }
        Command::Close { id, done } => {
            answer_when_closed(listeners.remove(&id).into_iter().map(Listener::close).collect(), done);
        }
        Command::StopAccepting { done } => {
            worker.draining.set(true);
            // UDP sockets stay: their flows have no end, and go on for as long as TCP connections do.
            let tcp = listeners.extract_if(|_, listener| listener.is_tcp()).map(|(_, listener)| listener);
            let tcp = tcp.chain(receivers.extract_if(.., |receiver| receiver.is_tcp()));
            answer_when_closed(tcp.map(Listener::close).collect(), done);
        }
        Command::Drain { done } => {
            worker.drained.borrow_mut().push(done);
            worker.answer_if_drained();
        }
        Command::EndAll { reason, done } => {
            let worker = Rc::clone(worker);
            tokio::task::spawn_local(async move { done.send(endings::end_all(&worker, reason).await) });
        }
        Command::Removed { slot, removed, rule } => {
            let worker = Rc::clone(worker);
            tokio::task::spawn_local(async move {
                endings::end_removed(&worker, &slot, &removed, rule).await;
            });
        }
        Command::Tick => {
            if worker.tick() {
                tokio::task::spawn_local(endings::finish_tick(Rc::clone(worker)));
            }
        }
        Command::Adopt(handed_over) => handed_over.serve(worker),
        Command::EvictOf { service, client, left } => {
            let evicted = worker.flows.borrow_mut().evict_of(&service, client);
            if !evicted {
                worker.peers.pass_on(service, client, left);
            }
        }
        Command::Count { done } => drop(done.send(worker.connections.borrow().len())),
        Command::List { done } => {
            let connections = worker.connections.borrow();
            let _ = done.send(connections.iter().map(|connection| connection.info()).collect());
        }
    }
}

fn answer_when_closed(closing: Vec<tokio::task::JoinHandle<()>>, done: oneshot::Sender<()>) {
    tokio::task::spawn_local(async move {
        for closed in closing {
            let _ = closed.await;
        }
        let _ = done.send(());
    });
}
