//! Which keys are there, and what is each for? The help is made of the same table.

/// Key that was pressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::commands::top) enum Key {
    Char(char),
    Control(char),
    Up,
    Down,
    PageUp,
    PageDown,
    Home,
    End,
    Enter,
    Escape,
    Tab,
    BackTab,
    Backspace,
}

/// What a key asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    Down,
    Up,
    PageDown,
    PageUp,
    First,
    Last,
    NextPane,
    PreviousPane,
    Pane(usize),
    Open,
    Back,
    Filter,
    Sort,
    Reverse,
    Kind,
    Copy,
    Help,
    Redraw,
    Suspend,
    End,
}

/// Keys by what they ask for: the keys, their names, and what they do. Without a name they are not in the help.
const BINDINGS: [(&[Key], Wish, &str, &str); 23] = [
    (&[Key::Char('j'), Key::Down], Wish::Down, "j k, Down Up", "a line on, back"),
    (&[Key::Char('k'), Key::Up], Wish::Up, "", ""),
    (
        &[Key::PageDown, Key::Control('f'), Key::Char(' ')],
        Wish::PageDown,
        "PageDown PageUp",
        "a page on, back (Ctrl-F, Ctrl-B)",
    ),
    (&[Key::PageUp, Key::Control('b')], Wish::PageUp, "", ""),
    (&[Key::Char('g'), Key::Home], Wish::First, "g G, Home End", "the first line, the last"),
    (&[Key::Char('G'), Key::End], Wish::Last, "", ""),
    (&[Key::Tab], Wish::NextPane, "Tab, Shift-Tab", "the next pane, the one before; in a detail its lists"),
    (&[Key::BackTab], Wish::PreviousPane, "", ""),
    (&[Key::Char('1')], Wish::Pane(0), "1 2 3 4", "Services, endpoints, connections, events"),
    (&[Key::Char('2')], Wish::Pane(1), "", ""),
    (&[Key::Char('3')], Wish::Pane(2), "", ""),
    (&[Key::Char('4')], Wish::Pane(3), "", ""),
    (&[Key::Enter], Wish::Open, "Enter", "look into the line"),
    (&[Key::Escape], Wish::Back, "Esc", "back; outside of details: drop the filter"),
    (&[Key::Char('/')], Wish::Filter, "/", "filter; Enter sets it, Esc leaves it as it was"),
    (&[Key::Char('s')], Wish::Sort, "s", "sort by something else"),
    (&[Key::Char('S')], Wish::Reverse, "S", "sort the other way round"),
    (&[Key::Char('c')], Wish::Kind, "c", "connections: live, closed, UDP flows"),
    (&[Key::Char('y')], Wish::Copy, "y", "copy the address of the line"),
    (&[Key::Char('?')], Wish::Help, "?", "this help"),
    (&[Key::Control('l')], Wish::Redraw, "Ctrl-L", "draw the screen anew"),
    (&[Key::Control('z')], Wish::Suspend, "Ctrl-Z", "stop; the shell's fg goes on"),
    (&[Key::Char('q'), Key::Control('c')], Wish::End, "q, Ctrl-C", "end"),
];

/// What a key asks for, if anything.
pub(super) fn wish(key: Key) -> Option<Wish> {
    BINDINGS.iter().find(|(keys, ..)| keys.contains(&key)).map(|(_, wish, ..)| *wish)
}

/// Names of keys, and what they do.
pub(in crate::commands::top) fn help() -> impl Iterator<Item = (&'static str, &'static str)> {
    BINDINGS.iter().map(|(_, _, names, what)| (*names, *what)).filter(|(names, _)| !names.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_asks_for_two_things() {
        let keys: Vec<Key> = BINDINGS.iter().flat_map(|(keys, ..)| keys.iter().copied()).collect();
        for (index, key) in keys.iter().enumerate() {
            assert!(!keys[..index].contains(key), "{key:?}");
        }
        assert_eq!((wish(Key::Char('q')), wish(Key::Char('x'))), (Some(Wish::End), None));
    }
}
