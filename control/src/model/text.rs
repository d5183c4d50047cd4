//! How is a text shown that an object, a file or a server has chosen? Short, on one line, without control characters.

use std::fmt::{self, Display, Write};

/// Characters that are shown of one text of an object, such as a value or the path of a field.
pub(crate) const MAX_TEXT_CHARS: usize = 128;

/// Characters of a whole message: some words of weir, and a few texts of an object.
pub(crate) const MAX_MESSAGE_CHARS: usize = 400;

/// A text for a line of the log: at most `max` characters and `…`, everything that does not print escaped. Formatting
/// stops at the limit, so that a huge text costs no more than a short one.
pub(crate) fn shown(text: impl Display, max: usize) -> String {
    let mut line = Line { text: String::new(), left: max };
    // The only error is that the line is full.
    _ = write!(line, "{text}");
    line.text
}

/// Up to 128 characters of a text of an object, in quotes.
pub(crate) fn quoted(text: &str) -> String {
    format!("\"{}\"", shown(text, MAX_TEXT_CHARS))
}

/// Line that is being written.
struct Line {
    text: String,
    /// Characters that may still follow.
    left: usize,
}

impl Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for char in text.chars() {
            let escaped = char.escape_debug();
            // Quotes and backslashes print, and stay as they are.
            let is_plain = matches!(char, '"' | '\'' | '\\') || escaped.len() == 1;
            let width = if is_plain { 1 } else { escaped.len() };
            let Some(left) = self.left.checked_sub(width) else {
                self.left = 0;
                self.text.push('…');
                return Err(fmt::Error);
            };
            self.left = left;
            match is_plain {
                true => self.text.push(char),
                false => self.text.extend(escaped),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_text_is_shown_as_it_is() {
        for text in ["", "spec.ports[0].name", "\"a\\b\" is 'no' naïve name", "größer"] {
            assert_eq!(shown(text, 128), text);
        }
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        assert_eq!(shown("ééé", 3), "ééé");
        assert_eq!(shown("éééé", 3), "ééé…");
        assert_eq!(shown("x".repeat(1 << 20), 128).chars().count(), 129);
        assert!(shown("\u{202e}".repeat(1 << 20), 128).len() < 140, "what is escaped counts as it is shown");
    }

    #[test]
    fn a_text_cannot_begin_a_line_or_turn_around_what_follows() {
        let text = shown("a\n2026 ERROR forged\r\u{1b}[31m\u{202e}\u{85}\u{2028}\0", 128);
        assert_eq!(text, "a\\n2026 ERROR forged\\r\\u{1b}[31m\\u{202e}\\u{85}\\u{2028}\\0");
    }
}
