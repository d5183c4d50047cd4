//! How is an endpoint doing?

mod check;
mod failure;
mod load;
mod outlier;
mod smoothed;

pub use check::{Checked, Health};
pub use failure::Failure;
pub use load::{Lease, Load, Standings};
pub use outlier::FAILURES;
pub use smoothed::Smoothed;
