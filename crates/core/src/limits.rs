//! Who is refused, who has to wait, and who has to go?

mod backoff;
mod idle;
pub(crate) mod jitter;
mod queue;
mod rate_limiter;
pub mod share;

pub use backoff::Backoff;
pub use idle::OldestIdle;
pub use queue::{Queue, Waiting};
pub use rate_limiter::{Quota, RateLimiter};
