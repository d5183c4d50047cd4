//! Does the reference in `docs/reference` say what the code says? Its pages are written from the code:
//!
//! ```sh
//! WEIR_BLESS=1 cargo test -p weir --test reference
//! ```
#![allow(clippy::unwrap_used, reason = "clippy excuses test functions only, not their helpers")]

mod annotations;
mod commands;
#[path = "../common/mod.rs"]
mod common;
#[path = "../common/families.rs"]
mod families;
mod metrics;
mod observe;
mod page;
mod scrape;
mod series;
