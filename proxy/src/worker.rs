//! What does one data-plane thread do?

pub(crate) mod clock;
mod event_loop;
pub(crate) mod handle;
mod listener;
mod listing;
pub(crate) mod peer_answers;
mod tick;
