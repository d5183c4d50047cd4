//! What does the server hold, and what of it does a request select?

mod collections;
mod object;
mod pages;
mod selector;

pub(super) use collections::{Change, Store};
pub(super) use object::Object;
pub(super) use pages::{Listed, Pages};
pub(super) use selector::Selection;
