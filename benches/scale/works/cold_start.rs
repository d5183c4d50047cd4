//! How soon after the start of the process is everything served?

use crate::{
    bed::{Bed, client::ask_until_served, frontend},
    report::Figure,
};
use anyhow::{Context, Result};
use std::{
    thread,
    time::{Duration, Instant},
};

/// Name of the figure that is drawn.
pub(crate) const ANSWERED: &str = "start of the process to the last Service's first answer";

/// Number of Services that are dialled at the end.
const SAMPLE: u32 = 64;

/// Starts weir and waits until it serves all Services.
pub(crate) fn measure(bed: &Bed) -> Result<Vec<Figure>> {
    let fleet = bed.amounts().fleet();
    bed.fill(fleet.objects())?;
    let last = frontend(&fleet.workload(fleet.services - 1));
    let lists = bed.complete_lists();
    let start = Instant::now();
    let mut weir = bed.start_weir()?;
    let (listed, ready, answered) = thread::scope(|scope| {
        let answered = scope.spawn(|| bed.on_client(|| ask_until_served(last)));
        let listed = bed.wait_for_lists(lists)?;
        let ready = weir.wait_until_ready()?;
        let answered = answered.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        anyhow::Ok((listed, ready, answered??))
    })?;
    let cpu = weir.cpu();
    let step = (fleet.services / SAMPLE).max(1) as usize;
    bed.on_client(|| {
        let sample = (0..fleet.services).step_by(step).map(|index| frontend(&fleet.workload(index)));
        sample.map(ask_until_served).collect::<Result<Vec<_>>>()
    })?
    .context("not every Service is served")?;
    let goal = goal(fleet.services, fleet.endpoints).as_secs_f64() * 1e3;
    let since = |from, to: Instant| to.saturating_duration_since(from);
    let megabytes = weir.memory()?.peak as f64 / 1e6;
    let mut figures = vec![
        Figure::time(ANSWERED, since(start, answered)).goal(goal),
        Figure::time("start of the process to readiness", since(start, ready)).goal(goal),
        Figure::time("processor time", cpu),
        Figure::count("peak resident memory", megabytes, "MB"),
    ];
    figures.extend(
        listed.map(|listed| Figure::time("end of the list to readiness", since(listed, ready)).goal(goal)),
    );
    Ok(figures)
}

/// The goal for a start: 2 s for at most 10,000 Services with 100,000 endpoints, else 5 s.
fn goal(services: u32, endpoints: u32) -> Duration {
    let small = services <= 10_000 && services * endpoints <= 100_000;
    Duration::from_secs(if small { 2 } else { 5 })
}
