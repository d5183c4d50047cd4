//! How does the side that is left get all that a failed one has said, before it is reset as well?
//!
//! Without a proxy it would have it: bytes that arrive before a reset can still be read. Here they may be in weir, or in its
//! send queue, which a reset throws away.

use crate::{
    session::{connection_context::ConnectionContext, yielding::yield_to_sockets},
    sys::{sock_diag::send_queue::unacknowledged_bytes, tcp::Stream},
    tcp::pump::failure::Failure,
    telemetry::close_reason::Closed,
};
use std::{
    future::poll_fn,
    task::{Context, Poll},
    time::Duration,
};

/// Reads of what is thrown away before other tasks of the worker run.
const MAX_BURST_READS: usize = 16;

/// Waits between two looks at the send queue, of which each is twice the one before: there is no event for its end.
const MIN_WAIT: Duration = Duration::from_millis(1);
const MAX_WAIT: Duration = Duration::from_millis(500);

/// Makes the connection end soon, unless the side that is left takes what is delivered.
pub(super) fn mark(cx: &ConnectionContext, reason: Closed) {
    if cx.connection.mark_failed(reason, cx.worker.clock.get()) {
        cx.watch_deadline();
    }
}

/// Throws away what the side that is left says: one that writes before it reads must not wait for a peer that is gone.
/// Ready once that side has failed as well.
pub(super) fn discard(
    cx: &ConnectionContext,
    failure: &mut Failure,
    left: &Stream,
    context: &mut Context<'_>,
) -> Poll<()> {
    let mut scratch = cx.worker.scratch.borrow_mut();
    for _ in 0..MAX_BURST_READS {
        let Some(discards_left) = failure.discards_left.checked_sub(1) else { return Poll::Pending };
        failure.discards_left = match left.poll_read(&mut scratch, context) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(Err(_)) => return Poll::Ready(()),
            Poll::Ready(Ok(0)) => 0,
            Poll::Ready(Ok(_)) => discards_left,
        };
    }
    yield_to_sockets(context);
    Poll::Pending
}

/// Waits until the kernel of the side that is left has all that was written, for as long as it takes some of it, and until
/// the close signal at most. A reset that comes then takes nothing away.
pub(super) async fn wait_until_delivered(cx: &ConnectionContext, failure: &mut Failure, left: &Stream) {
    let (mut before, mut wait) = (None, MIN_WAIT);
    // A side that is gone needs nothing, and where the kernel does not tell, the reset follows at once.
    while let Ok(now @ 1..) = unacknowledged_bytes(left) {
        if before.replace(now).is_some_and(|before| now < before) {
            cx.connection.record_activity(cx.worker.clock.get());
            wait = MIN_WAIT;
        }
        tokio::select! {
            biased;
            _ = cx.connection.close_signal.wait() => return,
            () = poll_fn(|context| discard(cx, failure, left, context)) => return,
            () = tokio::time::sleep(wait) => {}
        }
        wait = (2 * wait).min(MAX_WAIT);
    }
}
