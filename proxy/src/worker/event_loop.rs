//! How does a worker carry out its commands?

use super::{listener::Listener, listing, tick::Ticker};
use crate::{
    session::{captured_frontends::CapturedFrontends, context::WorkerContext, termination},
    shared::command::{CaptureSocket, Command, FrontendChange, ListenerId},
    tcp::hand_over::adopt,
    udp::{captured::CapturedSessions, context::UdpContext},
};
use std::{collections::HashMap, os::fd::OwnedFd, rc::Rc};
use tokio::{
    sync::{mpsc, oneshot},
    task::{JoinHandle, spawn_local},
};
use weir_core::Protocol;

/// The sockets and contexts that one data-plane thread owns.
struct EventLoop {
    worker: Rc<WorkerContext>,
    udp: Rc<UdpContext>,
    listeners: HashMap<ListenerId, Listener>,
    capture_sockets: Vec<Listener>,
    captured_frontends: Rc<CapturedFrontends>,
    captured: Rc<CapturedSessions>,
    ticker: Ticker,
}

/// Carries out commands until no sender is left; then resets the connections that are left.
pub(super) async fn run(
    worker: Rc<WorkerContext>,
    udp_flows: usize,
    mut commands: mpsc::UnboundedReceiver<Command>,
) {
    let udp = UdpContext::new(Rc::clone(&worker), udp_flows);
    let captured_frontends = Rc::default();
    let mut event_loop = EventLoop {
        captured: CapturedSessions::new(&captured_frontends),
        captured_frontends,
        ticker: Ticker::new(&udp),
        udp,
        worker: Rc::clone(&worker),
        listeners: HashMap::new(),
        capture_sockets: Vec::new(),
    };
    while let Some(command) = commands.recv().await {
        event_loop.execute(command);
    }
    termination::end_last(&worker).await;
    worker.unflushed.flush();
}

impl EventLoop {
    fn execute(&mut self, command: Command) {
        let Self { worker, udp, listeners, ticker, .. } = self;
        match command {
            Command::Listen { id, socket, target } => match Listener::start(worker, udp, socket, target) {
                Ok(listener) => drop(listeners.insert(id, listener)),
                Err(error) => tracing::error!(%error, "cannot watch a listening socket"),
            },
            Command::Capture(capture_socket) => self.capture(capture_socket),
            Command::ChangeCaptured { changes, done } => self.change(&changes, done),
            Command::Redirect { id, target, done } => {
                let Some(listener) = listeners.get(&id) else { return };
                let _ = done.send(listener.redirect(target));
            }
            Command::Close { id, done } => {
                answer_when_closed(
                    listeners.remove(&id).into_iter().map(|listener| listener.close(udp)).collect(),
                    done,
                );
            }
            Command::Pass { done } => self.pass(done),
            Command::Resume { done } => self.resume(done),
            Command::Release { done } => self.release(done),
            Command::StopAccepting { done } => self.stop_accepting(done),
            Command::Drain { done } => {
                worker.drained.borrow_mut().push(done);
                worker.answer_if_drained();
            }
            Command::EndAll { reason, done } => {
                let worker = Rc::clone(worker);
                spawn_local(async move { done.send(termination::end_all(&worker, reason).await) });
            }
            Command::EndpointsRemoved { runtime, removed, rule } => {
                let worker = Rc::clone(worker);
                spawn_local(async move { termination::end_removed(&worker, &runtime, &removed, rule).await });
            }
            Command::Tick => ticker.tick(),
            Command::PeerReport { connection, side, written, at, report } => {
                worker.judge_peer(connection, side, written, at, &report);
            }
            Command::Adopt(handed_over) => adopt(worker, handed_over),
            Command::EvictFlow { service, client, left } => {
                let evicted = udp.flows.borrow_mut().evict_of(&service, client);
                if !evicted {
                    worker.siblings.pass_on(service, client, left);
                }
            }
            Command::Count { done } => drop(done.send(worker.connections.borrow().len())),
            Command::CountFlows { done } => drop(done.send(udp.flows.borrow().len())),
            Command::Numbers { of, from, done } => drop(done.send(listing::numbers(udp, of, from))),
            Command::Describe { numbers, filter, done } => {
                let _ = done.send(listing::connections(worker, &numbers, &filter));
            }
            Command::DescribeFlows { numbers, filter, done } => {
                let _ = done.send(listing::flows(udp, &numbers, &filter));
            }
            Command::Closed { from, max, done } => {
                let _ = done.send(worker.closed.borrow().slice(worker.siblings.index(), from, max));
            }
        }
    }

    fn capture(&mut self, CaptureSocket { protocol, origin, socket }: CaptureSocket) {
        let listener = match protocol {
            Protocol::Udp => Listener::capture_datagrams(&self.udp, &self.captured, origin, socket),
            _ => Listener::capture_connections(&self.worker, &self.captured_frontends, origin, socket),
        };
        match listener {
            Ok(listener) => self.capture_sockets.push(listener),
            Err(error) => tracing::error!(%error, "cannot watch a capture socket"),
        }
    }

    fn change(&self, changes: &[FrontendChange], done: oneshot::Sender<()>) {
        self.captured_frontends.change(changes);
        answer_when_closed(vec![spawn_local(self.captured.change(changes))], done);
    }

    /// Duplicates the sockets of frontends for another weir, which serves clients through them from now on.
    fn pass(&mut self, done: oneshot::Sender<Vec<(ListenerId, OwnedFd)>>) {
        let (mut sockets, mut ending) = (Vec::new(), Vec::new());
        for (&id, listener) in &mut self.listeners {
            match listener.pass() {
                Ok((socket, ended)) => {
                    sockets.push((id, socket));
                    ending.push(ended);
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot duplicate a listening socket; its clients may be refused once");
                }
            }
        }
        spawn_local(async move {
            // Else the tasks might still take what belongs to the other weir.
            for ended in ending {
                let _ = ended.await;
            }
            let _ = done.send(sockets);
        });
    }

    fn resume(&mut self, done: oneshot::Sender<()>) {
        let Self { worker, udp, listeners, .. } = self;
        listeners.values_mut().for_each(|listener| listener.resume(worker, udp));
        let _ = done.send(());
    }

    fn release(&mut self, done: oneshot::Sender<()>) {
        let released = self.listeners.extract_if(|_, listener| listener.is_tcp() || !listener.is_passed());
        let closing = released.map(|(_, listener)| listener.close(&self.udp)).collect();
        answer_when_closed(closing, done);
    }

    fn stop_accepting(&mut self, done: oneshot::Sender<()>) {
        self.worker.draining.set(true);
        // UDP sockets stay: their flows have no end, and go on for as long as TCP connections do.
        let listening = self.listeners.extract_if(|_, listener| listener.is_tcp());
        let capturing = self.capture_sockets.extract_if(.., |listener| listener.is_tcp());
        let tcp = listening.map(|(_, listener)| listener).chain(capturing);
        answer_when_closed(tcp.map(|listener| listener.close(&self.udp)).collect(), done);
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
