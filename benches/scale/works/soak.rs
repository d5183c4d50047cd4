//! Does memory grow while changes pass for ever?

use crate::{
    bed::{Bed, Weir, client::ask_until, frontend},
    report::Figure,
};
use anyhow::Result;
use std::time::Instant;
use weir_testkit::load::{Churn, Pod, Workload};

/// Number of parts of the soak, after each of which memory is read.
const PARTS: u32 = 10;
/// Number of writes after which the soak waits until they are in effect, so that the API server forgets none.
const AHEAD: usize = 1_000;

const SEED: u64 = 20_260_115;

/// Churns, and looks at memory ten times.
pub(crate) fn measure(bed: &Bed) -> Result<Vec<Figure>> {
    let fleet = bed.amounts().fleet();
    // The Service behind the last one shows when writes are in effect.
    let mut marker = Marker { workload: fleet.workload(fleet.services), next: u32::MAX / 2 };
    bed.fill(fleet.objects().chain(marker.workload.objects()))?;
    let mut weir = bed.start_weir()?;
    weir.wait_until_ready()?;
    let mut churn = Churn::new(fleet, SEED);
    let (start, cpu, each) = (Instant::now(), weir.cpu(), bed.amounts().soak.div_ceil(PARTS));
    let mut held = Vec::new();
    for part in 1..=PARTS {
        pass(bed, &mut churn, &mut marker, each)?;
        held.push(print_memory(&weir, part * each)?);
    }
    let (took, cpu) = (start.elapsed(), weir.cpu().saturating_sub(cpu));
    let writes = f64::from(each * PARTS);
    let mean = |held: &[f64]| held.iter().sum::<f64>() / held.len() as f64;
    // Single looks differ by what the allocator has not given back and by a state that is being saved.
    let (first, second) = held.split_at(held.len() / 2);
    let growth = (mean(second) / mean(first) - 1.0) * 100.0;
    let most = held.iter().copied().fold(0.0, f64::max);
    Ok(vec![
        Figure::count("resident after a tenth of the writes", held[0], "MB"),
        Figure::count("resident at the end", held[held.len() - 1], "MB"),
        Figure::count("the most after any tenth", most, "MB"),
        Figure::count("growth from the first half to the second, means", growth, "%").goal(10.0),
        Figure::count("writes", writes / took.as_secs_f64(), "1/s"),
        Figure::time("processor time of a write", cpu.div_f64(writes)),
    ])
}

/// Makes a number of writes and waits until they are in effect.
fn pass(bed: &Bed, churn: &mut Churn, marker: &mut Marker, count: u32) -> Result<()> {
    let mut left = count as usize;
    while left > 0 {
        let now = left.min(AHEAD);
        churn.by_ref().take(now).try_for_each(|write| bed.write(write))?;
        marker.wait(bed)?;
        left -= now;
    }
    Ok(())
}

/// Reads and prints how much memory weir holds, in megabytes.
fn print_memory(weir: &Weir<'_>, writes: u32) -> Result<f64> {
    let megabytes = weir.memory()?.proportional as f64 / 1e6;
    eprintln!("  after {writes} writes: {megabytes:.1} MB");
    Ok(megabytes)
}

/// A Service that changes last.
struct Marker {
    workload: Workload,
    next: u32,
}

impl Marker {
    fn wait(&mut self, bed: &Bed) -> Result<()> {
        self.next += 1;
        let pod = Pod::ready(self.next);
        self.workload.replace_pods([pod]).into_iter().try_for_each(|write| bed.write(write))?;
        let to = frontend(&self.workload);
        bed.on_client(|| ask_until(to, |endpoint| endpoint == pod.v4()))?.map(drop)
    }
}
