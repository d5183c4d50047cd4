//! How is a sample written in Prometheus' text format?

use metrics_exporter_prometheus::formatting::{write_help_line, write_type_line};
use std::fmt::{Display, Write};
use weir_core::MetricFamily;
use weir_proxy::HistogramReading;

/// Text of a scrape, family after family. Writing to it cannot fail.
#[derive(Default)]
pub(super) struct Text(String);

/// Writes the series of one family; the head is written with the first.
pub(super) struct FamilyText<'a> {
    text: &'a mut String,
    family: &'a MetricFamily,
    has_head: bool,
}

impl Text {
    /// Begins a family.
    pub(super) fn family<'a>(&'a mut self, family: &'a MetricFamily) -> FamilyText<'a> {
        FamilyText { text: &mut self.0, family, has_head: false }
    }

    /// The text.
    pub(super) fn finish(self) -> String {
        self.0
    }
}

impl FamilyText<'_> {
    /// Writes the value of a series; `labels` are without braces, and may be empty.
    pub(super) fn value(&mut self, labels: &str, value: impl Display) {
        self.head();
        let _ = match labels {
            "" => writeln!(self.text, "{} {value}", self.family.name),
            labels => writeln!(self.text, "{}{{{labels}}} {value}", self.family.name),
        };
    }

    /// Writes the value of a series with one label more.
    pub(super) fn value_with(&mut self, labels: &str, (label, of): (&str, &str), value: impl Display) {
        self.head();
        let _ = writeln!(self.text, "{}{{{labels},{label}=\"{of}\"}} {value}", self.family.name);
    }

    /// Writes the series of a histogram.
    pub(super) fn durations(&mut self, labels: &str, reading: &HistogramReading) {
        self.head();
        let name = self.family.name;
        for (bound, count) in reading.cumulative() {
            let _ = match bound {
                Some(bound) => {
                    let bound = bound.as_secs_f64();
                    writeln!(self.text, "{name}_bucket{{{labels},le=\"{bound}\"}} {count}")
                }
                None => writeln!(self.text, "{name}_bucket{{{labels},le=\"+Inf\"}} {count}"),
            };
        }
        let (sum, count) = (reading.sum().as_secs_f64(), reading.count());
        let _ = writeln!(self.text, "{name}_sum{{{labels}}} {sum}\n{name}_count{{{labels}}} {count}");
    }

    fn head(&mut self) {
        if !self.has_head {
            self.has_head = true;
            write_help_line(self.text, self.family.name, None, None, self.family.help);
            write_type_line(self.text, self.family.name, None, None, self.family.kind.as_str());
        }
    }
}
