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
    pub(crate) amounts: Amounts,
    /// All figures.
    pub(crate) figures: Vec<(Work, Figure)>,
    /// What could not be measured, and why.
    pub(crate) failed: Vec<(Work, String)>,
}

/// One figure.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Figure {
    /// What was measured.
    pub(crate) name: String,
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
    pub(crate) fn add(&mut self, work: Work, outcome: Result<Vec<Figure>>) {
        match outcome {
            Ok(figures) => self.figures.extend(figures.into_iter().map(|figure| (work, figure))),
            Err(error) => self.failed.push((work, format!("{error:#}"))),
        }
    }
}

impl Figure {
    /// A plain number.
    pub(crate) fn count(name: impl Into<String>, value: f64, unit: &'static str) -> Self {
        Self { name: name.into(), value, unit, goal: None }
    }

    /// A time, told in milliseconds.
    pub(crate) fn time(name: impl Into<String>, time: Duration) -> Self {
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
