//! What is asked of the kernel about one side of a connection? Plain data.

use super::command::{Command, Side};
use crate::sys::sock_diag::SocketKey;
use std::sync::mpsc::SyncSender;
use tokio::sync::mpsc::WeakUnboundedSender;

/// Questions that may wait. One that finds no room is asked at the next look.
pub(crate) const MAX_QUESTIONS: usize = 4096;

/// A question about one side of a connection, answered by [`Command::PeerReport`].
#[derive(Debug)]
pub(crate) struct PeerQuestion {
    /// Number of the connection on its worker.
    pub(crate) connection: u64,
    pub(crate) side: Side,
    pub(crate) socket: SocketKey,
    /// Bytes that had been written to this side when the question was asked.
    pub(crate) written: u64,
    pub(crate) answer_to: WeakUnboundedSender<Command>,
}

/// Where questions go; the thread that answers ends with the last sender.
pub(crate) type PeerQuestions = SyncSender<PeerQuestion>;
