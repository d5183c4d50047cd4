//! Do the commands that ask a running weir show what it answers? Against a server that answers with the examples of docs/api.md.

#![allow(clippy::unwrap_used, reason = "clippy excuses test functions only, not their helpers")]

#[path = "../common/mod.rs"]
mod common;
mod conns;
mod explain;
mod failures;
mod lists;
mod server;
mod settings;
mod status;
