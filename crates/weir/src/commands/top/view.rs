//! How does everything look? Drawn anew from the model, cell by cell; nothing is kept here.

mod columns;
mod head;
mod help;
mod item;
mod style;
mod table;
mod text;

pub(super) use style::Looks;

use super::model::{List, Model};
use ratatui::{Frame, buffer::Buffer, layout::Rect, style::Style};
use text::{cut, joined, shown, width};

/// Smallest terminal that shows anything, in cells.
const LEAST: (u16, u16) = (40, 12);

/// What the last line says.
const KEYS: [&str; 8] =
    ["? help", "Tab panes", "Enter detail", "Esc back", "/ filter", "s sort", "y copy", "q end"];

/// Draws the screen.
pub(super) fn draw(frame: &mut Frame<'_>, model: &mut Model, looks: Looks) {
    let (area, buffer) = (frame.area(), frame.buffer_mut());
    let (columns, rows) = LEAST;
    if area.width < columns || area.height < rows {
        let text = format!("too small: {}x{}, needs {columns}x{rows}; q ends", area.width, area.height);
        let lines = text::wrapped(&text, usize::from(area.width));
        return write(buffer, area, &lines, Style::new());
    }
    if model.shows_help() {
        write(buffer, area, &[" weir top: keys".to_owned()], Style::new());
        buffer.set_style(Rect { height: 1, ..area }, looks.bar());
        return write(buffer, below(area, 1), &help::lines(), Style::new());
    }
    head::draw(buffer, Rect { height: head::LINES, ..area }, model, looks);
    bar(buffer, line(area, head::LINES), model, looks);
    let body = Rect { height: area.height - head::LINES - 3, ..below(area, head::LINES + 1) };
    match model.pane_mut() {
        Some(list) => table::draw(buffer, body, list, false, true, looks),
        None => detail(buffer, body, model, looks),
    }
    let about = model.list().and_then(|list| Some(columns::about(list.kind, list.selected()?)));
    write(buffer, line(area, area.height - 2), &[format!(" {}", about.unwrap_or_default())], Style::new());
    foot(buffer, line(area, area.height - 1), model, looks);
}

/// Panes, or the items that were looked into; on the right the order, the filter and the place in the list.
fn bar(buffer: &mut Buffer, area: Rect, model: &Model, looks: Looks) {
    let cells = usize::from(area.width);
    let right = model.list().map(state).unwrap_or_default();
    let right = cut(&right, cells / 2);
    let (panes, current) = model.panes();
    let path = model.path();
    let room = cells.saturating_sub(width(&right) + 2);
    let left = match path.is_empty() {
        true => {
            let name = |(index, list): (usize, &List)| match index == current {
                true => format!("[{} {}]", index + 1, list.kind.title()),
                false => format!("{} {}", index + 1, list.kind.title()),
            };
            let names = panes.iter().enumerate().map(name).collect::<Vec<_>>().join("  ");
            let short = panes.get(current).map(|list| format!("[{} {}]", current + 1, list.kind.title()));
            if width(&names) <= room { names } else { short.unwrap_or_default() }
        }
        false => shown(&path.join(" > ")),
    };
    let left = text::fitted(&format!(" {left}"), cells.saturating_sub(width(&right) + 1), false);
    buffer.set_stringn(area.x, area.y, format!("{left}{right} "), cells, looks.bar());
}

/// Order, filter and place of a list.
fn state(list: &List) -> String {
    let filter = Some(list.filter()).filter(|filter| !filter.is_empty());
    let filter = filter.map(|filter| format!("/{}", cut(&shown(filter), 24)));
    let parts = [filter, Some(format!("by {}", list.order())), Some(list.place())];
    parts.into_iter().flatten().collect::<Vec<_>>().join("  ")
}

/// An item that was looked into: what it is, then its lists.
fn detail(buffer: &mut Buffer, area: Rect, model: &mut Model, looks: Looks) {
    let Some(detail) = model.detail_mut() else { return };
    let lines = item::lines(detail, usize::from(area.width));
    if detail.lists.is_empty() {
        detail.scroll = detail.scroll.min(lines.len().saturating_sub(usize::from(area.height)));
        return write(buffer, area, lines.get(detail.scroll..).unwrap_or_default(), Style::new());
    }
    // Half of the screen at most is for the item itself.
    let facts = u16::try_from(lines.len()).unwrap_or(u16::MAX).min(area.height / 2);
    write(buffer, Rect { height: facts, ..area }, &lines, Style::new());
    let mut rest = below(area, facts);
    let (count, focus) = (detail.lists.len(), detail.focus);
    for (index, list) in detail.lists.iter_mut().enumerate() {
        let needed = u16::try_from(list.len().max(1) + 2).unwrap_or(u16::MAX);
        let is_last = index + 1 == count;
        let height = if is_last { rest.height } else { needed.min(rest.height.div_ceil(2)) };
        let focused = index == focus;
        let mark = if focused && count > 1 { ">" } else { " " };
        let title = format!("{mark}{}, by {}, {}", list.kind.title(), list.order(), list.place());
        let style = if focused { looks.bar() } else { Style::new() };
        write(buffer, Rect { height: height.min(1), ..rest }, &[title], style);
        let table = Rect { height: height.saturating_sub(1), ..below(rest, 1) };
        table::draw(buffer, table, list, true, focused, looks);
        rest = below(rest, height);
    }
}

/// Filter that is being typed, else what there is to say, else the keys.
fn foot(buffer: &mut Buffer, area: Rect, model: &Model, looks: Looks) {
    let cells = usize::from(area.width);
    let text = match (model.typed(), model.notice()) {
        (Some(typed), _) => {
            let typed = shown(typed);
            // The end is where the typing goes on.
            let hidden = width(&typed).saturating_sub(cells.saturating_sub(4));
            let start = typed.char_indices().nth(hidden).map_or(typed.len(), |(start, _)| start);
            format!("/{}_", if hidden > 0 { &typed[start..] } else { &*typed })
        }
        (None, Some(notice)) => format!(" {}", shown(notice)),
        (None, None) => format!(" {}", joined(KEYS.map(str::to_owned), cells.saturating_sub(1))),
    };
    write(buffer, area, &[text], Style::new());
    if model.typed().is_some() {
        buffer.set_style(area, looks.bar());
    }
}

/// Writes lines from the top of an area on, each cut to its width.
fn write(buffer: &mut Buffer, area: Rect, lines: &[String], style: Style) {
    let cells = usize::from(area.width);
    for (y, line) in (area.y..area.bottom()).zip(lines) {
        buffer.set_stringn(area.x, y, cut(line, cells), cells, style);
    }
}

/// Part of an area below its first lines.
fn below(area: Rect, lines: u16) -> Rect {
    let lines = lines.min(area.height);
    Rect { y: area.y + lines, height: area.height - lines, ..area }
}

/// Line of an area.
fn line(area: Rect, number: u16) -> Rect {
    Rect { height: 1, ..below(area, number) }
}

#[cfg(test)]
mod tests;
