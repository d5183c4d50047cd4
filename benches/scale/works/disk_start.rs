//! How soon is everything served again after a crash, while the API server is away?

use crate::{
    bed::{
        Bed, Weir,
        client::{HANG, ask_until_served},
        frontend,
    },
    pause::pause,
    report::Figure,
};
use anyhow::{Result, bail};
use std::{
    thread,
    time::{Duration, Instant},
};

/// The metric of when the state on disk was saved, which is not shown, or zero, before.
const SAVED: &str = "weir_state_saved_timestamp_seconds";

/// Kills weir once it has saved its state, stops the API server, and starts weir again.
pub(crate) fn measure(bed: &Bed) -> Result<Vec<Figure>> {
    let fleet = bed.amounts().fleet();
    bed.fill(fleet.objects())?;
    let mut weir = bed.start_weir()?;
    weir.wait_until_ready()?;
    wait_until_saved(&weir)?;
    let size = bed.size_of_state()?;
    weir.crash()?;
    bed.stop_api();
    let last = frontend(&fleet.workload(fleet.services - 1));
    let start = Instant::now();
    let mut weir = bed.start_weir_again()?;
    let (ready, answered) = thread::scope(|scope| {
        let answered = scope.spawn(|| bed.on_client(|| ask_until_served(last)));
        let ready = weir.wait_until_ready()?;
        let answered = answered.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        anyhow::Ok((ready, answered??))
    })?;
    let since = |to: Instant| to.saturating_duration_since(start);
    Ok(vec![
        Figure::time("start of the process to the last Service's first answer", since(answered)).goal(500.0),
        Figure::time("start of the process to readiness", since(ready)),
        Figure::time("processor time", weir.cpu()),
        Figure::count("state on disk", size as f64 / 1e6, "MB"),
    ])
}

/// Waits until weir has saved its state after it was ready, so that everything is in the state.
fn wait_until_saved(weir: &Weir<'_>) -> Result<()> {
    let start = Instant::now();
    while weir.metrics()?.sum(SAVED, "") == 0.0 {
        if start.elapsed() > HANG {
            bail!("weir has saved no state after {HANG:?}");
        }
        pause(Duration::from_millis(100));
    }
    Ok(())
}
