//! How is the terminal taken, and given back as it was, whatever happens meanwhile?

use ratatui::{
    Frame, Terminal,
    backend::CrosstermBackend,
    crossterm::{
        cursor::Show,
        execute,
        terminal::{
            Clear, ClearType, EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
        },
    },
};
use std::{
    io::{self, Stdout, Write},
    panic,
    sync::{
        Once,
        atomic::{AtomicBool, Ordering},
    },
};

/// Whether the terminal of this process is taken.
static IS_TAKEN: AtomicBool = AtomicBool::new(false);

/// Terminal that is taken as long as this lives.
pub(super) struct TerminalGuard(Terminal<CrosstermBackend<Stdout>>);

impl TerminalGuard {
    /// Takes the terminal of this process: its keys come one by one, and what was on the screen is kept for later.
    pub(super) fn take() -> io::Result<Self> {
        static HOOK: Once = Once::new();
        HOOK.call_once(|| {
            let report = panic::take_hook();
            // Any thread: what it says must be seen, and on the screen that stays.
            panic::set_hook(Box::new(move |panicked| {
                give_back();
                report(panicked);
            }));
        });
        let terminal = Terminal::new(CrosstermBackend::new(io::stdout()))?;
        enable_raw_mode()?;
        IS_TAKEN.store(true, Ordering::SeqCst);
        let guard = Self(terminal);
        execute!(io::stdout(), EnterAlternateScreen)?;
        Ok(guard)
    }

    /// Draws a screen; what has not changed is not written.
    pub(super) fn draw(&mut self, screen: impl FnOnce(&mut Frame<'_>)) -> io::Result<()> {
        self.0.draw(screen).map(drop)
    }

    /// Draws the next screen as a whole.
    pub(super) fn redraw(&mut self) -> io::Result<()> {
        // `Terminal::clear` asks the terminal where its cursor is, and would wait for the thread that reads keys.
        execute!(io::stdout(), Clear(ClearType::All))?;
        self.0 = Terminal::new(CrosstermBackend::new(io::stdout()))?;
        Ok(())
    }

    /// Writes what is not a part of the screen.
    pub(super) fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut stdout = io::stdout().lock();
        stdout.write_all(bytes)?;
        stdout.flush()
    }
}

impl Drop for TerminalGuard {
    fn drop(&mut self) {
        give_back();
    }
}

/// Gives the terminal back if it is taken. Once: to leave the alternate screen twice moves the cursor to an old place.
fn give_back() {
    if IS_TAKEN.swap(false, Ordering::SeqCst) {
        // A terminal that has gone needs nothing any more.
        let _ = execute!(io::stdout(), LeaveAlternateScreen, Show);
        let _ = disable_raw_mode();
    }
}

#[cfg(test)]
mod tests;
