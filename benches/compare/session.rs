//! In which order is everything measured?
//!
//! Round by round, and within a round work by work, each by all ways in turn, of which another one is first in each round:
//! what else happens on the machine hits all of them alike. A proxy runs only while it is measured.

use crate::{
    arguments::Arguments,
    bed::{endpoints, network::Network},
    clients::Load,
    measure::Measurement,
    meter::Meter,
    proxies::{FOLDER, Programs, Proxy, Resources},
    report::{Figures, Report, Sample, plot, table},
    way::Way,
    work::Work,
};
use anyhow::{Context, Result, ensure};
use std::{collections::BTreeMap, fs, sync::Arc};
use weir_bench::{isolation, machine::Machine};

/// Measures and reports.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    fs::create_dir_all(FOLDER).with_context(|| format!("cannot create {FOLDER}"))?;
    let mut session = Session::prepare(arguments)?;
    print!("{}", table::header(&session.report));
    for round in 1..=arguments.schedule().rounds {
        session.round(round);
    }
    print!("{}", table::body(&session.report));
    arguments.output.write(&session.report, || plot::svg(&session.report))?;
    let failed = session.report.samples.iter().filter(|sample| sample.figures.value.is_none()).count();
    ensure!(failed == 0, "{failed} of {} measurements failed: see above", session.report.samples.len());
    Ok(())
}

struct Session<'arguments> {
    arguments: &'arguments Arguments,
    programs: Programs,
    resources: Resources,
    threads: usize,
    network: Arc<Network>,
    received: endpoints::Received,
    report: Report,
    /// Rates of open loops (1/s), by the closed one that sets them in the first round.
    rates: BTreeMap<Work, f64>,
}

impl<'arguments> Session<'arguments> {
    fn prepare(arguments: &'arguments Arguments) -> Result<Self> {
        let programs = Programs::find(arguments)?;
        let machine = Machine::this();
        // Clients and endpoints get as many threads together as the proxy.
        let threads = (machine.cores / 2).max(1);
        let resources = Resources { cores: machine.cores, descriptors: isolation::descriptors() };
        let network = Arc::new(Network::build()?);
        let received = endpoints::start(&network, threads)?;
        let report = Report::begin(arguments, machine, &programs);
        ensure!(!report.versions.is_empty(), "nothing to compare: {}", table::missing(&report));
        Ok(Self {
            arguments,
            programs,
            resources,
            threads,
            network,
            received,
            report,
            rates: BTreeMap::new(),
        })
    }

    fn round(&mut self, round: u16) {
        let mut ways = self.report.ways();
        let first = usize::from(round - 1) % ways.len();
        ways.rotate_left(first);
        for work in self.arguments.works() {
            for &way in &ways {
                if way.can(work) {
                    let sample = self.measure(round, work, way);
                    eprintln!("{}", table::progress(&sample));
                    self.report.samples.push(sample);
                }
            }
            self.set_rate(work);
        }
    }

    /// A way that fails is a measurement too: the others go on.
    fn measure(&self, round: u16, work: Work, way: Way) -> Sample {
        let meter = Arc::new(Meter::new());
        let figures = self.figures(work, way, &meter).unwrap_or_else(|error| {
            meter.failed(format_args!("{error:#}"));
            Figures::default()
        });
        Sample {
            round,
            work,
            units: work.units(),
            way,
            figures,
            errors: meter.errors(),
            first_error: meter.first_error(),
        }
    }

    fn figures(&self, work: Work, way: Way, meter: &Arc<Meter>) -> Result<Figures> {
        let schedule = self.arguments.schedule();
        let proxy = Proxy::start(way, &self.network, &self.programs, self.resources)?;
        let idle = self.resources.connections(way).min(schedule.idle_limit);
        let rate = work.closed().and_then(|closed| self.rates.get(&closed)).copied().unwrap_or(0.0);
        let measurement = Measurement {
            work,
            way,
            loads: Load::of(work, self.threads, idle, rate),
            schedule,
            network: &self.network,
            received: &self.received,
            proxy: &proxy,
        };
        measurement.run(meter).with_context(|| format!("{} said:\n{}", way.name(), proxy.log()))
    }

    /// Sets the rate of an open loop: half of what the slowest proxy reached, so that all of them can keep up.
    fn set_rate(&mut self, work: Work) {
        let rates = self.report.samples.iter().filter(|sample| sample.work == work);
        let proxies = rates.clone().filter(|sample| sample.way.has_process());
        let least = |rates: &mut dyn Iterator<Item = &Sample>| {
            rates.filter_map(|sample| sample.figures.value).reduce(f64::min)
        };
        if let Some(rate) = least(&mut proxies.into_iter()).or_else(|| least(&mut rates.into_iter())) {
            self.rates.entry(work).or_insert(rate / 2.0);
        }
    }
}
