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
    /// The machine that was measured on.
    pub(crate) machine: Machine,
    /// Whether weir was built with optimisations.
    pub(crate) optimised: bool,
    /// The API server that weir watched.
    pub(crate) api_server: ApiServer,
    /// The amounts, for each number of Services.
    pub(crate) amounts: Vec<Amounts>,
    /// Everything measured.
    pub(crate) figures: Vec<Measured>,
    /// Works that could not be measured.
    pub(crate) failed: Vec<Failed>,
}

/// A figure with its work and number of Services.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Measured {
    /// The work that was measured.
    pub(crate) work: Work,
    /// Number of Services.
    pub(crate) services: u32,
    /// The figure.
    #[serde(flatten)]
    pub(crate) figure: Figure,
}

/// A work that could not be done.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Failed {
    /// The work that was measured.
    pub(crate) work: Work,
    /// Number of Services.
    pub(crate) services: u32,
    /// The reason.
    pub(crate) error: String,
}

/// A figure with its name, unit and goal.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Figure {
    /// Name of the figure.
    pub(crate) name: &'static str,
    /// The value, in the unit.
    pub(crate) value: f64,
    /// The unit.
    pub(crate) unit: &'static str,
    /// The most that the value should be, in the unit.
    pub(crate) goal: Option<f64>,
}

impl Report {
    /// A report without figures.
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

    /// Adds the figures of one work, or its failure.
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
    /// A figure of any unit, without a goal.
    pub(crate) fn count(name: &'static str, value: f64, unit: &'static str) -> Self {
        Self { name, value, unit, goal: None }
    }

    /// A time in milliseconds, without a goal.
    pub(crate) fn time(name: &'static str, time: Duration) -> Self {
        Self::count(name, time.as_secs_f64() * 1e3, "ms")
    }

    /// The figure with a goal, in the figure's unit.
    #[must_use]
    pub(crate) fn goal(self, goal: f64) -> Self {
        Self { goal: Some(goal), ..self }
    }
}
