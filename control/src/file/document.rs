//! What is to be said of the text of one document: which fields does it name that are unknown or there twice, and where?

pub(super) mod duplicates;
pub(super) mod fields;
pub(super) mod lines;
