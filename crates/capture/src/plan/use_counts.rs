//! Which items have users, and which got their first or lost their last one?

use super::edit::Edit;
use std::{collections::HashMap, hash::Hash};

/// Items that are there for as long as they have users.
#[derive(Debug)]
pub(super) struct UseCounts<T> {
    users: HashMap<T, usize>,
    /// Items whose users changed since the last [`drain_edits`](Self::drain_edits), and whether they had any before.
    touched: HashMap<T, bool>,
}

impl<T> Default for UseCounts<T> {
    fn default() -> Self {
        Self { users: HashMap::new(), touched: HashMap::new() }
    }
}

impl<T: Copy + Eq + Hash> UseCounts<T> {
    /// Items in use, in no order.
    pub(super) fn iter(&self) -> impl Iterator<Item = T> {
        self.users.keys().copied()
    }

    /// Number of items in use.
    pub(super) fn len(&self) -> usize {
        self.users.len()
    }

    /// Counts one more user of an item.
    pub(super) fn add_user(&mut self, item: T) {
        self.remember(item);
        *self.users.entry(item).or_default() += 1;
    }

    /// Counts one user of an item less.
    pub(super) fn remove_user(&mut self, item: T) {
        self.remember(item);
        if let Some(users) = self.users.get_mut(&item) {
            *users -= 1;
            if *users == 0 {
                self.users.remove(&item);
            }
        }
    }

    /// Items that came into use or went out of use since the last call. An item that came and went in between is not among
    /// them.
    pub(super) fn drain_edits(&mut self) -> Vec<Edit<T, ()>> {
        let there = |is: bool| is.then_some(());
        let edit = |(key, before): (T, bool)| Edit {
            key,
            before: there(before),
            after: there(self.users.contains_key(&key)),
        };
        std::mem::take(&mut self.touched)
            .into_iter()
            .map(edit)
            .filter(|edit| edit.before != edit.after)
            .collect()
    }

    fn remember(&mut self, item: T) {
        let is_there = self.users.contains_key(&item);
        self.touched.entry(item).or_insert(is_there);
    }
}
