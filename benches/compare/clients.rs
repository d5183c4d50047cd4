//! Which clients do a work?

mod bulk;
mod closed;
mod exchange;
mod idle;
mod load;
mod open;
mod ticks;
mod udp;

pub(crate) use load::Load;
