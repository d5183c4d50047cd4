//! Is the terminal still there that weir was started in?

use std::io::{self, IsTerminal};

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
