//! How does a list look on so many cells? A head, and as many lines as there is room for.

use super::{
    columns::{Column, Line, columns},
    style::Looks,
    text::{fitted, width},
};
use crate::commands::top::model::List;
use ratatui::{
    buffer::Buffer,
    layout::Rect,
    style::{Modifier, Style},
    text::Span,
};

/// Cells in front of a line, for the sign of the one that is selected.
const MARK: usize = 1;

/// Lines above and below the screen by which columns are as wide as they are.
const NEAR: usize = 50;

/// Width of a screen from which on columns stand two cells apart, else one.
const ROOMY: u16 = 100;

/// Draws a list. The line of the cursor is marked if keys move in this list.
pub(super) fn draw(
    buffer: &mut Buffer,
    area: Rect,
    list: &mut List,
    within_item: bool,
    focused: bool,
    looks: Looks,
) {
    let Some(height) = usize::from(area.height).checked_sub(1) else { return };
    let window = list.window(height);
    let (list, gap) = (&*list, if area.width < ROOMY { 1 } else { 2 });
    let shown: Vec<&Column> =
        columns(list.kind, within_item).filter(|column| column.from <= area.width).collect();
    // Widths that hang on a few more lines than are seen change little from move to move, and a long page costs no more.
    let near = window.start.saturating_sub(NEAR);
    let lines: Vec<Vec<String>> = list
        .items()
        .skip(near)
        .take(window.end + NEAR - near)
        .map(|item| shown.iter().map(|column| (column.cell)(&Line { list, item })).collect())
        .collect();
    let widths = widths(&shown, &lines, usize::from(area.width).saturating_sub(MARK), gap);
    let names: Vec<String> = shown.iter().map(|column| column.name.to_owned()).collect();
    let row = |cells: &[String], style: &dyn Fn(&str, &str) -> Style| -> Vec<Span<'static>> {
        let columns = cells.iter().zip(&shown).zip(&widths);
        let spans = columns.flat_map(|((cell, column), width)| {
            let text = fitted(cell, *width, column.right);
            [Span::styled(text, style(column.name, cell)), Span::raw(" ".repeat(gap))]
        });
        spans.collect()
    };
    let header = [Span::raw(" ")].into_iter().chain(row(&names, &|_, _| looks.header()));
    buffer.set_line(area.x, area.y, &header.collect::<Vec<_>>().into(), area.width);
    for (y, index) in (area.y + 1..area.bottom()).zip(window) {
        let Some(cells) = lines.get(index - near) else { break };
        let is_selected = focused && index == list.cursor();
        let style = |name: &str, cell: &str| match name {
            "STATE" | "SEVERITY" if !is_selected => looks.state(cell.trim_start_matches(['!', '~', ' '])),
            _ => Style::new(),
        };
        let mark = Span::raw(if is_selected { ">" } else { " " });
        let spans: Vec<Span<'_>> = [mark].into_iter().chain(row(cells, &style)).collect();
        buffer.set_line(area.x, y, &spans.into(), area.width);
        if is_selected {
            let line = Rect { y, height: 1, ..area };
            buffer.set_style(line, Style::new().add_modifier(Modifier::REVERSED));
        }
    }
    if let Some(why) = nothing(list)
        && area.height > 1
    {
        buffer.set_stringn(
            area.x + 2,
            area.y + 1,
            why,
            usize::from(area.width).saturating_sub(2),
            Style::new(),
        );
    }
}

/// Why a list has no lines; `None` if it has some.
fn nothing(list: &List) -> Option<String> {
    if let Some(why) = list.refusal() {
        return Some(super::text::shown(why));
    }
    let why = match (list.is_known(), list.filter().is_empty()) {
        (false, _) => "asking ...",
        (true, true) => "none",
        (true, false) => "none that the filter lets through; Esc drops it",
    };
    (list.len() == 0).then(|| why.to_owned())
}

/// Widths of columns: as wide as their widest cell, and where there is less room the widest ones are cut first; columns at the
/// end go without if even that is too much.
fn widths(columns: &[&Column], lines: &[Vec<String>], room: usize, gap: usize) -> Vec<usize> {
    let widest = |index: usize, column: &Column| {
        let cells = lines.iter().filter_map(|line| line.get(index)).map(|cell| width(cell)).max();
        cells.unwrap_or(0).max(column.name.len())
    };
    let mut widths: Vec<usize> =
        columns.iter().enumerate().map(|(index, column)| widest(index, column)).collect();
    let used = |widths: &[usize]| widths.iter().sum::<usize>() + gap * widths.len().saturating_sub(1);
    while used(&widths) > room && !widths.is_empty() {
        let surplus = used(&widths) - room;
        let spare = |(index, width): (usize, &usize)| {
            let least = columns.get(index).map_or(0, |column| column.least.max(column.name.len()));
            (width.saturating_sub(least), *width, index)
        };
        let (spare, wide, index) = widths
            .iter()
            .enumerate()
            .map(spare)
            .max_by_key(|(spare, wide, _)| (*spare > 0, *wide))
            .unwrap_or_default();
        match widths.get_mut(index) {
            // A cell at a time once the widest are alike would be fairer still; an eighth of what is too much is fair enough.
            Some(width) if spare > 0 => *width = wide - spare.min(surplus.div_ceil(8)),
            _ => drop(widths.pop()),
        }
    }
    widths
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(name: &'static str, least: usize) -> Column {
        Column { name, right: false, least, from: 0, cell: |_| String::new() }
    }

    #[test]
    fn where_there_is_little_room_the_widest_column_is_cut_first_and_none_below_its_least() {
        let columns = [column("A", 3), column("B", 3)];
        let columns: Vec<&Column> = columns.iter().collect();
        let lines = vec![vec!["x".repeat(5), "y".repeat(20)]];
        assert_eq!(widths(&columns, &lines, 30, 1), [5, 20]);
        assert_eq!(widths(&columns, &lines, 16, 1), [5, 10]);
        assert_eq!(widths(&columns, &lines, 7, 1), [3, 3]);
        assert_eq!(widths(&columns, &lines, 4, 1), [3], "the last one goes without");
    }
}
