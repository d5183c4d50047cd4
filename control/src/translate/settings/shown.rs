//! How does the reference show values and defaults? As Markdown.

use std::{fmt::Display, ops::RangeInclusive, time::Duration};

pub(super) fn code(value: impl Display) -> String {
    format!("`{value}`")
}

pub(super) fn time(time: Duration) -> String {
    code(humantime::format_duration(time))
}

pub(super) fn times(range: RangeInclusive<Duration>) -> String {
    format!("{} to {}", time(*range.start()), time(*range.end()))
}

pub(super) fn numbers(range: RangeInclusive<u32>) -> String {
    match *range.end() {
        u32::MAX => format!("a whole number from {}", code(range.start())),
        end => format!("{} to {}", code(range.start()), code(end)),
    }
}

pub(super) fn words<T: Display>(words: &[T]) -> String {
    words.iter().map(code).collect::<Vec<_>>().join(", ")
}

/// The word for a value.
pub(super) fn word<T: PartialEq>(words: &[(&str, T)], value: T) -> String {
    words.iter().find(|(_, of)| *of == value).map(|(word, _)| code(word)).unwrap_or_default()
}

pub(super) fn or(value: Option<String>, otherwise: &str) -> String {
    value.unwrap_or_else(|| otherwise.to_owned())
}
