//! What is known at the end, and how is it shown?

pub(crate) mod plot;
mod ratios;
mod results;
mod sample;
pub(crate) mod table;

pub(crate) use results::Report;
pub(crate) use sample::{Figures, Sample};
