//! How does a test say that it did nothing?

use std::{
    fmt::Display,
    io::{Write, stderr},
};

/// Set by CI: tests that need root must run, and fail where they cannot.
const REQUIRED: &str = "WEIR_REQUIRE_NETNS";

/// Says it past the test harness, which keeps what a passing test prints to itself.
pub(crate) fn skipped(why: &str) {
    // Nobody to tell is no reason to fail.
    let _ = writeln!(stderr(), "SKIPPED: {why}");
}

/// What a test got, or `None`, said loudly, where this process may not have it.
///
/// # Panics
/// Where it may not although the environment variable `WEIR_REQUIRE_NETNS` is set.
pub(crate) fn or_skip<T>(what: &str, outcome: Result<T, impl Display>) -> Option<T> {
    match outcome {
        Ok(value) => Some(value),
        Err(error) => {
            let why = format!("{what}: {error}");
            assert!(std::env::var_os(REQUIRED).is_none(), "{why}");
            skipped(&why);
            None
        }
    }
}
