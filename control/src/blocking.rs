//! How is something done that keeps its thread waiting, such as reading files? Away from the runtime's thread.

use tokio::task::spawn_blocking;

/// Runs work that blocks; a panic in it goes on here.
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
