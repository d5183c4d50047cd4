//! What is known at the end, and how is it shown?

pub(crate) mod plot;
mod results;
pub(crate) mod table;

pub(crate) use results::{Figure, Report};
