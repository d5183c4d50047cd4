//! What does each command do?

mod cleanup;
mod demo;
mod doctor;
mod execute;
mod explain;
mod load;
mod problems;
mod resolve;
mod run;
mod signals;

pub use execute::execute;
