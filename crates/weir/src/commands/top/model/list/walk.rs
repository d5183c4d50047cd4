//! How does the cursor move, from page to page if need be?

use super::{Goal, List};
use crate::commands::top::model::pages::Pages;

impl List {
    /// Moves the cursor by lines; returns whether another page is wanted.
    pub(in crate::commands::top::model) fn step(&mut self, lines: isize) -> bool {
        // Keys that come before the page that was asked for.
        if self.goal.is_some() {
            return false;
        }
        let last = self.rows.len().saturating_sub(1);
        let is_at_edge = if lines > 0 { self.cursor == last } else { self.cursor == 0 };
        if !is_at_edge {
            self.cursor = self.cursor.saturating_add_signed(lines).min(last);
            return false;
        }
        let (moved, goal) = match lines > 0 {
            true => (self.pages.forward(self.rows.len() as u64, false), Goal::First),
            false => (self.pages.back(), Goal::Last),
        };
        self.goal = moved.then_some(goal);
        moved
    }

    /// Moves the cursor by screens.
    pub(in crate::commands::top::model) fn page(&mut self, screens: isize) -> bool {
        let lines = isize::try_from(self.height.saturating_sub(1).max(1)).unwrap_or(1);
        self.step(screens * lines)
    }

    /// Goes to the first line; returns whether another page is wanted.
    pub(in crate::commands::top::model) fn go_first(&mut self) -> bool {
        (self.cursor, self.offset) = (0, 0);
        if self.pages.is_first() {
            return false;
        }
        self.pages = Pages::default();
        self.goal = Some(Goal::First);
        true
    }

    /// Goes to the last line; returns whether another page is wanted.
    pub(in crate::commands::top::model) fn go_last(&mut self) -> bool {
        self.cursor = self.rows.len().saturating_sub(1);
        let moved = self.goal.is_none() && self.pages.forward(self.rows.len() as u64, true);
        if moved {
            self.goal = Some(Goal::End);
        }
        moved
    }
}
