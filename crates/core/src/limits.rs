//! Who is refused, who has to wait and for how long, and which flow ends first?

mod backoff;
pub mod fair_share;
mod hop_limit;
pub(crate) mod jitter;
mod oldest_idle;
mod queue;
mod rate_limiter;

pub use backoff::Backoff;
pub use hop_limit::HopLimit;
pub use oldest_idle::OldestIdle;
pub use queue::{Queue, QueuePosition};
pub use rate_limiter::{Quota, RateLimiter};
