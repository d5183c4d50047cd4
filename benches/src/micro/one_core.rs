//! On which core do a benchmark, its proxies and its backends run?

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// Keeps this thread, and every thread that it starts from now on, on one core.
///
/// With several cores the scheduler decides from moment to moment whether two threads that talk to each other share a
/// core, and waking the other core costs more than all the work: the same exchange takes 5 or 40 microseconds. On one
/// core the time is the work that all parties do together.
pub(crate) fn stay() {
    let kept = sched_getaffinity(None).and_then(|allowed| {
        let last = (0..CpuSet::MAX_CPU).rev().find(|&core| allowed.is_set(core));
        let mut one = CpuSet::new();
        last.into_iter().for_each(|core| one.set(core));
        sched_setaffinity(None, &one)
    });
    if let Err(error) = kept {
        eprintln!("not on one core, so expect noise: {error}");
    }
}
