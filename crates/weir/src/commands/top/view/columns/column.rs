//! What is a column of a list, and how are numbers of its cells written?

use crate::{
    commands::top::{model::List, view::text},
    output::{part::Part, quantity::size},
};

/// Name of the column that is left out within a Service.
pub(super) const SERVICE: &str = "SERVICE";

/// Column of a list.
pub(in crate::commands::top::view) struct Column {
    /// Name in the head.
    pub(in crate::commands::top::view) name: &'static str,
    /// Whether it is a column of numbers.
    pub(in crate::commands::top::view) right: bool,
    /// Width that is kept where there is little room, in cells.
    pub(in crate::commands::top::view) least: usize,
    /// Width of the screen from which on the column is shown, in cells.
    pub(in crate::commands::top::view) from: u16,
    /// Text of a line.
    pub(in crate::commands::top::view) cell: fn(&Line<'_>) -> String,
}

/// Line of a list.
pub(in crate::commands::top::view) struct Line<'a> {
    pub(in crate::commands::top::view) list: &'a List,
    pub(in crate::commands::top::view) item: Part<'a>,
}

impl Line<'_> {
    pub(super) fn text(&self, path: &str) -> String {
        text::shown(self.item.text_or_dash(path))
    }

    pub(super) fn count(&self, path: &str) -> String {
        self.item.count_or_dash(path)
    }

    pub(super) fn size(&self, path: &str) -> String {
        size(self.item.count(path))
    }

    pub(super) fn rate(&self, counter: usize) -> String {
        rate(self.list.rate(self.item, counter))
    }

    pub(super) fn bytes_rate(&self, counter: usize) -> String {
        bytes_rate(self.list.rate(self.item, counter))
    }
}

/// Column of texts.
pub(super) const fn words(
    name: &'static str,
    least: usize,
    from: u16,
    cell: fn(&Line<'_>) -> String,
) -> Column {
    Column { name, right: false, least, from, cell }
}

/// Column of numbers.
pub(super) const fn numbers(
    name: &'static str,
    least: usize,
    from: u16,
    cell: fn(&Line<'_>) -> String,
) -> Column {
    Column { name, right: true, least, from, cell }
}

/// Events a second, as in `0.2`, `17`, `12k`; a dash for what is not known yet.
pub(in crate::commands::top::view) fn rate(rate: Option<f64>) -> String {
    match rate {
        None => "-".to_owned(),
        Some(rate) if rate >= 10_000.0 => format!("{:.0}k", rate / 1000.0),
        Some(rate) if rate >= 10.0 => format!("{rate:.0}"),
        Some(rate) if rate > 0.0 => format!("{rate:.1}"),
        Some(_) => "0".to_owned(),
    }
}

/// Bytes a second.
pub(in crate::commands::top::view) fn bytes_rate(rate: Option<f64>) -> String {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "rates are not negative, and `as` saturates"
    )]
    rate.map_or_else(|| "-".to_owned(), |rate| size(Some(rate as u64)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_have_few_digits() {
        let shown = [None, Some(0.0), Some(0.25), Some(9.96), Some(123.4), Some(98_765.0)].map(rate);
        assert_eq!(shown, ["-", "0", "0.2", "10.0", "123", "99k"]);
        assert_eq!([None, Some(1536.0)].map(bytes_rate), ["-", "1.5KiB"]);
    }
}
