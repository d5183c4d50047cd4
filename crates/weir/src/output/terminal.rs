//! Is the terminal still there that weir was started in, and what may be written to it?

use std::{
    env,
    ffi::OsStr,
    io::{self, IsTerminal},
};

/// Which of standard input, output and error were terminals when weir was started.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terminal([bool; 3]);

impl Terminal {
    /// Looks at the standard streams of this process.
    pub(crate) fn of_process() -> Self {
        Self([io::stdin().is_terminal(), io::stdout().is_terminal(), io::stderr().is_terminal()])
    }

    /// Whether there was a terminal and it is gone: what is asked of a terminal that hung up fails (tty_ioctl(4)).
    pub(crate) fn is_closed(self) -> bool {
        let Self(now) = Self::of_process();
        self.0.into_iter().zip(now).any(|(was, is)| was && !is)
    }
}

/// Whether text for this stream has colours: on terminals whose user did not refuse them (no-color.org: any non-empty value).
pub(crate) fn has_colours(stream: &impl IsTerminal) -> bool {
    coloured(env::var_os("NO_COLOR").as_deref(), stream.is_terminal())
}

fn coloured(no_color: Option<&OsStr>, terminal: bool) -> bool {
    terminal && no_color.is_none_or(OsStr::is_empty)
}

/// Colour of a word (ECMA-48, SGR). No colour is the only sign of anything: the word says it, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Colour {
    /// Something does not work.
    Red,
    /// Something works less well.
    Yellow,
    /// All is well.
    Green,
}

impl Colour {
    /// Text in this colour.
    pub(crate) fn paint(self, text: &str) -> String {
        let code = match self {
            Self::Red => 31,
            Self::Green => 32,
            Self::Yellow => 33,
        };
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    }

    /// Colour of a word for a state of the admin API.
    pub(crate) fn of_state(word: &str) -> Option<Self> {
        match word {
            "ok" | "ready" | "listening" | "open" | "ACCEPT" => Some(Self::Green),
            "failing" | "no-endpoints" | "not-bound" | "failed" | "ejected" | "down" | "loop" | "error"
            | "REJECT" | "DROP" => Some(Self::Red),
            "degraded" | "full" | "draining" | "warning" | "unsupported" => Some(Self::Yellow),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_terminal_gets_colours_and_only_without_no_color() {
        assert!(coloured(None, true));
        assert!(coloured(Some(OsStr::new("")), true));
        assert!(!coloured(Some(OsStr::new("1")), true));
        assert!(!coloured(None, false));
    }
}
