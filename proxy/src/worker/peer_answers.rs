//! Who asks the kernel about peers that do not answer?
//!
//! A thread of its own: a question takes the kernel some microseconds, and longer where very many connections are open, which
//! nobody on a worker need wait for.

use crate::{
    shared::{
        command::Command,
        error::Error,
        peer_question::{MAX_QUESTIONS, PeerQuestion, PeerQuestions},
    },
    sys::sock_diag::{self, SockDiag},
};
use std::{
    sync::mpsc::{Receiver, sync_channel},
    thread::Builder,
    time::Instant,
};

/// Starts the thread, which ends with the last sender of questions. `None`, with a line in the log, where the kernel cannot
/// be asked.
pub(crate) fn start() -> Result<Option<PeerQuestions>, Error> {
    if let Err(reason) = sock_diag::availability() {
        tracing::warn!(
            reason,
            "cannot ask the kernel about connections (netlink, sock_diag): is it blocked by a seccomp profile, or the \
                 module tcp_diag missing? A client or endpoint that pauses reading for longer than \
                 weir.dev/dead-peer-timeout is reset, as if it had vanished"
        );
        return Ok(None);
    }
    let sock_diag = SockDiag::open().map_err(Error::Peers)?;
    let (questions, asked) = sync_channel(MAX_QUESTIONS);
    let thread = Builder::new().name("weir-peers".into());
    // Not joined: the thread holds nothing that anybody waits for.
    thread.spawn(move || answer(sock_diag, &asked)).map_err(Error::Peers)?;
    Ok(Some(questions))
}

fn answer(mut sock_diag: SockDiag, asked: &Receiver<PeerQuestion>) {
    while let Ok(PeerQuestion { connection, side, socket, written, answer_to }) = asked.recv() {
        // Without an answer the side is looked at again: its connection has ended, or the kernel is short of memory.
        let Ok(report) = sock_diag.report(&socket) else { continue };
        let at = Instant::now();
        if let Some(worker) = answer_to.upgrade() {
            let _ = worker.send(Command::PeerReport { connection, side, written, at, report });
        }
    }
}
