//! Which keys does the user press? A thread reads them, since reading a terminal waits.

use super::model::Key;
use anyhow::Context;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use std::{io, thread};
use tokio::sync::mpsc::{Receiver, channel};

/// Keys that wait at most; whoever pastes more waits himself.
const MAX_WAITING: usize = 64;

/// What comes from the terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Input {
    /// Key that was pressed.
    Key(Key),
    /// Another size of the terminal.
    Resized,
}

/// Starts to read. The channel ends when the terminal can no longer be read.
pub(super) fn inputs() -> anyhow::Result<Receiver<io::Result<Input>>> {
    let (sender, receiver) = channel(MAX_WAITING);
    let read = move || {
        loop {
            let input = event::read();
            let is_last = input.is_err();
            let Some(input) = input.map(input_of).transpose() else { continue };
            if sender.blocking_send(input).is_err() || is_last {
                return;
            }
        }
    };
    thread::Builder::new().name("weir-keys".to_owned()).spawn(read).context("cannot start a thread")?;
    Ok(receiver)
}

fn input_of(event: Event) -> Option<Input> {
    match event {
        Event::Key(key) if key.kind != KeyEventKind::Release => key_of(key).map(Input::Key),
        Event::Resize(..) => Some(Input::Resized),
        _ => None,
    }
}

fn key_of(key: KeyEvent) -> Option<Key> {
    Some(match key.code {
        KeyCode::Char(character) if key.modifiers.contains(KeyModifiers::CONTROL) => {
            Key::Control(character.to_ascii_lowercase())
        }
        KeyCode::Char(_) if key.modifiers.contains(KeyModifiers::ALT) => return None,
        KeyCode::Char(character) => Key::Char(character),
        KeyCode::Up => Key::Up,
        KeyCode::Down => Key::Down,
        KeyCode::PageUp => Key::PageUp,
        KeyCode::PageDown => Key::PageDown,
        KeyCode::Home => Key::Home,
        KeyCode::End => Key::End,
        KeyCode::Enter => Key::Enter,
        KeyCode::Esc => Key::Escape,
        KeyCode::Tab => Key::Tab,
        KeyCode::BackTab => Key::BackTab,
        KeyCode::Backspace => Key::Backspace,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_known_by_what_they_are_and_releases_are_none() {
        let key = |code, modifiers| input_of(Event::Key(KeyEvent::new(code, modifiers)));
        let (none, shift) = (KeyModifiers::NONE, KeyModifiers::SHIFT);
        assert_eq!(key(KeyCode::Char('G'), shift), Some(Input::Key(Key::Char('G'))));
        assert_eq!(key(KeyCode::Char('C'), KeyModifiers::CONTROL), Some(Input::Key(Key::Control('c'))));
        assert_eq!(key(KeyCode::BackTab, shift), Some(Input::Key(Key::BackTab)));
        assert_eq!(key(KeyCode::F(1), none), None);
        assert_eq!(input_of(Event::Resize(80, 24)), Some(Input::Resized));
        let mut released = KeyEvent::new(KeyCode::Char('q'), none);
        released.kind = KeyEventKind::Release;
        assert_eq!(input_of(Event::Key(released)), None);
    }
}
