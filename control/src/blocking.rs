//! How does blocking work, such as reading files, run without holding up a runtime?

use tokio::task::spawn_blocking;

/// Runs blocking work on the runtime's blocking pool; a panic in the work continues in the caller.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match spawn_blocking(work).await {
        Ok(done) => done,
        Err(failed) => match failed.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // Blocking work is never cancelled; only a runtime that is shutting down refuses it.
            Err(_) => std::future::pending().await,
        },
    }
}
