//! How do things look? A sign or a word says everything; colours, of the sixteen that every terminal has, only help.

use crate::output::terminal::Colour;
use ratatui::style::{Color, Modifier, Style};

/// Looks, with colours or without (NO_COLOR).
#[derive(Clone, Copy, Debug)]
pub(in crate::commands::top) struct Looks {
    pub(in crate::commands::top) colours: bool,
}

impl Looks {
    /// Bar across the screen, and what is selected.
    pub(super) fn bar(self) -> Style {
        Style::new().add_modifier(Modifier::REVERSED)
    }

    /// Head of a table.
    pub(super) fn header(self) -> Style {
        Style::new().add_modifier(Modifier::BOLD | Modifier::UNDERLINED)
    }

    /// What is to be seen first.
    pub(super) fn alarm(self) -> Style {
        self.coloured(Colour::Red).add_modifier(Modifier::BOLD)
    }

    /// Looks of a word for a state.
    pub(super) fn state(self, word: &str) -> Style {
        Colour::of_state(word).map_or(Style::new(), |colour| self.coloured(colour))
    }

    /// Text in a colour.
    pub(super) fn coloured(self, colour: Colour) -> Style {
        let colour = match colour {
            Colour::Red => Color::Red,
            Colour::Yellow => Color::Yellow,
            Colour::Green => Color::Green,
        };
        if self.colours { Style::new().fg(colour) } else { Style::new() }
    }
}

/// Word of a state with a sign in front: `!` for what does not work, `~` for what works less well.
pub(super) fn signed(word: &str) -> String {
    let sign = match Colour::of_state(word) {
        Some(Colour::Red) => '!',
        Some(Colour::Yellow) => '~',
        Some(Colour::Green) | None => ' ',
    };
    format!("{sign} {word}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_has_a_sign_whether_or_not_it_has_a_colour() {
        assert_eq!(
            ["ejected", "degraded", "ok", "elsewhere"].map(signed),
            ["! ejected", "~ degraded", "  ok", "  elsewhere"]
        );
        assert_eq!(Looks { colours: false }.state("ejected"), Style::new());
        assert_eq!(Looks { colours: true }.state("ejected").fg, Some(Color::Red));
    }
}
