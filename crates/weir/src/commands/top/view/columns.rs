//! Which columns has a list?

mod connections;
mod endpoints;
mod events;
mod services;

pub(super) use endpoints::odds;

use super::text;
use crate::{
    commands::top::model::{Kind, List},
    output::{part::Part, quantity::size},
};

/// Column of a list.
pub(super) struct Column {
    /// Name in the head.
    pub(super) name: &'static str,
    /// Whether it is a column of numbers.
    pub(super) right: bool,
    /// Width that is kept where there is little room, in cells.
    pub(super) least: usize,
    /// Width of the screen from which on the column is shown, in cells.
    pub(super) from: u16,
    /// Text of a line.
    pub(super) cell: fn(&Line<'_>) -> String,
}

/// Line of a list.
pub(super) struct Line<'a> {
    pub(super) list: &'a List,
    pub(super) item: Part<'a>,
}

impl Line<'_> {
    fn text(&self, path: &str) -> String {
        text::shown(self.item.text_or_dash(path))
    }

    fn count(&self, path: &str) -> String {
        self.item.count_or_dash(path)
    }

    fn size(&self, path: &str) -> String {
        size(self.item.count(path))
    }

    fn rate(&self, counter: usize) -> String {
        rate(self.list.rate(self.item, counter))
    }

    fn bytes_rate(&self, counter: usize) -> String {
        bytes_rate(self.list.rate(self.item, counter))
    }
}

/// Column of texts.
const fn words(name: &'static str, least: usize, from: u16, cell: fn(&Line<'_>) -> String) -> Column {
    Column { name, right: false, least, from, cell }
}

/// Column of numbers.
const fn numbers(name: &'static str, least: usize, from: u16, cell: fn(&Line<'_>) -> String) -> Column {
    Column { name, right: true, least, from, cell }
}

/// Columns of a list; within an item those are left out that are the same in each line.
pub(super) fn columns(kind: Kind, within_item: bool) -> impl Iterator<Item = &'static Column> {
    let all: &[Column] = match kind {
        Kind::Services => &services::COLUMNS,
        Kind::Endpoints => &endpoints::COLUMNS,
        Kind::Live => &connections::LIVE,
        Kind::Closed => &connections::CLOSED,
        Kind::Flows => &connections::FLOWS,
        Kind::Events => &events::COLUMNS,
    };
    all.iter().filter(move |column| !(within_item && column.name == SERVICE))
}

/// Name of the column that is left out within a Service.
const SERVICE: &str = "SERVICE";

/// More about a line than its columns have room for.
pub(super) fn about(kind: Kind, item: Part<'_>) -> String {
    match kind {
        Kind::Services => services::about(item),
        Kind::Endpoints => endpoints::about(item),
        Kind::Live | Kind::Closed | Kind::Flows => connections::about(item),
        Kind::Events => text::shown(item.text_or_dash("message")),
    }
}

/// Events a second, as in `0.2`, `17`, `12k`; a dash for what is not known yet.
pub(super) fn rate(rate: Option<f64>) -> String {
    match rate {
        None => "-".to_owned(),
        Some(rate) if rate >= 10_000.0 => format!("{:.0}k", rate / 1000.0),
        Some(rate) if rate >= 10.0 => format!("{rate:.0}"),
        Some(rate) if rate > 0.0 => format!("{rate:.1}"),
        Some(_) => "0".to_owned(),
    }
}

/// Bytes a second.
pub(super) fn bytes_rate(rate: Option<f64>) -> String {
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

    #[test]
    fn the_columns_of_every_list_fit_into_eighty_cells() {
        for kind in [Kind::Services, Kind::Endpoints, Kind::Live, Kind::Closed, Kind::Flows, Kind::Events] {
            let shown = columns(kind, false).filter(|column| column.from <= 80);
            let least: usize = shown.map(|column| column.least.max(column.name.len()) + 1).sum();
            assert!(least < 80, "{kind:?}: {least}");
            let narrow = columns(kind, false).filter(|column| column.from <= 40);
            let least: usize = narrow.map(|column| column.least.max(column.name.len()) + 1).sum();
            assert!(least <= 40, "{kind:?}: {least}");
        }
    }
}
