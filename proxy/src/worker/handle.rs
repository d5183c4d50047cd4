//! How is a data-plane thread started, commanded and ended?

use super::event_loop;
use crate::{
    routing::port_runtime::PortRuntime,
    session::{
        context::{Share, WorkerContext},
        siblings::{Sibling, Siblings},
    },
    shared::{
        command::{Command, RemovedEndpoints},
        error::Error,
    },
    telemetry::metrics::ProcessMetrics,
};
use std::{io, sync::Arc, thread::JoinHandle};
use tokio::{
    runtime::{Builder, LocalOptions},
    sync::{mpsc, oneshot},
};
use weir_core::{EndpointRemoved, Protocol};

/// A worker thread, seen from the thread that steers it.
#[derive(Debug)]
pub(crate) struct WorkerHandle {
    commands: Option<mpsc::UnboundedSender<Command>>,
    thread: Option<JoinHandle<()>>,
}

impl WorkerHandle {
    /// Starts `count` workers, each with the same share; returns them also as they see each other.
    pub(crate) fn start_all(
        count: usize,
        share: &Share,
        metrics: &Arc<ProcessMetrics>,
    ) -> Result<(Vec<Self>, Arc<[Sibling]>), Error> {
        let (senders, receivers): (Vec<_>, Vec<_>) = (0..count).map(|_| mpsc::unbounded_channel()).unzip();
        let all: Arc<[_]> = senders.iter().map(|sender| Sibling::new(sender.downgrade())).collect();
        let start = |(number, (sender, receiver))| {
            let (share, metrics, siblings) =
                (share.clone(), Arc::clone(metrics), Siblings::new(&all, number));
            let run = async move || {
                let worker = WorkerContext::new(&share, metrics, siblings);
                event_loop::run(worker, share.udp_flows, receiver).await;
            };
            let thread =
                start_thread(number, run).map_err(|source| Error::Worker { worker: number, source })?;
            Ok(Self { commands: Some(sender), thread: Some(thread) })
        };
        let workers: Result<Vec<Self>, Error> =
            senders.into_iter().zip(receivers).enumerate().map(start).collect();
        Ok((workers?, all))
    }

    /// A sender of commands that does not keep the worker alive.
    pub(crate) fn commands(&self) -> Option<mpsc::WeakUnboundedSender<Command>> {
        self.commands.as_ref().map(mpsc::UnboundedSender::downgrade)
    }

    /// Sends a command. Logs an error if the worker has ended, which only a panic does; its sockets are closed then.
    pub(crate) fn send(&self, command: Command) {
        if self.commands.as_ref().is_none_or(|commands| commands.send(command).is_err()) {
            tracing::error!("a worker thread has ended; please report this as a bug");
        }
    }

    /// Sends a command that the worker answers.
    pub(crate) fn call<T>(
        &self,
        command: impl FnOnce(oneshot::Sender<T>) -> Command,
    ) -> oneshot::Receiver<T> {
        let (done, answer) = oneshot::channel();
        self.send(command(done));
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

/// Sends removed endpoints of a Service port to the workers, unless the Service keeps their connections.
pub(crate) fn send_removed(workers: &[WorkerHandle], runtime: &Arc<PortRuntime>, removed: RemovedEndpoints) {
    let port = Arc::clone(&runtime.routing().port);
    let rule = port.settings.on_endpoint_removed;
    if rule == EndpointRemoved::Keep || port.key.protocol != Protocol::Tcp {
        return;
    }
    for worker in workers {
        let (runtime, removed) = (Arc::clone(runtime), removed.clone());
        worker.send(Command::EndpointsRemoved { runtime, removed, rule });
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

/// Starts a thread that runs a worker; returns once its runtime is up.
fn start_thread(number: usize, run: impl AsyncFnOnce() + Send + 'static) -> io::Result<JoinHandle<()>> {
    let (ready, started) = std::sync::mpsc::channel();
    let body = move || match Builder::new_current_thread().enable_all().build_local(LocalOptions::default()) {
        Ok(runtime) => {
            let _ = ready.send(Ok(()));
            runtime.block_on(run());
        }
        Err(error) => {
            let _ = ready.send(Err(error));
        }
    };
    let thread = std::thread::Builder::new().name(format!("weir-worker-{number}")).spawn(body)?;
    started.recv().map_err(|_| io::Error::other("the thread ended at once"))??;
    Ok(thread)
}
