//! How does a text of unknown origin fit into some cells of a screen?

use ratatui::text::Span;
use weir_core::Printable;

/// Longest text that is shown, in characters: wider than any screen.
const MAX_CHARS: usize = 2000;

/// Sign that a text goes on.
const MORE: &str = "~";

/// Text in which nothing steers a terminal.
pub(super) fn shown(text: &str) -> String {
    let end = text.char_indices().nth(MAX_CHARS).map_or(text.len(), |(end, _)| end);
    Printable(text.get(..end).unwrap_or_default()).to_string()
}

/// Width of a text, in cells.
pub(super) fn width(text: &str) -> usize {
    Span::raw(text).width()
}

/// Text of exactly so many cells, cut or filled with blanks in front or behind.
pub(super) fn fitted(text: &str, cells: usize, right: bool) -> String {
    let text = cut(text, cells);
    let blanks = " ".repeat(cells.saturating_sub(width(&text)));
    if right { blanks + &text } else { text + &blanks }
}

/// Text of at most so many cells, with a sign if something is left out.
pub(super) fn cut(text: &str, cells: usize) -> String {
    if width(text) <= cells {
        return text.to_owned();
    }
    let Some(room) = cells.checked_sub(MORE.len()) else { return String::new() };
    format!("{}{MORE}", &text[..prefix(text, room)])
}

/// Lines of at most so many cells, broken at blanks where there are some.
pub(super) fn wrapped(text: &str, cells: usize) -> Vec<String> {
    let (mut lines, mut rest) = (Vec::new(), text);
    while width(rest) > cells && cells > 1 {
        let end = prefix(rest, cells);
        let blank = rest[..end].rfind(' ').filter(|blank| *blank > 0);
        let (line, next) = rest.split_at(blank.unwrap_or(end));
        lines.push(line.to_owned());
        rest = next.trim_start();
    }
    lines.push(rest.to_owned());
    lines
}

/// Pieces in order, as many as fit into one line, with two blanks between them.
pub(super) fn joined(pieces: impl IntoIterator<Item = String>, cells: usize) -> String {
    pieces.into_iter().fold(String::new(), |line, piece| {
        let longer = if line.is_empty() { piece } else { format!("{line}  {piece}") };
        if line.is_empty() || width(&longer) <= cells { longer } else { line }
    })
}

/// Length in bytes of the longest beginning that has at most so many cells; characters that belong together count singly,
/// which is no less than they have.
fn prefix(text: &str, cells: usize) -> usize {
    let mut used = 0;
    for (index, character) in text.char_indices() {
        used += width(character.encode_utf8(&mut [0; 4]));
        if used > cells {
            return index;
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wide_characters_take_two_cells_and_none_is_halved() {
        assert_eq!(fitted("日本語", 4, false), "日~ ");
        assert_eq!(fitted("日本語", 7, true), " 日本語");
        assert_eq!(
            (cut("abcdef", 3), cut("abc", 3), cut("abc", 0)),
            ("ab~".into(), "abc".into(), String::new())
        );
    }

    #[test]
    fn what_steers_a_terminal_is_shown_as_an_escape_and_an_endless_text_has_an_end() {
        assert_eq!(shown("a\u{1b}[2J\u{202e}\n"), r"a\u{1b}[2J\u{202e}\n");
        assert_eq!(shown(&"é".repeat(1_000_000)).chars().count(), MAX_CHARS);
    }

    #[test]
    fn lines_break_at_blanks_where_there_are_some() {
        assert_eq!(wrapped("one two three", 8), ["one two", "three"]);
        assert_eq!(wrapped("abcdefgh", 3), ["abc", "def", "gh"]);
        assert_eq!(wrapped("日本", 1), ["日本"], "no place at all");
        assert_eq!(joined(["a".into(), "bcdef".into(), "g".into()], 4), "a  g");
    }
}
