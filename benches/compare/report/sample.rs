//! What does one measurement say?

use crate::{way::Way, work::Work};
use serde::Serialize;

/// The measurement of one work by one way in one round.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Sample {
    /// The round, from 1.
    pub(crate) round: u16,
    /// The work.
    pub(crate) work: Work,
    /// Units of the value and, in brackets, of processor time.
    pub(crate) units: String,
    /// The way.
    pub(crate) way: Way,
    /// The figures.
    #[serde(flatten)]
    pub(crate) figures: Figures,
    /// Number of errors.
    pub(crate) errors: u64,
    /// The first error.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) first_error: Option<String>,
}

/// The figures of a measurement, or the medians of several.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Figures {
    /// The rate or memory, in the unit of the work.
    pub(crate) value: Option<f64>,
    /// Processor time of the proxy, in the unit of the work.
    pub(crate) cpu: Option<f64>,
    /// Microseconds that half of all operations stay below.
    #[serde(rename = "p50_us")]
    pub(crate) p50: Option<f64>,
    /// Microseconds that 99 of 100 operations stay below.
    #[serde(rename = "p99_us")]
    pub(crate) p99: Option<f64>,
    /// Gigabits a second that were transferred beside the work.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) beside: Option<f64>,
    /// Connections that were open while memory was measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) connections: Option<f64>,
}
