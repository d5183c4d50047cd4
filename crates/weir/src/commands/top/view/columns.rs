//! Which columns has a list?

mod column;
mod connections;
mod endpoints;
mod events;
mod services;

pub(super) use column::{Column, Line, bytes_rate, rate};
pub(super) use endpoints::odds;

use super::text;
use crate::{commands::top::model::Kind, output::part::Part};
use column::SERVICE;

/// Columns of a list; within an item those are left out that are the same in each line.
pub(super) fn columns(kind: Kind, within_item: bool) -> impl Iterator<Item = &'static Column> {
    let all: &'static [Column] = match kind {
        Kind::Services => &services::COLUMNS,
        Kind::Endpoints => &endpoints::COLUMNS,
        Kind::Live => &connections::LIVE,
        Kind::Closed => &connections::CLOSED,
        Kind::Flows => &connections::FLOWS,
        Kind::Events => &events::COLUMNS,
    };
    all.iter().filter(move |column| !(within_item && column.name == SERVICE))
}

/// More about a line than its columns have room for.
pub(super) fn about(kind: Kind, item: Part<'_>) -> String {
    match kind {
        Kind::Services => services::about(item),
        Kind::Endpoints => endpoints::about(item),
        Kind::Live | Kind::Closed | Kind::Flows => connections::about(item),
        Kind::Events => text::shown(item.text_or_dash("message")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
