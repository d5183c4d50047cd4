//! On which machine is it measured?

use serde::Serialize;
use std::{fs, num::NonZeroUsize, thread};

/// A machine, as far as it decides how fast everything is.
#[derive(Clone, Debug, Serialize)]
pub struct Machine {
    /// The processor's name.
    pub processor: String,
    /// Number of cores that this process may use.
    pub cores: usize,
    /// The kernel's release.
    pub kernel: String,
    /// Mean number of processes that wanted to run during the last minute.
    pub load: f64,
}

impl Machine {
    /// The machine that this process runs on.
    pub fn this() -> Self {
        let information = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
        Self {
            processor: processor(&information).unwrap_or("unknown processor").into(),
            cores: thread::available_parallelism().map_or(1, NonZeroUsize::get),
            kernel: release.trim().into(),
            load: load.split_whitespace().next().and_then(|load| load.parse().ok()).unwrap_or(0.0),
        }
    }
}

fn processor(information: &str) -> Option<&str> {
    let line = information.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_processor_is_named_by_its_first_core() {
        let text = "processor\t: 0\nmodel name\t: Fast 9000\n\nprocessor\t: 1\nmodel name\t: Fast 9000\n";
        assert_eq!(processor(text), Some("Fast 9000"));
        assert_eq!(processor(""), None);
    }
}
