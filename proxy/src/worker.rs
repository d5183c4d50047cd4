//! What does one data-plane thread do?

pub(crate) mod clock;
pub(crate) mod event_loop;
pub(crate) mod listener;
