//! What is known at the end?

use super::sample::{Figures, Sample};
use crate::{arguments::Arguments, proxies::Programs, way::Way, work::Work};
use serde::Serialize;
use weir_bench::{machine::Machine, report::median};

/// Everything that was measured, and on what.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Report {
    /// The machine that was measured on.
    pub(crate) machine: Machine,
    /// Number of rounds.
    pub(crate) rounds: u16,
    /// Seconds of each measurement.
    pub(crate) seconds: f64,
    /// The ways that took part, in the order of the report.
    pub(crate) versions: Vec<Participant>,
    /// Ways that were asked for and are not installed, with advice.
    pub(crate) missing: Vec<(Way, &'static str)>,
    /// All measurements.
    pub(crate) samples: Vec<Sample>,
}

/// A way that took part.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Participant {
    /// The way.
    pub(crate) way: Way,
    /// What its program says about its version.
    pub(crate) version: String,
}

impl Report {
    /// A report without measurements.
    pub(crate) fn begin(arguments: &Arguments, machine: Machine, programs: &Programs) -> Self {
        let (mut versions, mut missing) = (Vec::new(), Vec::new());
        for way in arguments.ways() {
            match programs.version(way) {
                Ok(version) => versions.push(Participant { way, version }),
                Err(advice) => missing.push((way, advice)),
            }
        }
        let schedule = arguments.schedule();
        let (rounds, seconds) = (schedule.rounds, schedule.measured.as_secs_f64());
        Self { machine, rounds, seconds, versions, missing, samples: Vec::new() }
    }

    /// The ways that take part.
    pub(crate) fn ways(&self) -> Vec<Way> {
        self.versions.iter().map(|participant| participant.way).collect()
    }

    /// The works that were measured, in the order of the report.
    pub(crate) fn works(&self) -> Vec<Work> {
        let measured = |work: &Work| self.samples.iter().any(|sample| sample.work == *work);
        Work::ALL.into_iter().filter(measured).collect()
    }

    /// The medians of all rounds.
    pub(crate) fn figures(&self, work: Work, way: Way) -> Figures {
        let of = |figure: fn(&Figures) -> Option<f64>| {
            median(self.of(work, way).filter_map(|sample| figure(&sample.figures)).collect())
        };
        Figures {
            value: of(|figures| figures.value),
            cpu: of(|figures| figures.cpu),
            p50: of(|figures| figures.p50),
            p99: of(|figures| figures.p99),
            beside: of(|figures| figures.beside),
            connections: of(|figures| figures.connections),
        }
    }

    /// The errors of all rounds.
    pub(crate) fn errors(&self, work: Work, way: Way) -> u64 {
        self.of(work, way).map(|sample| sample.errors).sum()
    }

    fn of(&self, work: Work, way: Way) -> impl Iterator<Item = &Sample> {
        self.samples.iter().filter(move |sample| sample.work == work && sample.way == way)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A report of two rounds of two works with simple figures.
    pub(crate) fn example() -> Report {
        let sample = |round: u16, work, way, value: f64| Sample {
            round,
            work,
            units: work.units(),
            way,
            figures: Figures {
                value: Some(value * f64::from(round)),
                cpu: (way != Way::Direct).then_some(1e4 / value),
                p50: Some(1e5 / value),
                p99: Some(2e5 / value),
                ..Figures::default()
            },
            errors: u64::from(way == Way::Nginx),
            first_error: None,
        };
        let speeds =
            [(Way::Direct, 4000.0), (Way::Haproxy, 1000.0), (Way::Nginx, 2000.0), (Way::Weir, 3000.0)];
        let mut samples = Vec::new();
        for round in [1, 2, 3] {
            for work in [Work::Connections, Work::BulkUp] {
                samples.extend(speeds.map(|(way, value)| sample(round, work, way, value)));
            }
        }
        Report {
            machine: Machine { processor: "Fast 9000".into(), cores: 2, kernel: "6.18".into(), load: 0.5 },
            rounds: 3,
            seconds: 1.0,
            versions: speeds
                .map(|(way, _)| Participant { way, version: format!("{} <1.0> & more", way.name()) })
                .into(),
            missing: vec![(Way::Realm, "build it")],
            samples,
        }
    }

    #[test]
    fn figures_are_medians_and_errors_are_sums() {
        let report = example();
        assert_eq!(report.figures(Work::Connections, Way::Weir).value, Some(6000.0));
        assert_eq!(report.figures(Work::Connections, Way::Realm), Figures::default());
        assert_eq!(report.errors(Work::BulkUp, Way::Nginx), 3);
        assert_eq!(report.works(), [Work::Connections, Work::BulkUp]);
    }
}
