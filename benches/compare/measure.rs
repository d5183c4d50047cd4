//! What comes out when clients do one work by one way?

use crate::{
    arguments::Schedule,
    bed::{endpoints::Received, network::Network},
    clients::Load,
    meter::Meter,
    proxies::Proxy,
    report::Figures,
    way::Way,
    work::{Unit, Work},
};
use anyhow::{Context, Result};
use std::{
    collections::BTreeSet,
    io,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};
use tokio::{runtime::Builder, time::sleep};
use weir_bench::usage;

/// Time that connections are idle before memory is read.
const SETTLED: Duration = Duration::from_secs(1);
/// The longest wait for idle connections to open.
const OPENED: Duration = Duration::from_secs(60);

/// A measurement of one work by one way.
#[derive(Debug)]
pub(crate) struct Measurement<'session> {
    /// The work.
    pub(crate) work: Work,
    /// The way.
    pub(crate) way: Way,
    /// The loads of the clients, one for each thread.
    pub(crate) loads: Vec<Load>,
    /// The times of the measurement.
    pub(crate) schedule: Schedule,
    /// The hosts.
    pub(crate) network: &'session Network,
    /// Bytes that the endpoints got.
    pub(crate) received: &'session Received,
    /// The proxy.
    pub(crate) proxy: &'session Proxy<'session>,
}

impl Measurement<'_> {
    /// Starts the clients, measures, and ends them.
    pub(crate) fn run(&self, meter: &Arc<Meter>) -> Result<Figures> {
        let processes = self.proxy.processes();
        let runtime = Builder::new_current_thread().enable_all().build()?;
        thread::scope(|scope| {
            let clients: Vec<_> =
                self.loads.iter().map(|load| scope.spawn(move || self.clients(*load, meter))).collect();
            let figures = runtime.block_on(async {
                match self.work {
                    Work::Idle => self.memory(&processes, meter).await,
                    _ => self.rate(&processes, meter).await,
                }
            });
            meter.stop();
            for client in clients {
                client.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
            }
            Ok(figures)
        })
    }

    fn clients(&self, load: Load, meter: &Arc<Meter>) -> Result<()> {
        let address = self.way.address();
        let ended: io::Result<io::Result<()>> =
            self.network.client.run(|| async move { load.run(address, meter).await });
        ended?.context("the clients could not go on")
    }

    async fn rate(&self, processes: &BTreeSet<u32>, meter: &Meter) -> Figures {
        sleep(self.schedule.warm_up).await;
        let (done, beside) = (self.done(meter), meter.beside());
        let (cpu, started) = (usage::cpu(processes), Instant::now());
        meter.measure(true);
        sleep(self.schedule.measured).await;
        meter.measure(false);
        let seconds = started.elapsed().as_secs_f64();
        let done = (self.done(meter) - done) as f64;
        let beside = (meter.beside() - beside) as f64 * 8.0 / seconds / 1e9;
        let cpu = usage::cpu(processes).saturating_sub(cpu).as_secs_f64();
        let (value, cpu) = match self.work.unit() {
            Unit::Bytes => (done * 8.0 / seconds / 1e9, cpu / (done / 1e9)),
            _ => (done / seconds, cpu / done * 1e6),
        };
        let quantile = |share| meter.latencies().quantile(share).map(|nanoseconds| nanoseconds as f64 / 1e3);
        Figures {
            value: Some(value),
            cpu: Some(cpu).filter(|_| done > 0.0 && self.way.has_process() && self.work.has_cpu()),
            p50: quantile(0.5),
            p99: quantile(0.99),
            beside: (self.work == Work::BesideBulk).then_some(beside),
            connections: None,
        }
    }

    /// Amount done so far, counted by the endpoints where clients cannot know.
    fn done(&self, meter: &Meter) -> u64 {
        if self.work == Work::BulkUp { self.received.bytes() } else { meter.done() }
    }

    async fn memory(&self, processes: &BTreeSet<u32>, meter: &Meter) -> Figures {
        let before = usage::anonymous_memory(processes);
        let wanted: usize =
            self.loads.iter().map(|load| if let Load::Idle(count) = load { *count } else { 0 }).sum();
        let started = Instant::now();
        while meter.done() + meter.errors() < wanted as u64 && started.elapsed() < OPENED {
            sleep(Duration::from_millis(20)).await;
        }
        sleep(SETTLED).await;
        let grown = usage::anonymous_memory(processes).saturating_sub(before) as f64;
        let open = meter.done() as f64;
        Figures { value: (open > 0.0).then(|| grown / open), connections: Some(open), ..Figures::default() }
    }
}
