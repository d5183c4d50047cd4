//! How much memory does weir hold for each Service and each endpoint?

use crate::{bed::Bed, pause::pause, report::Figure};
use anyhow::Result;
use serde_json::Value;
use std::time::Duration;
use weir_bench::usage::Memory;

/// Names of the figures that are drawn.
pub(crate) const SERVICES: &str = "resident with Services alone";
pub(crate) const ALL: &str = "resident with all endpoints";

/// The wait after which nothing of the start is under way any more: the state was saved, which takes memory for a moment.
const SETTLED: Duration = Duration::from_secs(7);

/// Starts weir without Services, with Services alone, and with their endpoints.
pub(crate) fn measure(bed: &Bed) -> Result<Vec<Figure>> {
    let fleet = bed.amounts().fleet();
    let is_service = |object: &Value| object["kind"] == "Service";
    let empty = held(bed)?;
    bed.fill(fleet.objects().filter(is_service))?;
    let services = held(bed)?;
    bed.fill(fleet.objects().filter(|object| !is_service(object)))?;
    let all = held(bed)?;
    let each = |more: Memory, less: Memory, count: u32| {
        (more.proportional as f64 - less.proportional as f64) / f64::from(count)
    };
    let megabytes = |name, bytes: u64| Figure::count(name, bytes as f64 / 1e6, "MB");
    Ok(vec![
        Figure::count("each Service", each(services, empty, fleet.services), "B").goal(4096.0),
        Figure::count("each endpoint", each(all, services, fleet.services * fleet.endpoints), "B")
            .goal(1024.0),
        megabytes("resident without Services", empty.proportional),
        megabytes(SERVICES, services.proportional),
        megabytes(ALL, all.proportional),
        megabytes("the most while it started with all", all.peak),
    ])
}

/// Memory of a weir that has just started with the objects that there are.
fn held(bed: &Bed) -> Result<Memory> {
    let mut weir = bed.start_weir()?;
    weir.wait_until_ready()?;
    pause(SETTLED);
    weir.memory()
}
