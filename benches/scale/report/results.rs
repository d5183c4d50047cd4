//! What is known at the end?

use crate::{
    arguments::{Amounts, ApiServer, Arguments},
    work::Work,
};
use anyhow::Result;
use serde::Serialize;
use std::time::Duration;
use weir_bench::machine::Machine;

/// Everything that was measured, and on what.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Report {
    /// Where.
    pub(crate) machine: Machine,
    /// Whether weir was built with optimisations.
    pub(crate) optimised: bool,
    /// What weir watched.
    pub(crate) api_server: ApiServer,
    /// How much.
    pub(crate) amounts: Vec<Amounts>,
    /// All figures.
    pub(crate) figures: Vec<Measured>,
    /// What could not be measured.
    pub(crate) failed: Vec<Failed>,
}

/// A figure, and what it belongs to.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Measured {
    /// The work.
    pub(crate) work: Work,
    /// How many Services there were.
    pub(crate) services: u32,
    /// What came out.
    #[serde(flatten)]
    pub(crate) figure: Figure,
}

/// A work that could not be done.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Failed {
    /// The work.
    pub(crate) work: Work,
    /// How many Services there were.
    pub(crate) services: u32,
    /// Why.
    pub(crate) error: String,
}

/// One figure.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Figure {
    /// What was measured.
    pub(crate) name: &'static str,
    /// How much it is.
    pub(crate) value: f64,
    /// Of what.
    pub(crate) unit: &'static str,
    /// How much it should be at most.
    pub(crate) goal: Option<f64>,
}

impl Report {
    /// Nothing measured yet.
    pub(crate) fn begin(arguments: &Arguments) -> Self {
        Self {
            machine: Machine::this(),
            optimised: !cfg!(debug_assertions),
            api_server: arguments.api_server,
            amounts: arguments.amounts(),
            figures: Vec::new(),
            failed: Vec::new(),
        }
    }

    /// Adds what came out of one work.
    pub(crate) fn add(&mut self, work: Work, services: u32, outcome: Result<Vec<Figure>>) {
        match outcome {
            Ok(figures) => {
                let measured = |figure| Measured { work, services, figure };
                self.figures.extend(figures.into_iter().map(measured));
            }
            Err(error) => self.failed.push(Failed { work, services, error: format!("{error:#}") }),
        }
    }

    /// A figure of a work at so many Services.
    pub(crate) fn figure(&self, work: Work, name: &str, services: u32) -> Option<&Figure> {
        let wanted = |of: &&Measured| of.work == work && of.services == services && of.figure.name == name;
        self.figures.iter().find(wanted).map(|measured| &measured.figure)
    }
}

impl Figure {
    /// A plain number.
    pub(crate) fn count(name: &'static str, value: f64, unit: &'static str) -> Self {
        Self { name, value, unit, goal: None }
    }

    /// A time, told in milliseconds.
    pub(crate) fn time(name: &'static str, time: Duration) -> Self {
        Self::count(name, time.as_secs_f64() * 1e3, "ms")
    }

    /// The same with a goal, in its unit.
    #[must_use]
    pub(crate) fn goal(self, goal: f64) -> Self {
        Self { goal: Some(goal), ..self }
    }
}

/// The figure that so many of a hundred are not above, of figures in any order; zero of none.
pub(crate) fn percentile(times: &[Duration], percent: usize) -> Duration {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    let rank = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
    sorted.get(rank).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_one_of_the_figures() {
        let times: Vec<Duration> = (1..=200).rev().map(Duration::from_millis).collect();
        let percentiles = [50, 99, 100].map(|percent| percentile(&times, percent).as_millis());
        assert_eq!(percentiles, [100, 198, 200]);
        assert_eq!(percentile(&[], 50), Duration::ZERO);
        assert_eq!(percentile(&times[..1], 1).as_millis(), 200);
    }
}
