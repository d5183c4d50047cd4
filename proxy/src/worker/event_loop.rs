//! How does a worker obey its commands?

use super::{listener::Listener, tick::Ticker};
use crate::{
    session::{captured_frontends::Catalog, context::Worker, termination},
    shared::command::{Change, Command, ListenerId, Receiving},
    tcp::hand_over::adopt,
    udp::{captured::CapturedSessions, context::Udp},
};
use std::{collections::HashMap, rc::Rc};
use tokio::{
    sync::{mpsc, oneshot},
    task::{JoinHandle, spawn_local},
};
use weir_core::Protocol;

/// What one data-plane thread owns.
struct Open {
    worker: Rc<Worker>,
    udp: Rc<Udp>,
    listeners: HashMap<ListenerId, Listener>,
    receivers: Vec<Listener>,
    catalog: Rc<Catalog>,
    captured: Rc<CapturedSessions>,
    ticker: Ticker,
}

/// Obeys commands until nobody can give any more; then ends what is left.
pub(super) async fn run(
    worker: Rc<Worker>,
    udp_flows: usize,
    mut commands: mpsc::UnboundedReceiver<Command>,
) {
    let udp = Udp::new(Rc::clone(&worker), udp_flows);
    let catalog = Rc::default();
    let mut open = Open {
        captured: CapturedSessions::new(&catalog),
        catalog,
        ticker: Ticker::new(&udp),
        udp,
        worker: Rc::clone(&worker),
        listeners: HashMap::new(),
        receivers: Vec::new(),
    };
    while let Some(command) = commands.recv().await {
        open.obey(command);
    }
    termination::end_last(&worker).await;
    worker.tallies.flush();
}

impl Open {
    fn obey(&mut self, command: Command) {
        let Self { worker, udp, listeners, ticker, .. } = self;
        match command {
            Command::Listen { id, socket, serving } => match Listener::start(worker, udp, socket, serving) {
                Ok(listener) => drop(listeners.insert(id, listener)),
                Err(error) => tracing::error!(%error, "cannot watch a listening socket"),
            },
            Command::Receive(receiving) => self.receive(receiving),
            Command::Change { changes, done } => self.change(&changes, done),
            Command::Redirect { id, serving, done } => {
                let Some(listener) = listeners.get(&id) else { return };
                let _ = done.send(listener.redirect(serving));
            }
            Command::Close { id, done } => {
                answer_when_closed(listeners.remove(&id).into_iter().map(Listener::close).collect(), done);
            }
            Command::StopAccepting { done } => self.stop_accepting(done),
            Command::Drain { done } => {
                worker.drained.borrow_mut().push(done);
                worker.answer_if_drained();
            }
            Command::EndAll { reason, done } => {
                let worker = Rc::clone(worker);
                spawn_local(async move { done.send(termination::end_all(&worker, reason).await) });
            }
            Command::Removed { slot, removed, rule } => {
                let worker = Rc::clone(worker);
                spawn_local(async move { termination::end_removed(&worker, &slot, &removed, rule).await });
            }
            Command::Tick => ticker.tick(),
            Command::Adopt(handed_over) => adopt(worker, handed_over),
            Command::EvictOf { service, client, left } => {
                let evicted = udp.flows.borrow_mut().evict_of(&service, client);
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

    fn receive(&mut self, Receiving { protocol, origin, socket }: Receiving) {
        let listener = match protocol {
            Protocol::Udp => Listener::receive_datagrams(&self.udp, &self.captured, origin, socket),
            _ => Listener::receive_connections(&self.worker, &self.catalog, origin, socket),
        };
        match listener {
            Ok(listener) => self.receivers.push(listener),
            Err(error) => tracing::error!(%error, "cannot watch a capture socket"),
        }
    }

    fn change(&self, changes: &[Change], done: oneshot::Sender<()>) {
        self.catalog.change(changes);
        answer_when_closed(vec![spawn_local(self.captured.change(changes))], done);
    }

    fn stop_accepting(&mut self, done: oneshot::Sender<()>) {
        self.worker.draining.set(true);
        // UDP sockets stay: their flows have no end, and go on for as long as TCP connections do.
        let listening = self.listeners.extract_if(|_, listener| listener.is_tcp());
        let receiving = self.receivers.extract_if(.., |receiver| receiver.is_tcp());
        let tcp = listening.map(|(_, listener)| listener).chain(receiving);
        answer_when_closed(tcp.map(Listener::close).collect(), done);
    }
}

fn answer_when_closed(closing: Vec<JoinHandle<()>>, done: oneshot::Sender<()>) {
    spawn_local(async move {
        for closed in closing {
            let _ = closed.await;
        }
        let _ = done.send(());
    });
}
