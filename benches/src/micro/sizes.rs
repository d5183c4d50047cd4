//! How many Services are there in a benchmark?

use std::env;

/// Numbers of Services from a small cluster to a very large one.
pub const SERVICES: [u32; 4] = [100, 1_000, 10_000, 44_000];

/// Numbers of Services where only large clusters matter.
pub const LARGE: [u32; 2] = [10_000, 44_000];

/// All of these numbers, or only a hundred where a test merely runs every benchmark once.
pub fn sizes(all: &[u32]) -> &[u32] {
    // So criterion knows, too: cargo passes this when it measures.
    let measured = env::args().any(|argument| argument == "--bench");
    if measured { all } else { &SERVICES[..1] }
}
