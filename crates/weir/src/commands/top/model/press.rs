//! What does a key change?

use super::{
    Detail, Effect, Key, Model,
    key::{Wish, wish},
    kind::Kind,
};

/// Longest filter, in characters.
const MAX_FILTER: usize = 200;

impl Model {
    /// Takes a key.
    pub(in crate::commands::top) fn press(&mut self, key: Key) -> Effect {
        if self.typed.is_some() {
            return self.type_filter(key);
        }
        self.notice = None;
        let wish = wish(key);
        if self.shows_help && !matches!(wish, Some(Wish::End | Wish::Redraw | Wish::Suspend)) {
            // Whatever else is pressed closes the help.
            self.shows_help = false;
            return Effect::Nothing;
        }
        wish.map_or(Effect::Nothing, |wish| self.fulfil(wish))
    }

    fn fulfil(&mut self, wish: Wish) -> Effect {
        match wish {
            Wish::Down | Wish::Up | Wish::PageDown | Wish::PageUp | Wish::First | Wish::Last => {
                return asking(self.walk(wish));
            }
            Wish::NextPane => self.turn(1),
            Wish::PreviousPane => self.turn(-1),
            Wish::Pane(pane) => {
                self.details.clear();
                self.pane = pane.min(self.panes.len() - 1);
            }
            Wish::Open => return asking(self.open()),
            Wish::Back => return asking(self.back()),
            Wish::Filter => {
                self.typed = self.list().map(|list| list.filter().to_owned());
                return Effect::Nothing;
            }
            Wish::Sort => {
                let Some(list) = self.list_mut() else { return Effect::Nothing };
                list.sort_on();
            }
            Wish::Reverse => {
                if self.list_mut().is_some_and(|list| !list.reverse()) {
                    self.notify("UDP flows have one order".to_owned());
                }
            }
            Wish::Kind => {
                let Some(list) = self.list_mut() else { return Effect::Nothing };
                let kind = match list.kind {
                    Kind::Live => Kind::Closed,
                    Kind::Closed => Kind::Flows,
                    Kind::Flows => Kind::Live,
                    Kind::Services | Kind::Endpoints | Kind::Events => return Effect::Nothing,
                };
                list.set_kind(kind);
            }
            Wish::Copy => return self.copy(),
            Wish::Help => {
                self.shows_help = true;
                return Effect::Nothing;
            }
            Wish::Redraw => return Effect::Redraw,
            Wish::Suspend => return Effect::Suspend,
            Wish::End => return Effect::End,
        }
        Effect::Ask
    }

    /// Moves within a list, or within the text of an item without lists.
    fn walk(&mut self, wish: Wish) -> bool {
        let Some(list) = self.list_mut() else {
            if let Some(detail) = self.details.last_mut() {
                detail.scroll = match wish {
                    Wish::Down => detail.scroll.saturating_add(1),
                    Wish::PageDown => detail.scroll.saturating_add(10),
                    Wish::Up => detail.scroll.saturating_sub(1),
                    Wish::PageUp => detail.scroll.saturating_sub(10),
                    // Drawing brings it back to the last line that there is.
                    Wish::Last => usize::MAX,
                    _ => 0,
                };
            }
            return false;
        };
        match wish {
            Wish::Down => list.step(1),
            Wish::Up => list.step(-1),
            Wish::PageDown => list.page(1),
            Wish::PageUp => list.page(-1),
            Wish::Last => list.go_last(),
            _ => list.go_first(),
        }
    }

    /// Goes to another pane, or to another list of the item that is looked into.
    fn turn(&mut self, by: isize) {
        let (count, place) = match self.details.last_mut() {
            Some(detail) => (detail.lists.len(), &mut detail.focus),
            None => (self.panes.len(), &mut self.pane),
        };
        if count > 0 {
            *place = (*place + count).saturating_add_signed(by) % count;
        }
    }

    fn open(&mut self) -> bool {
        let Some(list) = self.list() else { return false };
        let Some(item) = list.selected() else { return false };
        let detail = Detail::new(list.kind, item);
        self.details.push(detail);
        true
    }

    fn back(&mut self) -> bool {
        if self.details.pop().is_some() {
            return true;
        }
        let Some(list) = self.list_mut().filter(|list| !list.filter().is_empty()) else { return false };
        list.set_filter(String::new());
        true
    }

    fn copy(&mut self) -> Effect {
        let address = match (self.list(), self.details.last()) {
            (Some(list), _) => list.selected().and_then(|item| list.kind.address(item)),
            (None, Some(detail)) => detail.kind.address(detail.item()),
            (None, None) => None,
        };
        // An address has no other characters: nothing else is to get into a clipboard.
        let is_address = |text: &String| text.chars().all(|c| c.is_ascii_hexdigit() || ".:[]%".contains(c));
        match address.filter(is_address) {
            Some(address) => {
                self.notify(format!("copied {address}, if the terminal lets programs copy (OSC 52)"));
                Effect::Copy(address)
            }
            None => {
                self.notify("there is no address to copy".to_owned());
                Effect::Nothing
            }
        }
    }

    fn type_filter(&mut self, key: Key) -> Effect {
        let Some(typed) = &mut self.typed else { return Effect::Nothing };
        match key {
            Key::Char(character) if typed.chars().count() < MAX_FILTER => typed.push(character),
            Key::Backspace => {
                typed.pop();
            }
            Key::Control('u') => typed.clear(),
            Key::Escape => self.typed = None,
            Key::Control('c') => return Effect::End,
            Key::Control('z') => return Effect::Suspend,
            Key::Enter => {
                let typed = self.typed.take().unwrap_or_default();
                if let Some(list) = self.list_mut() {
                    list.set_filter(typed.trim().to_owned());
                }
                return Effect::Ask;
            }
            _ => {}
        }
        Effect::Nothing
    }
}

fn asking(is_asking: bool) -> Effect {
    if is_asking { Effect::Ask } else { Effect::Nothing }
}
