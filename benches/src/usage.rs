//! What does a program use? The processor time and memory of a process and of all that it started.

use std::{collections::BTreeSet, fs, path::Path, time::Duration};

/// The ids of a process and of all its descendants now.
pub fn processes(root: u32) -> BTreeSet<u32> {
    let parents: Vec<(u32, u32)> = all().filter_map(|process| Some((process, parent(process)?))).collect();
    let mut found = BTreeSet::from([root]);
    // As deep as it gets; a proxy's tree has two levels.
    while parents.iter().any(|(child, parent)| found.contains(parent) && found.insert(*child)) {}
    found
}

fn all() -> impl Iterator<Item = u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

fn parent(process: u32) -> Option<u32> {
    after_name(&fs::read_to_string(format!("/proc/{process}/stat")).ok()?)?.nth(1)?.parse().ok()
}

/// The fields of `stat` behind the name, which may hold spaces and parentheses.
fn after_name(stat: &str) -> Option<impl Iterator<Item = &str>> {
    Some(stat.rsplit_once(')')?.1.split_whitespace())
}

/// Processor time of all threads of these processes so far.
pub fn cpu(processes: &BTreeSet<u32>) -> Duration {
    processes.iter().filter_map(|process| exact_cpu(*process).or_else(|| coarse_cpu(*process))).sum()
}

/// Processor time in nanoseconds, where the kernel keeps scheduler statistics.
fn exact_cpu(process: u32) -> Option<Duration> {
    let threads = fs::read_dir(format!("/proc/{process}/task")).ok()?.flatten();
    let nanoseconds = |thread: &Path| {
        let text = fs::read_to_string(thread.join("schedstat")).ok()?;
        text.split_whitespace().next()?.parse().ok().map(Duration::from_nanos)
    };
    threads.map(|thread| nanoseconds(&thread.path())).sum()
}

/// Processor time in ticks of a hundredth of a second.
fn coarse_cpu(process: u32) -> Option<Duration> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let ticks: u64 = after_name(&stat)?.skip(11).take(2).map(|field| field.parse::<u64>().unwrap_or(0)).sum();
    Some(Duration::from_millis(ticks * 10))
}

/// Memory of these processes that belongs to no file, in bytes.
pub fn anonymous_memory(processes: &BTreeSet<u32>) -> u64 {
    let of = |process| kibibytes(&fs::read_to_string(format!("/proc/{process}/status")).ok()?, "RssAnon:");
    processes.iter().filter_map(of).sum()
}

/// The value of a line of `/proc`, in bytes.
fn kibibytes(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    let kibibytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kibibytes * 1024)
}

/// Resident memory of a process, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// Bytes held now; pages shared with other processes count in part.
    pub proportional: u64,
    /// The most bytes ever held, shared or not.
    pub peak: u64,
}

/// The memory of a process, if there is one.
pub fn memory(process: u32) -> Option<Memory> {
    let rollup = fs::read_to_string(format!("/proc/{process}/smaps_rollup")).ok()?;
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    Some(Memory { proportional: kibibytes(&rollup, "Pss:")?, peak: kibibytes(&status, "VmHWM:")? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        process::{Command, Stdio, id},
        time::Instant,
    };

    #[test]
    fn a_process_is_found_with_its_children() {
        let mut child = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
        let found = processes(id());
        drop(child.stdin.take());
        child.wait().unwrap();
        assert!(found.contains(&id()) && found.contains(&child.id()), "{found:?}");
    }

    #[test]
    fn this_process_has_used_processor_time_and_memory() {
        let this = BTreeSet::from([id()]);
        // Where only ticks are counted, a process that has just begun has used none.
        let begun = Instant::now();
        while cpu(&this) == Duration::ZERO && begun.elapsed() < Duration::from_secs(30) {}
        assert!(cpu(&this) > Duration::ZERO);
        assert!(anonymous_memory(&this) > 0);
    }

    #[test]
    fn a_name_with_spaces_and_parentheses_shifts_no_field() {
        let mut fields = after_name("7 (a ) b) S 3 7 7").unwrap();
        assert_eq!((fields.next(), fields.next()), (Some("S"), Some("3")));
    }

    #[test]
    fn memory_is_read_in_kibibytes() {
        assert_eq!(kibibytes("VmRSS:\t 90 kB\nRssAnon:\t    12 kB\n", "RssAnon:"), Some(12 * 1024));
        assert_eq!(kibibytes("VmRSS:\t 90 kB\n", "RssAnon:"), None);
        assert!(memory(id()).is_some_and(|memory| memory.peak >= memory.proportional / 2));
        assert_eq!(memory(u32::MAX), None);
    }
}
