//! What is a metric called, and what do its values mean? Each crate that registers metrics has one table of them.
//!
//! Series are registered by the names of such a table, exporters describe them by it, and `docs/reference/metrics.md` is
//! written from it.

/// A metric with all its series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MetricFamily {
    /// The name that scrapes show.
    pub name: &'static str,
    /// How values behave.
    pub kind: MetricKind,
    /// What values are measured in; `None` for plain numbers.
    pub unit: Option<MetricUnit>,
    /// The names of the labels that each series has, sorted as they are documented.
    pub labels: &'static [&'static str],
    /// The meaning, as one sentence without a full stop.
    pub help: &'static str,
}

/// How the values of a metric behave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricKind {
    /// Values only grow while the process runs.
    Counter,
    /// Values go up and down.
    Gauge,
    /// Values are counted in buckets.
    Histogram,
    /// Values go up and down though the name ends as a counter's: it is another program's name, kept for its dashboards.
    Untyped,
}

/// What the values of a metric are measured in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricUnit {
    /// Bytes.
    Bytes,
    /// Seconds of a duration.
    Seconds,
    /// Seconds since 1970-01-01 00:00 UTC.
    UnixSeconds,
}

impl MetricKind {
    /// The word of Prometheus' text format.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
            Self::Untyped => "untyped",
        }
    }
}

impl MetricUnit {
    /// The unit as a reader sees it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Bytes => "bytes",
            Self::Seconds => "seconds",
            Self::UnixSeconds => "Unix time in seconds",
        }
    }
}

impl MetricFamily {
    /// A number that only grows.
    pub const fn counter(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Self {
        Self { name, kind: MetricKind::Counter, unit: None, labels, help }
    }

    /// A number that goes up and down.
    pub const fn gauge(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Self {
        Self { name, kind: MetricKind::Gauge, unit: None, labels, help }
    }

    /// A number that goes up and down, under another program's name that ends as a counter's.
    pub const fn untyped(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Self {
        Self { name, kind: MetricKind::Untyped, unit: None, labels, help }
    }

    /// Durations, counted in buckets.
    pub const fn durations(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Self {
        Self { name, kind: MetricKind::Histogram, unit: Some(MetricUnit::Seconds), labels, help }
    }

    /// The family with a unit.
    pub const fn in_unit(self, unit: MetricUnit) -> Self {
        Self { unit: Some(unit), ..self }
    }
}
