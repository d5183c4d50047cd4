//! Who is refused, who has to wait, and who has to go?

mod idle;
mod queue;
mod rate;
pub mod share;

pub use idle::OldestIdle;
pub use queue::{Queue, Waiting};
pub use rate::Rate;
