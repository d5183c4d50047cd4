//! How soon is a change of one slice in effect, and what does it cost?

use crate::{
    bed::{Bed, Weir, client::ask_until, frontend},
    pause::pause,
    report::Figure,
};
use anyhow::Result;
use std::{
    collections::HashSet,
    net::Ipv4Addr,
    time::{Duration, Instant},
};
use weir_bench::report::percentile;
use weir_testkit::load::{Fleet, Pod, Write};

/// The time between two changes after which weir takes the next one at once: twice the least time between two commits.
const CHANGE_INTERVAL: Duration = Duration::from_millis(100);

/// Names of the figures that are drawn.
pub(crate) const P50: &str = "write to the first connection to a new endpoint, p50";
pub(crate) const P99: &str = "write to the first connection to a new endpoint, p99";
pub(crate) const PART: &str = "weir's part of it, mean";
pub(crate) const CPU: &str = "processor time of a change";

const PROPAGATION: &str = "weir_endpoint_propagation_seconds";

/// Changes one slice at a time: first with a client, then without one, to see what changes alone cost.
pub(crate) fn measure(bed: &Bed) -> Result<Vec<Figure>> {
    let fleet = bed.amounts().fleet();
    bed.fill(fleet.objects())?;
    let mut weir = bed.start_weir()?;
    weir.wait_until_ready()?;
    let mut changes = Changes { fleet, made: 0 };
    let count = bed.amounts().changes;
    let before = weir.metrics()?;
    let times = (0..count).map(|_| time_of_one(bed, &mut changes)).collect::<Result<Vec<_>>>()?;
    let after = weir.metrics()?;
    let cost = cost(bed, &weir, &mut changes, count)?;
    let each_second = cost.idle.div_duration_f64(CHANGE_INTERVAL) * 1e3;
    let receipt = "from=\"receipt\"";
    let within = |percent| {
        let bound = after.percentile_since(&before, PROPAGATION, &format!("{receipt},"), percent);
        bound.map_or(f64::NAN, |seconds| seconds * 1e3)
    };
    let since = |name: &str| {
        let name = format!("{PROPAGATION}_{name}");
        after.sum(&name, receipt) - before.sum(&name, receipt)
    };
    Ok(vec![
        Figure::time(P50, percentile(&times, 50)).goal(10.0),
        Figure::time(P99, percentile(&times, 99)).goal(50.0),
        Figure::count(PART, since("sum") / since("count") * 1e3, "ms"),
        Figure::count("weir's part of it, p99 (upper bound of its bucket)", within(99.0), "ms").goal(2.0),
        Figure::time(CPU, cost.change).goal(1.0),
        Figure::count("processor time when nothing changes", each_second, "ms/s"),
    ])
}

/// Measures the time from the API server's answer to the first connection that a new endpoint gets.
fn time_of_one(bed: &Bed, changes: &mut Changes) -> Result<Duration> {
    pause(CHANGE_INTERVAL);
    let Change { to, writes, endpoints } = changes.next();
    bed.on_client(|| {
        writes.into_iter().try_for_each(|write| bed.write(write))?;
        let written = Instant::now();
        let seen = ask_until(to, |endpoint| endpoints.contains(&endpoint))?;
        Ok(seen.saturating_duration_since(written))
    })?
}

/// Processor time of weir within [`CHANGE_INTERVAL`] of a change that nobody dials, and when nothing changes.
struct Cost {
    change: Duration,
    idle: Duration,
}

/// Measures both alternately, and takes the median of each: what weir does once in a while is no part of a change.
fn cost(bed: &Bed, weir: &Weir<'_>, changes: &mut Changes, count: u32) -> Result<Cost> {
    let (mut changing, mut idle) = (Vec::new(), Vec::new());
    for _ in 0..count {
        let writes = changes.next().writes;
        let start = weir.cpu();
        writes.into_iter().try_for_each(|write| bed.write(write))?;
        pause(CHANGE_INTERVAL);
        let middle = weir.cpu();
        pause(CHANGE_INTERVAL);
        changing.push(middle.saturating_sub(start));
        idle.push(weir.cpu().saturating_sub(middle));
    }
    let idle = percentile(&idle, 50);
    Ok(Cost { change: percentile(&changing, 50).saturating_sub(idle), idle })
}

/// Changes of one Service after another, spread over all of them.
struct Changes {
    fleet: Fleet,
    made: u32,
}

/// The replacement of all endpoints of a Service.
struct Change {
    to: std::net::SocketAddr,
    writes: Vec<Write>,
    endpoints: HashSet<Ipv4Addr>,
}

impl Changes {
    fn next(&mut self) -> Change {
        /// A prime number, so that every Service is changed.
        const STEP: u64 = 7_919;
        self.made += 1;
        let index = u64::from(self.made) * STEP % u64::from(self.fleet.services);
        let mut workload = self.fleet.workload(index as u32);
        let first = (self.fleet.services + self.made) * self.fleet.endpoints;
        let pods: Vec<Pod> = (first..first + self.fleet.endpoints).map(Pod::ready).collect();
        let endpoints = pods.iter().map(|pod| pod.v4()).collect();
        Change { to: frontend(&workload), writes: workload.replace_pods(pods), endpoints }
    }
}
