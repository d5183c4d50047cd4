//! How is each work measured?

mod burst;
pub(crate) mod change;
pub(crate) mod cold_start;
mod disk_start;
pub(crate) mod memory;
mod soak;

use crate::{
    arguments::{Amounts, ApiServer},
    bed::Bed,
    report::Figure,
    work::Work,
};
use anyhow::Result;
use std::path::Path;

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
