//! How is a text of unknown origin shown, so that it stays one line and moves no cursor?

use std::fmt::{self, Display, Write};

/// A text of unknown origin, such as a name in a manifest, for logs, tables and terminals: what would begin a line, steer a
/// terminal or turn the direction of writing is shown as an escape (`\n`, `\u{1b}`), so that nothing can be forged.
#[derive(Clone, Copy, Debug)]
pub struct Printable<T>(pub T);

/// Whether a character shows nothing of itself but changes how others are shown.
pub fn is_unprintable(character: char) -> bool {
    // Separators of lines, marks of direction and of no width (Unicode, UAX 9 and UAX 14), also used by "Trojan Source".
    character.is_control()
        || matches!(character, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

impl<T: Display> Display for Printable<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(Escaping(f), "{}", self.0)
    }
}

struct Escaping<'a, 'b>(&'a mut fmt::Formatter<'b>);

impl Write for Escaping<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for part in text.split_inclusive(is_unprintable) {
            match part.char_indices().next_back() {
                Some((start, last)) if is_unprintable(last) => {
                    self.0.write_str(&part[..start])?;
                    write!(self.0, "{}", last.escape_default())?;
                }
                _ => self.0.write_str(part)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_begins_a_line_or_steers_a_terminal_is_shown_as_an_escape_and_all_else_as_it_is() {
        let forged = "web\n2026 WARN all is lost\r\t\u{1b}[2J\u{9b}31m\u{2028}\u{202e}\u{0}";
        let shown = r"web\n2026 WARN all is lost\r\t\u{1b}[2J\u{9b}31m\u{2028}\u{202e}\u{0}";
        assert_eq!(Printable(forged).to_string(), shown);
        for plain in ["", "default/web", "Zürich \u{1f980} \"a\" C:\\x"] {
            assert_eq!(Printable(plain).to_string(), plain);
        }
    }
}
