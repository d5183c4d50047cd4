//! What do the workers and the thread that steers them share?

pub(crate) mod bridges;
pub(crate) mod command;
pub(crate) mod config;
pub(crate) mod connect_fault;
pub(crate) mod connection_info;
pub(crate) mod error;
pub(crate) mod event_log;
pub(crate) mod hand_over;
pub(crate) mod peer_question;
