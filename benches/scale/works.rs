//! How is each work measured?

mod burst;
pub(crate) mod change;
mod cold_start;
mod disk_start;
mod memory;
mod soak;

use crate::{
    arguments::{Amounts, ApiServer},
    bed::Bed,
    report::{Figure, plot::Panel},
    work::Work,
};
use anyhow::Result;
use std::path::Path;

/// Figures that are drawn, beside each other.
pub(crate) const PANELS: [Panel; 4] = [
    Panel {
        title: "Change until seen, p50 and p99, ms",
        work: Work::Change,
        figures: &[change::P50, change::P99],
    },
    Panel {
        title: "Change, weir's part and CPU, ms",
        work: Work::Change,
        figures: &[change::PART, change::CPU],
    },
    Panel {
        title: "Start until the last answer, ms",
        work: Work::ColdStart,
        figures: &[cold_start::ANSWERED],
    },
    Panel {
        title: "Memory, Services and all, MB",
        work: Work::Memory,
        figures: &[memory::SERVICES, memory::ALL],
    },
];

/// Measures one work in a cluster of its own.
pub(crate) fn measure(
    work: Work,
    api_server: ApiServer,
    amounts: Amounts,
    program: &Path,
) -> Result<Vec<Figure>> {
    let bed = Bed::build(api_server, amounts, program)?;
    match work {
        Work::ColdStart => cold_start::measure(&bed),
        Work::DiskStart => disk_start::measure(&bed),
        Work::Change => change::measure(&bed),
        Work::Burst => burst::measure(&bed),
        Work::Memory => memory::measure(&bed),
        Work::Soak => soak::measure(&bed),
    }
}
