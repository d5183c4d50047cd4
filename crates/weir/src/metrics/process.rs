//! What does this process take of the host? Read from /proc when somebody asks.

use super::{
    families::{CPU, MAX_FDS, OPEN_FDS, RESIDENT, START, THREADS, VIRTUAL, WORKER_BUSY},
    text::Text,
};
use rustix::{
    param::{clock_ticks_per_second, page_size},
    process::{Resource, getrlimit},
};
use std::{fs, time::Duration};

/// Fields of /proc/self/stat (proc_pid_stat(5)), as far as they are shown.
#[derive(Debug, PartialEq)]
struct Stat {
    /// Processor time in user and kernel mode, in clock ticks.
    cpu: u64,
    threads: u64,
    /// Start in clock ticks since the host started.
    start: u64,
    /// Virtual memory in bytes.
    virtual_bytes: u64,
    /// Resident memory in pages.
    resident_pages: u64,
}

/// Writes the metrics of this process; what cannot be read is left out.
pub(super) fn write(text: &mut Text<'_>) {
    let ticks = clock_ticks_per_second() as f64;
    if let Some(stat) = fs::read_to_string("/proc/self/stat").ok().as_deref().and_then(parse_stat) {
        text.family(&CPU).value("", stat.cpu as f64 / ticks);
        text.family(&RESIDENT).value("", stat.resident_pages * page_size() as u64);
        text.family(&VIRTUAL).value("", stat.virtual_bytes);
        text.family(&THREADS).value("", stat.threads);
        if let Some(booted) = fs::read_to_string("/proc/stat").ok().as_deref().and_then(parse_boot_time) {
            text.family(&START).value("", booted as f64 + stat.start as f64 / ticks);
        }
    }
    if let Ok(descriptors) = fs::read_dir("/proc/self/fd") {
        // Less the one by which they are listed.
        text.family(&OPEN_FDS).value("", descriptors.count().saturating_sub(1));
    }
    if let Some(most) = getrlimit(Resource::Nofile).current {
        text.family(&MAX_FDS).value("", most);
    }
}

/// Writes how long each worker has worked.
pub(super) fn write_busy_times(text: &mut Text<'_>, busy_times: impl Iterator<Item = Duration>) {
    let mut out = text.family(&WORKER_BUSY);
    for (worker, busy) in busy_times.enumerate() {
        out.value(&format!("worker=\"{worker}\""), busy.as_secs_f64());
    }
}

fn parse_stat(text: &str) -> Option<Stat> {
    // The name of the program may have spaces and parentheses in it.
    let fields: Vec<&str> = text.rsplit_once(") ")?.1.split_ascii_whitespace().collect();
    // The third field of the man page is the first here.
    let field = |number: usize| fields.get(number.checked_sub(3)?)?.parse::<u64>().ok();
    Some(Stat {
        cpu: field(14)? + field(15)?,
        threads: field(20)?,
        start: field(22)?,
        virtual_bytes: field(23)?,
        resident_pages: field(24)?,
    })
}

/// Unix time in seconds when the host started.
fn parse_boot_time(text: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix("btime ")?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_with_any_name_is_read() {
        let text = "4242 (we) ir) S 1 4242 4242 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 7 0 8000 123456789 2048 1 2 3";
        let stat =
            Stat { cpu: 300, threads: 7, start: 8000, virtual_bytes: 123_456_789, resident_pages: 2048 };
        assert_eq!(parse_stat(text), Some(stat));
        assert_eq!(parse_stat("4242 (weir) S 1"), None);
        assert_eq!(parse_boot_time("cpu 1 2\nbtime 1700000000\nprocesses 3\n"), Some(1_700_000_000));
    }

    #[test]
    fn this_process_has_plausible_numbers() {
        let mut shown = String::new();
        write(&mut Text::new(&mut |chunk| shown.push_str(chunk)));
        let text = shown;
        let value = |name: &str| -> f64 {
            let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
            line.unwrap_or_else(|| panic!("{name} in {text}")).parse().unwrap()
        };
        assert!(value("process_resident_memory_bytes") > 1e5);
        assert!(value("process_virtual_memory_bytes") > value("process_resident_memory_bytes"));
        assert!(value("process_threads") >= 1.0);
        assert!(value("process_open_fds") >= 3.0 && value("process_open_fds") <= value("process_max_fds"));
        let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs_f64();
        // A test may take an hour, and clocks may be set.
        assert!((now - value("process_start_time_seconds")).abs() < 3600.0);
        assert!(value("process_cpu_seconds_total") >= 0.0);
    }
}
