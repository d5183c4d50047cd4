//! How is each work measured?

mod burst;
mod change;
mod cold_start;
mod memory;
mod soak;

use crate::{arguments::Arguments, bed::Bed, report::Figure, work::Work};
use anyhow::Result;
use std::path::Path;

/// Measures one work in a cluster of its own.
pub(crate) fn measure(work: Work, arguments: &Arguments, program: &Path) -> Result<Vec<Figure>> {
    let bed = Bed::build(arguments, program)?;
    match work {
        Work::ColdStart => cold_start::measure(&bed),
        Work::Change => change::measure(&bed),
        Work::Burst => burst::measure(&bed),
        Work::Memory => memory::measure(&bed),
        Work::Soak => soak::measure(&bed),
    }
}
