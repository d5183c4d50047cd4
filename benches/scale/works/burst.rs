//! What happens when very many slices change within one second?

use crate::{
    bed::{
        Bed,
        client::{ask, ask_until},
        frontend,
    },
    pause::{pause, pause_until},
    report::Figure,
};
use anyhow::{Context, Result};
use std::{
    collections::{BTreeMap, HashSet},
    net::{Ipv4Addr, SocketAddr},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};
use weir_bench::report::percentile;
use weir_testkit::load::{ENDPOINT_PORT, Pod, Workload, Write};

/// The time between two batches of writes.
const TICK: Duration = Duration::from_millis(10);
/// The time between two connections of the steady client.
const CONNECT_EVERY: Duration = Duration::from_millis(5);
/// Time that the steady client connects before the burst.
const BEFORE: Duration = Duration::from_secs(2);
/// The longest wait for an answer of an established Service.
const PATIENCE: Duration = Duration::from_secs(5);
/// Number of Services that are dialled at the end.
const SAMPLE: usize = 64;

const GENERATION: &str = "weir_snapshot_generation";

/// All endpoints of many Services are replaced within a second, while a client dials one that does not change.
pub(crate) fn measure(bed: &Bed) -> Result<Vec<Figure>> {
    let fleet = bed.amounts().fleet();
    // The Service behind the last one is the steady client's.
    let steady = fleet.workload(fleet.services);
    bed.fill(fleet.objects().chain(steady.objects()))?;
    let burst = Burst::prepare(bed);
    let mut weir = bed.start_weir()?;
    weir.wait_until_ready()?;
    let commits = weir.metrics()?.sum(GENERATION, "");
    // What happens on the way to an endpoint without weir is the machine's own.
    let endpoint = steady.pods().next().context("the steady Service has no endpoint")?;
    let direct = SocketAddr::from((endpoint.v4(), ENDPOINT_PORT));
    let over = AtomicBool::new(false);
    let (times, direct_times, burst_began, written, in_effect, cpu) = thread::scope(|scope| {
        let dialling = |to| {
            scope.spawn({
                let over = &over;
                move || bed.on_client(|| dial(to, over))
            })
        };
        let (client, past_weir) = (dialling(frontend(&steady)), dialling(direct));
        pause(BEFORE);
        let (cpu, began) = (weir.cpu(), Instant::now());
        let outcome = write(bed, burst.writes, began).and_then(|()| {
            let written = Instant::now();
            Ok((written, bed.on_client(|| wait_for(&burst.wanted))??))
        });
        let cpu = weir.cpu().saturating_sub(cpu);
        over.store(true, Ordering::Relaxed);
        let [times, direct_times] = [client, past_weir]
            .map(|client| client.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        let (written, in_effect) = outcome?;
        anyhow::Ok((times??, direct_times??, began, written, in_effect, cpu))
    })?;
    let commits = weir.metrics()?.sum(GENERATION, "") - commits;
    let of = |times: &[(Instant, Duration)], during: bool| {
        let times = times.iter().filter(|(at, _)| (*at >= burst_began) == during);
        percentile(&times.map(|(_, took)| *took).collect::<Vec<_>>(), 99)
    };
    Ok(vec![
        Figure::time("time of all writes", written.saturating_duration_since(burst_began)),
        Figure::time("last write to all in effect", in_effect.saturating_duration_since(written)),
        Figure::count("commits", commits, "commits"),
        Figure::time("processor time, the steady client's connections included", cpu),
        Figure::time("another Service's connections before, p99", of(&times, false)),
        Figure::time("another Service's connections during it, p99", of(&times, true)),
        Figure::time("past weir before, p99", of(&direct_times, false)),
        Figure::time("past weir during it, p99", of(&direct_times, true)),
    ])
}

/// The writes of the burst, and the endpoints that Services must have after it.
struct Burst {
    writes: Vec<Write>,
    wanted: Vec<(SocketAddr, HashSet<Ipv4Addr>)>,
}

impl Burst {
    fn prepare(bed: &Bed) -> Self {
        let (fleet, count) = (bed.amounts().fleet(), bed.amounts().burst);
        let mut last: BTreeMap<u32, Workload> = BTreeMap::new();
        let mut writes = Vec::new();
        for number in 0..count {
            let index = number % fleet.services;
            let workload = last.entry(index).or_insert_with(|| fleet.workload(index));
            let first = (fleet.services + 1 + number) * fleet.endpoints;
            writes.extend(workload.replace_pods((first..first + fleet.endpoints).map(Pod::ready)));
        }
        let wanted =
            last.values().map(|workload| (frontend(workload), workload.pods().map(Pod::v4).collect()));
        let wanted = wanted.step_by(last.len().div_ceil(SAMPLE)).collect();
        Self { writes, wanted }
    }
}

/// Spreads the writes over one second.
fn write(bed: &Bed, writes: Vec<Write>, began: Instant) -> Result<()> {
    let ticks = (Duration::from_secs(1).as_millis() / TICK.as_millis()) as usize;
    let each = writes.len().div_ceil(ticks).max(1);
    let mut writes = writes.into_iter();
    for tick in (0..).take(ticks) {
        bed.write_all(writes.by_ref().take(each).collect())?;
        pause_until(began + TICK * (tick + 1));
    }
    Ok(())
}

/// Waits until every Service of the sample is served by its new endpoints, and no others.
fn wait_for(wanted: &[(SocketAddr, HashSet<Ipv4Addr>)]) -> Result<Instant> {
    let mut last = Instant::now();
    for (to, endpoints) in wanted {
        last = last.max(ask_until(*to, |endpoint| endpoints.contains(&endpoint))?);
    }
    Ok(last)
}

/// Connects at a steady pace until `over`; returns when each connection began, and the time to its answer.
fn dial(to: SocketAddr, over: &AtomicBool) -> Result<Vec<(Instant, Duration)>> {
    let mut times = Vec::new();
    while !over.load(Ordering::Relaxed) {
        let start = Instant::now();
        ask(to, PATIENCE)?;
        times.push((start, start.elapsed()));
        pause(CONNECT_EVERY);
    }
    Ok(times)
}
