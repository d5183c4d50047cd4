//! How busy is an endpoint, and does it work?

mod check;
mod connect_failure;
mod connect_time;
mod end_record;
mod history;
mod journal;
mod load;
mod outlier;
mod unserved;
mod usage;

pub use check::{Health, HealthTracker};
pub use connect_failure::ConnectFailure;
pub use connect_time::ConnectTime;
pub use end_record::MAX_END_AT_ONCE;
pub(crate) use end_record::do_serve;
pub use journal::{Journal, Line};
pub use load::{HealthChanges, Lease, Load};
pub use outlier::MIN_FAILURES_TO_EJECT;
pub use unserved::Unserved;
