//! Who asks the kernel about connections that have ended, for the log, and closes their sockets?
//!
//! A thread of its own: a worker neither asks nor waits. It writes nothing, so that no disk delays a close.

use crate::{
    limits::descriptor_budget::DescriptorBudget,
    shared::error::Error,
    sys::sock_diag::tcp_info::TcpInfo,
    telemetry::connection_log::{Closing, ConnectionLog, SessionLog},
};
use std::{
    sync::{
        Arc,
        mpsc::{Receiver, sync_channel},
    },
    thread::Builder,
};

/// Connections that may wait for their sockets to be closed. Each takes two descriptors.
const MAX_CLOSING: usize = 64;

/// Part of all descriptors that sockets which wait to be closed may take.
const MAX_SHARE_OF_DESCRIPTORS: usize = 16;

/// Starts the thread, which ends with the last worker.
pub(crate) fn start(log: ConnectionLog, descriptors: &Arc<DescriptorBudget>) -> Result<SessionLog, Error> {
    let most = descriptors.limit() / MAX_SHARE_OF_DESCRIPTORS / 2;
    let count = most.min(MAX_CLOSING);
    // One more is being closed.
    let Some(permit) = (count > 1).then(|| descriptors.acquire(2 * count)).flatten() else {
        return Ok(SessionLog::new(log, None));
    };
    let (sender, closing) = sync_channel(count - 1);
    let lines = log.clone();
    let close = move || {
        let _permit = permit;
        close_all(&closing, &lines);
    };
    // Not joined: the receiver of lines waits for it.
    Builder::new().name("weir-closing".into()).spawn(close).map_err(Error::Closing)?;
    Ok(SessionLog::new(log, Some(sender)))
}

fn close_all(closing: &Receiver<Closing>, lines: &ConnectionLog) {
    while let Ok(Closing { mut ended, client, endpoint }) = closing.recv() {
        ended.client_path = client.and_then(|socket| TcpInfo::of(&socket).ok());
        ended.endpoint_path = endpoint.and_then(|socket| TcpInfo::of(&socket).ok());
        lines.tell(ended);
    }
}
