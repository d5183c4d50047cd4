//! How does a test say that it did nothing?

use std::{
    fmt::Display,
    io::{Write, stderr},
};

/// Environment variable set by CI: tests that need root, or a program that not everybody
/// has, must run, and fail where they cannot.
const REQUIRED: &str = "WEIR_REQUIRE_NETNS";

/// Prints why a test did nothing, past the test harness, which hides what a passing test prints.
pub(crate) fn skipped(why: &str) {
    // Nobody to tell is no reason to fail.
    let _ = writeln!(stderr(), "SKIPPED: {why}");
}

/// Whether a program can be run; if not, that is said loudly.
///
/// # Panics
/// Where it cannot although the environment variable `WEIR_REQUIRE_NETNS` is set, as CI sets it.
pub fn installed(program: &str) -> bool {
    let found = std::env::var_os("PATH")
        .is_some_and(|folders| std::env::split_paths(&folders).any(|folder| folder.join(program).is_file()));
    let outcome = if found { Ok(()) } else { Err("it is not installed") };
    or_skip(&format!("a comparison with {program}"), outcome).is_some()
}

/// The value of `outcome`; `None`, said loudly, where this process may not have it.
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
