//! How is a sample written in Prometheus' text format?

use metrics_exporter_prometheus::formatting::{write_help_line, write_type_line};
use std::fmt::{Display, Write};
use weir_core::MetricFamily;
use weir_proxy::HistogramReading;

/// Bytes after which text is passed on.
const CHUNK: usize = 64 * 1024;

/// Text of a scrape, family after family, passed on in chunks: whoever compresses it never has all of it. Writing to it cannot
/// fail.
pub(super) struct Text<'a> {
    chunk: String,
    pass_on: &'a mut dyn FnMut(&str),
}

/// Writes the series of one family; the head is written with the first.
pub(super) struct FamilyText<'a, 'b> {
    text: &'a mut Text<'b>,
    family: &'a MetricFamily,
    has_head: bool,
}

impl<'b> Text<'b> {
    /// Begins a text whose chunks go to `pass_on`.
    pub(super) fn new(pass_on: &'b mut dyn FnMut(&str)) -> Self {
        Self { chunk: String::with_capacity(CHUNK + 4096), pass_on }
    }

    /// Begins a family.
    pub(super) fn family<'a>(&'a mut self, family: &'a MetricFamily) -> FamilyText<'a, 'b> {
        FamilyText { text: self, family, has_head: false }
    }

    fn pass_on_if_long(&mut self) {
        if self.chunk.len() >= CHUNK {
            (self.pass_on)(&self.chunk);
            self.chunk.clear();
        }
    }
}

impl Drop for Text<'_> {
    fn drop(&mut self) {
        (self.pass_on)(&self.chunk);
    }
}

impl FamilyText<'_, '_> {
    /// Writes the value of a series; `labels` are without braces, and may be empty.
    pub(super) fn value(&mut self, labels: &str, value: impl Display) {
        self.head();
        let _ = match labels {
            "" => writeln!(self.text.chunk, "{} {value}", self.family.name),
            labels => writeln!(self.text.chunk, "{}{{{labels}}} {value}", self.family.name),
        };
        self.text.pass_on_if_long();
    }

    /// Writes the value of a series with one label more.
    pub(super) fn value_with(&mut self, labels: &str, (label, of): (&str, &str), value: impl Display) {
        self.head();
        let _ = writeln!(self.text.chunk, "{}{{{labels},{label}=\"{of}\"}} {value}", self.family.name);
        self.text.pass_on_if_long();
    }

    /// Writes the series of a histogram.
    pub(super) fn durations(&mut self, labels: &str, reading: &HistogramReading) {
        self.head();
        let name = self.family.name;
        for (bound, count) in reading.cumulative() {
            let _ = match bound {
                Some(bound) => {
                    let bound = bound.as_secs_f64();
                    writeln!(self.text.chunk, "{name}_bucket{{{labels},le=\"{bound}\"}} {count}")
                }
                None => writeln!(self.text.chunk, "{name}_bucket{{{labels},le=\"+Inf\"}} {count}"),
            };
        }
        let (sum, count) = (reading.sum().as_secs_f64(), reading.count());
        let _ = writeln!(self.text.chunk, "{name}_sum{{{labels}}} {sum}\n{name}_count{{{labels}}} {count}");
        self.text.pass_on_if_long();
    }

    fn head(&mut self) {
        if !self.has_head {
            self.has_head = true;
            write_help_line(&mut self.text.chunk, self.family.name, None, None, self.family.help);
            write_type_line(&mut self.text.chunk, self.family.name, None, None, self.family.kind.as_str());
        }
    }
}
