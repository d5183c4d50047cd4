//! Does `weir top` show a running weir, obey keys, and leave the terminal as it was? The built program in a pseudo-terminal,
//! before a server that answers as docs/api.md says.
//!
//! ```sh
//! WEIR_BLESS=1 cargo test -p weir --test top
//! ```
//!
//! writes the screens in `tests/top/snapshots` and the one in docs/top.md anew.

#![allow(clippy::unwrap_used, reason = "clippy excuses test functions only, not their helpers")]

#[path = "../common/mod.rs"]
mod common;
mod ending;
mod keys;
#[path = "../operate/server.rs"]
#[allow(dead_code, reason = "of the other server only the examples of docs/api.md are of use here")]
mod operate_server;
mod real;
mod screens;
mod server;
mod terminal;
mod weir;
