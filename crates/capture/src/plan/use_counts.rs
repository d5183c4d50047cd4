//! What is in use by several, and what came into use or went out of it?

use super::Edit;
use std::{collections::HashMap, hash::Hash};

/// Things that are there for as long as anything uses them.
#[derive(Debug)]
pub(super) struct UseCounts<T> {
    users: HashMap<T, usize>,
    /// What was taken or released since the last time, and whether it was there before.
    touched: HashMap<T, bool>,
}

impl<T> Default for UseCounts<T> {
    fn default() -> Self {
        Self { users: HashMap::new(), touched: HashMap::new() }
    }
}

impl<T: Copy + Eq + Hash> UseCounts<T> {
    /// All that are in use, in no order.
    pub(super) fn iter(&self) -> impl Iterator<Item = T> {
        self.users.keys().copied()
    }

    /// How many are in use.
    pub(super) fn len(&self) -> usize {
        self.users.len()
    }

    /// Counts one more user.
    pub(super) fn add_user(&mut self, item: T) {
        self.remember(item);
        *self.users.entry(item).or_default() += 1;
    }

    /// Counts one user less.
    pub(super) fn remove_user(&mut self, item: T) {
        self.remember(item);
        if let Some(users) = self.users.get_mut(&item) {
            *users -= 1;
            if *users == 0 {
                self.users.remove(&item);
            }
        }
    }

    /// What differs from the last time. What came and went in between never was.
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
