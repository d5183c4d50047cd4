//! How is a data-plane thread started, and what can it be told?

use crate::{
    Closed, ConnectionInfo, Error, counters::ProcessCounters, plan::Binding, slot::Slot, tcp, udp,
    worker::Worker,
};
use std::{collections::HashMap, rc::Rc, sync::Arc, thread::JoinHandle, time::Duration};
use tokio::{
    runtime::{Builder, LocalOptions},
    sync::{mpsc, oneshot},
    time::MissedTickBehavior,
};
use tokio_util::sync::CancellationToken;
use weir_core::Protocol;

/// How often counts reach the metrics.
const FLUSH: Duration = Duration::from_secs(1);

/// What a worker can be told.
#[derive(Debug)]
pub(crate) enum Command {
    /// Serve a bound socket.
    Listen { id: ListenerId, socket: socket2::Socket, binding: Binding, slot: Arc<Slot> },
    /// Stop serving it. What is in its queue is served first; the answer comes when the socket is closed.
    Close { id: ListenerId, done: oneshot::Sender<()> },
    /// Accept nothing new. Answers when the last TCP connection has ended.
    Drain { done: oneshot::Sender<()> },
    /// End all connections. Answers how many there were.
    EndAll { reason: Closed, done: oneshot::Sender<usize> },
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
    /// Starts worker number `worker`, which may hold `udp_flows` flows.
    pub(crate) fn start(
        worker: usize,
        udp_flows: usize,
        counters: Arc<ProcessCounters>,
    ) -> Result<Self, Error> {
        let (commands, orders) = mpsc::unbounded_channel();
        let fail = |source| Error::Worker { worker, source };
        let (ready, started) = std::sync::mpsc::channel();
        let body = move || {
            let runtime = Builder::new_current_thread().enable_all().build_local(LocalOptions::default());
            match runtime {
                Ok(runtime) => {
                    let _ = ready.send(Ok(()));
                    runtime.block_on(run(Worker::new(udp_flows, counters), orders));
                }
                Err(error) => {
                    let _ = ready.send(Err(error));
                }
            }
        };
        let thread =
            std::thread::Builder::new().name(format!("weir-worker-{worker}")).spawn(body).map_err(fail)?;
        let ended = |_| std::io::Error::other("the thread ended at once");
        started.recv().map_err(ended).and_then(|result| result).map_err(fail)?;
        Ok(Self { commands: Some(commands), thread: Some(thread) })
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

async fn run(worker: Rc<Worker>, mut commands: mpsc::UnboundedReceiver<Command>) {
    let mut listeners = HashMap::new();
    let mut flush = tokio::time::interval(FLUSH);
    flush.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            command = commands.recv() => match command {
                Some(command) => obey(&worker, command, &mut listeners),
                None => break,
            },
            _ = flush.tick() => worker.tallies.flush(),
        }
    }
    worker.tallies.flush();
}

fn obey(worker: &Rc<Worker>, command: Command, listeners: &mut HashMap<ListenerId, Listener>) {
    match command {
        Command::Listen { id, socket, binding, slot } => {
            let (stop, protocol) = (CancellationToken::new(), binding.socket.protocol);
            let closed = serve(worker, socket, binding, slot, stop.clone());
            listeners.insert(id, Listener { protocol, stop, closed });
        }
        Command::Close { id, done } => {
            let Some(listener) = listeners.remove(&id) else { return };
            listener.stop.cancel();
            tokio::task::spawn_local(async move {
                let _ = listener.closed.await;
                let _ = done.send(());
            });
        }
        Command::Drain { done } => {
            worker.draining.set(true);
            let listeners: Vec<Listener> = listeners.drain().map(|(_, listener)| listener).collect();
            tokio::task::spawn_local(drain(Rc::clone(worker), listeners, done));
        }
        Command::EndAll { reason, done } => {
            let connections = worker.connections.borrow();
            connections.values().for_each(|connection| connection.order(reason));
            let _ = done.send(connections.len());
        }
        Command::List { done } => {
            let _ =
                done.send(worker.connections.borrow().values().map(|connection| connection.info()).collect());
        }
    }
}

/// Serves who is in the listeners' queues, and answers when the last connection has ended. UDP sockets stay: their flows
/// have no end, and go on for as long as TCP connections do.
async fn drain(worker: Rc<Worker>, listeners: Vec<Listener>, done: oneshot::Sender<()>) {
    let (tcp, _udp): (Vec<_>, Vec<_>) =
        listeners.into_iter().partition(|listener| listener.protocol == Protocol::Tcp);
    tcp.iter().for_each(|listener| listener.stop.cancel());
    for listener in tcp {
        let _ = listener.closed.await;
    }
    worker.drained.borrow_mut().push(done);
    worker.answer_if_drained();
}

/// A served socket.
struct Listener {
    protocol: Protocol,
    stop: CancellationToken,
    closed: tokio::task::JoinHandle<()>,
}

fn serve(
    worker: &Rc<Worker>,
    socket: socket2::Socket,
    binding: Binding,
    slot: Arc<Slot>,
    stop: CancellationToken,
) -> tokio::task::JoinHandle<()> {
    let worker = Rc::clone(worker);
    match binding.socket.protocol {
        Protocol::Udp => tokio::task::spawn_local(udp::listen(worker, socket.into(), binding, slot, stop)),
        _ => tokio::task::spawn_local(tcp::listen(worker, socket.into(), binding, slot, stop)),
    }
}
