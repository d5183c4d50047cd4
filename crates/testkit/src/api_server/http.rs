//! How do clients reach the server, and how is each of their requests answered?

mod answer;
mod list;
mod listener;
mod review;
mod watch;

pub(super) use listener::Port;
