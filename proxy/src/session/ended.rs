//! How is the connection log told of the end of a connection?

use super::connection_context::ConnectionContext;
use crate::{
    sys::tcp::Stream,
    telemetry::{close_reason::Closed, connection_log::Closing},
};
use std::time::Instant;

impl ConnectionContext {
    /// Logs the end of a connection, with the sockets that it has, which are closed. Of one that is logged they are closed
    /// by another thread a moment later, but its peers hear of an orderly end now. The first call counts.
    pub(crate) fn log_end(&self, reason: Closed, sockets: [Option<Stream>; 2]) {
        let Some(log) = &self.worker.log else { return };
        let Some(first_byte) = self.connection.logged.take() else { return };
        let now = Instant::now();
        if !log.admits(now) {
            return;
        }
        if reason == Closed::Finished {
            // Closing would pass the last end on, and comes later.
            sockets.iter().flatten().for_each(Stream::shut_down);
        }
        let ended = Box::new(self.connection.ended(reason, first_byte, now));
        let [client, endpoint] = sockets.map(|socket| socket.map(Stream::into_std));
        log.tell_closing(Closing { ended, client, endpoint });
    }
}
